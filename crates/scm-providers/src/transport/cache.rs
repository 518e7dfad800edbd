//! Answers that can be asked for again with their entity tag (RFC 9110 section 13.1.2).
//!
//! - Every use asks the host whether the answer is still good; nothing is served without that.
//! - An answer belongs to one credential and one URL; another credential never sees it.
//! - At most 4 MiB are kept, and no answer over 256 KiB.

use std::sync::{Arc, OnceLock};

use http::header;
use moka::future::Cache;
use url::Url;

use super::Answer;
use crate::rate_limit::CredentialKey;

const MAX_BYTES: u64 = 4 * 1024 * 1024;
const MAX_ANSWER: usize = 256 * 1024;

type Key = (CredentialKey, Arc<str>);

/// The cache. Takes no memory before its first answer.
#[derive(Default)]
pub(crate) struct AnswerCache(OnceLock<Cache<Key, Arc<Answer>>>);

impl AnswerCache {
    /// The answer kept for a URL.
    pub(crate) async fn get(&self, credential: CredentialKey, url: &Url) -> Option<Arc<Answer>> {
        let cache = self.0.get()?;
        cache.get(&(credential, url.as_str().into())).await
    }

    /// Keeps an answer that has an entity tag and is small enough.
    pub(crate) async fn put(&self, credential: CredentialKey, url: &Url, answer: &Answer) {
        let tagged = answer.header(header::ETAG.as_str()).is_some();
        if !tagged || answer.body.len() > MAX_ANSWER {
            return;
        }
        let cache = self.0.get_or_init(|| {
            Cache::builder()
                .max_capacity(MAX_BYTES)
                .weigher(|(_, url): &Key, answer: &Arc<Answer>| weight(url, answer))
                .build()
        });
        let key = (credential, url.as_str().into());
        cache.insert(key, Arc::new(answer.clone())).await;
    }

    /// How many bytes are kept.
    #[cfg(test)]
    pub(crate) async fn bytes(&self) -> u64 {
        let Some(cache) = self.0.get() else { return 0 };
        cache.run_pending_tasks().await;
        cache.weighted_size()
    }
}

/// The kept answer with the headers that came now: limits, scopes and expiry are up to date.
pub(super) fn refreshed(known: &Arc<Answer>, now: &Answer) -> Answer {
    let mut answer = Answer::clone(known);
    for name in now.headers.keys() {
        if !matches!(*name, header::CONTENT_LENGTH | header::CONTENT_TYPE) {
            let values = now.headers.get_all(name).iter().cloned();
            answer.headers.remove(name);
            for value in values {
                answer.headers.append(name, value);
            }
        }
    }
    answer
}

fn weight(url: &str, answer: &Answer) -> u32 {
    let headers: usize = answer
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 64)
        .sum();
    u32::try_from(url.len() + answer.body.len() + headers + 256).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    fn answer(bytes: usize, tag: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(tag) = tag {
            headers.insert("etag", HeaderValue::from_static(tag));
        }
        Answer {
            status: StatusCode::OK,
            headers,
            body: vec![0; bytes].into(),
            moved: false,
        }
    }

    #[tokio::test]
    async fn keeps_tagged_answers_of_one_credential_within_its_bytes() {
        let cache = AnswerCache::default();
        let url = Url::parse("https://h/x").unwrap();
        let (mine, yours) = (CredentialKey::of(b"mine"), CredentialKey::of(b"yours"));
        cache.put(mine, &url, &answer(10, None)).await;
        assert!(cache.0.get().is_none(), "nothing is allocated for nothing");
        cache
            .put(mine, &url, &answer(MAX_ANSWER + 1, Some("a")))
            .await;
        assert!(cache.get(mine, &url).await.is_none(), "too large");
        cache.put(mine, &url, &answer(10, Some("a"))).await;
        assert!(cache.get(mine, &url).await.is_some());
        assert!(cache.get(yours, &url).await.is_none(), "of somebody else");

        for i in 0..40 {
            let url = Url::parse(&format!("https://h/{i}")).unwrap();
            cache.put(mine, &url, &answer(MAX_ANSWER, Some("a"))).await;
        }
        assert!(cache.bytes().await <= MAX_BYTES);
    }
}
