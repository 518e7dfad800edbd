//! What every client has in common: a session, a repository, how something in it is asked for, and
//! how refusals are told.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{Method, StatusCode};
use scm_types::{AccessToken, CommitSha, RepoUrl, Timestamp, TokenKind};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{
    Missing, ProviderError,
    host::Connection,
    page::NextPage,
    path::api_url,
    text::commit_sha,
    transport::{Answer, Call, Session},
};

/// What was asked, which decides what a 404 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The account or the credential; every API has it.
    Account,
    /// The repository.
    Repository,
    /// Something inside the repository.
    Part,
}

/// What is stored about a connection from before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// When the credential ends, where the host does not tell.
    pub expires_at: Option<Timestamp>,
    /// The host's id of the repository. The repository is asked for by it first, for it stays when
    /// the repository is renamed or moved; ignored if it is not of the host's form.
    pub repository_id: Option<String>,
}

impl Known {
    /// The id, if it is a number, as it is on GitHub and GitLab.
    pub(crate) fn number(&self) -> Option<&str> {
        let id = self.repository_id.as_deref()?;
        let fits = (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
        fits.then_some(id)
    }

    /// The id, if it is a `{uuid}`, as it is on Bitbucket.
    pub(crate) fn uuid(&self) -> Option<&str> {
        let id = self.repository_id.as_deref()?;
        let uuid = id.strip_prefix('{')?.strip_suffix('}')?;
        let fits = uuid.len() == 36
            && uuid.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        fits.then_some(id)
    }
}

/// One repository, one credential.
pub(crate) struct Context {
    pub(crate) session: Session,
    pub(crate) repository: RepoUrl,
    /// The credential, and what its shape tells.
    pub(crate) token: AccessToken,
    pub(crate) kind: TokenKind,
    /// What is stored about the connection.
    pub(crate) known: Known,
}

impl Context {
    /// The time for a whole operation.
    pub(crate) fn budget(&self) -> Duration {
        self.session.transport().settings().operation_budget
    }

    /// Reads from the API.
    pub(crate) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        let base = &self.session.transport().endpoint().api_url;
        self.session.read(&api_url(base, segments, query)?).await
    }

    /// Asks for the repository: by its id if that is known, else or if it is not found so by its
    /// path. Whether what the path names is the same repository is for the caller to see.
    pub(crate) async fn repository(
        &self,
        by_id: Option<&[&str]>,
        by_path: &[&str],
        not_found: fn(StatusCode) -> bool,
    ) -> Result<Answer, ProviderError> {
        if let Some(by_id) = by_id {
            let answer = self.get(by_id, &[]).await?;
            if !not_found(answer.status) {
                return Ok(answer);
            }
        }
        self.get(by_path, &[]).await
    }

    /// Where a list goes on, or where it starts.
    pub(crate) async fn page(
        &self,
        next: Option<&NextPage>,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Answer, ProviderError> {
        let Some(next) = next else {
            return self.get(segments, query).await;
        };
        let place = next.place();
        let place = place.ok_or_else(|| ProviderError::malformed("a next page without a place"))?;
        let place = place
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let query: Vec<_> = query.iter().copied().chain(place).collect();
        self.get(segments, &query).await
    }

    /// Sends a change to the API, once.
    pub(crate) async fn send(
        &self,
        method: Method,
        segments: &[&str],
        body: serde_json::Value,
    ) -> Result<Answer, ProviderError> {
        self.send_with(method, segments, &[], Some(body)).await
    }

    /// Sends a change to the API, once, with a query or without a body.
    pub(crate) async fn send_with(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<serde_json::Value>,
    ) -> Result<Answer, ProviderError> {
        let base = &self.session.transport().endpoint().api_url;
        let call = Call {
            method,
            url: api_url(base, segments, query)?,
            body: body.map(Into::into),
        };
        self.session.send_write(call).await
    }

    /// A refused credential: expired if that is stored, else invalid.
    pub(crate) fn refused(&self, hint: Option<&'static str>) -> ProviderError {
        match self.known.expires_at {
            Some(at) if at <= self.session.now() => ProviderError::TokenExpired { at: Some(at) },
            _ => ProviderError::TokenInvalid { hint },
        }
    }

    /// The path that a repository has now, if it is another than asked for. Hosts look paths up
    /// without regard to case.
    pub(crate) fn moved_to(&self, path: &str) -> Option<String> {
        (path.to_lowercase() != self.repository.path().to_lowercase()).then(|| path.to_owned())
    }
}

/// The ways into a repository that most products have in common.
pub(crate) trait Client: Connection {
    /// The answer if it is a success, else what its refusal means.
    fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError>;

    /// Something inside the repository; `None` if it is not there.
    async fn part<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, ProviderError> {
        let answer = self.context().get(path, query).await?;
        let found = if_there(self.accept(answer, Subject::Part))?;
        found.map(|answer| answer.json()).transpose()
    }

    /// Sends a change, once, and reads what was made.
    async fn make<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: serde_json::Value,
    ) -> Result<T, ProviderError> {
        let answer = self.context().send(Method::POST, path, body).await?;
        self.accept(answer, Subject::Part)?.json()
    }
}

/// The path that a host gave its repository, if it can be one: further calls are made of it.
pub(crate) fn checked_path(path: &str) -> Result<(), ProviderError> {
    let steps = |segment: &str| matches!(segment, "" | "." | "..");
    if path.contains('/') && !path.split('/').any(steps) {
        Ok(())
    } else {
        Err(ProviderError::malformed("a repository without a path"))
    }
}

/// What a 404 means.
pub(crate) fn not_found(subject: Subject) -> ProviderError {
    match subject {
        Subject::Account => ProviderError::malformed("the API has no account endpoint"),
        Subject::Repository => ProviderError::NotFound {
            what: Missing::Repository,
        },
        Subject::Part => ProviderError::NotFound {
            what: Missing::Part,
        },
    }
}

/// What is missing inside the repository is `None`; everything else that went wrong stays so.
pub(crate) fn if_there<T>(found: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(ProviderError::NotFound {
            what: Missing::Part,
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fails unless what a host says to have made is at the commit that it was asked for.
pub(crate) fn made_at(made: &str, wanted: &CommitSha) -> Result<(), ProviderError> {
    if commit_sha(made)? == *wanted {
        return Ok(());
    }
    Err(ProviderError::malformed("a ref made at another commit"))
}

/// How a credential is presented that may come with a name: as Basic if it does, else as a bearer.
pub(crate) fn basic_or_bearer(token: &str) -> Zeroizing<String> {
    Zeroizing::new(if token.contains(':') {
        format!("Basic {}", &*Zeroizing::new(BASE64_STANDARD.encode(token)))
    } else {
        format!("Bearer {token}")
    })
}

/// A name of a product whose token this looks like, where it was given to another.
pub(crate) fn foreign_token(token: &str, own: scm_types::ScmType) -> Option<&'static str> {
    use scm_types::ScmType;

    let has = |prefixes: &[&str]| prefixes.iter().any(|prefix| token.starts_with(prefix));
    if own != ScmType::Github && has(&["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"]) {
        Some("It looks like a token of GitHub")
    } else if own != ScmType::Gitlab && has(&["glpat-"]) {
        Some("It looks like a token of GitLab")
    } else if own != ScmType::Bitbucket && has(&["ATATT3x", "ATCTT3x", "ATBB"]) {
        Some("It looks like a token of Bitbucket")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_each_form() {
        #[track_caller]
        fn check(id: &str, is_number: bool, is_uuid: bool) {
            let known = Known {
                repository_id: Some(id.to_owned()),
                ..Known::default()
            };
            assert_eq!(known.number(), is_number.then_some(id));
            assert_eq!(known.uuid(), is_uuid.then_some(id));
        }
        check("4", true, false);
        check("12345678901234567890", true, false);
        check("123456789012345678901", false, false);
        check("", false, false);
        check("-4", false, false);
        check("4/hooks", false, false);
        check("..", false, false);
        check("\u{664}", false, false);
        check("{a4934530-db4c-419c-a478-9ab4964c2ee7}", false, true);
        check("a4934530-db4c-419c-a478-9ab4964c2ee7", false, false);
        check("{a4934530-db4c-419c-a478-9ab4964c2ee}", false, false);
        check("{a4934530-db4c-419c-a478-9ab4964c2ex7}", false, false);
        check("{a4934530/db4c-419c-a478-9ab4964c2ee7}", false, false);
        assert_eq!(Known::default().number(), None);
        assert_eq!(Known::default().uuid(), None);
    }
}
