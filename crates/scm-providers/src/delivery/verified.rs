//! A delivery that is the host's.

use std::fmt;

use http::{HeaderMap, header::CONTENT_TYPE};
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use scm_types::{DeliveryId, SignatureScheme};

use super::headers::{
    BITBUCKET_DELIVERY, BITBUCKET_EVENT, DATA_CENTER_DELIVERY, GITHUB_DELIVERY, GITHUB_EVENT,
    GITLAB_EVENT, GITLAB_EVENT_UUID, GITLAB_IDEMPOTENCY_KEY, WEBHOOK_ID, text,
};

/// The longest name of an event.
const MAX_EVENT: usize = 64;

type Sha256 = [u8; SHA256_OUTPUT_LEN];

/// What a signature covers.
#[derive(Clone, Copy)]
pub(super) enum Signed<'p> {
    /// The body after this.
    After(&'p [u8]),
    /// Nothing: a token in clear proves who sends, whatever is sent.
    Nothing,
}

/// A delivery whose signature was found right. [`verify`](super::verify) alone makes one.
pub struct Verified<'a> {
    scheme: SignatureScheme,
    body: &'a [u8],
    id: DeliveryId,
    event: Option<String>,
    digest: String,
    is_json: bool,
    matched: usize,
}

impl<'a> Verified<'a> {
    pub(super) fn new(
        scheme: SignatureScheme,
        headers: &HeaderMap,
        signed: Signed<'_>,
        body: &'a [u8],
        matched: usize,
    ) -> Self {
        let (id, digest) = match signed {
            Signed::After(prefix) => {
                let digest = sha256(&[prefix, body]);
                (id(scheme, headers, body, &digest), digest)
            }
            Signed::Nothing => {
                let id = id(scheme, headers, body, &sha256(&[body]));
                let digest = sha256(&[id.as_str().as_bytes(), b"\n", body]);
                (id, digest)
            }
        };
        Self {
            scheme,
            body,
            id,
            event: event(scheme, headers),
            digest: DeliveryId::from_digest(&digest).to_string(),
            is_json: is_json(headers),
            matched,
        }
    }

    /// A delivery that was verified when it came. What it was signed with is not known any more, so
    /// this one is never given out.
    pub(super) fn kept(scheme: SignatureScheme, headers: &HeaderMap, body: &'a [u8]) -> Self {
        Self::new(scheme, headers, Signed::After(&[]), body, 0)
    }

    /// The scheme that it was verified by.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// What a host's repetition of the same delivery has in common with it. Taken from a header,
    /// which most hosts do not sign; a digest where the host sends none that is fit to be stored.
    #[must_use]
    pub fn id(&self) -> &DeliveryId {
        &self.id
    }

    /// SHA-256 of what was signed, 64 lower-case hexadecimal digits: a delivery that somebody else
    /// sends again under another id has the same. Where nothing is signed it is of id and body.
    ///
    /// Bitbucket signs the body alone and puts neither id nor time into it, so what really happens
    /// twice, such as a tag that is made, removed and made again, may have the same digest too.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The host's name for the event, if the delivery has one of ordinary characters.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// Which of the secrets fits, as an index into those that were given.
    #[must_use]
    pub fn matched(&self) -> usize {
        self.matched
    }

    /// Whether its header says that the body is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }
}

impl fmt::Debug for Verified<'_> {
    /// Without the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("scheme", &self.scheme)
            .field("id", &self.id)
            .field("event", &self.event)
            .field("matched", &self.matched)
            .finish_non_exhaustive()
    }
}

fn id(scheme: SignatureScheme, headers: &HeaderMap, body: &[u8], digest: &Sha256) -> DeliveryId {
    let told = |name| DeliveryId::parse(text(headers, name)?).ok();
    let id = match scheme {
        SignatureScheme::Github => told(GITHUB_DELIVERY),
        SignatureScheme::Bitbucket => told(BITBUCKET_DELIVERY),
        SignatureScheme::BitbucketDataCenter => told(DATA_CENTER_DELIVERY),
        SignatureScheme::GitlabSignature | SignatureScheme::GitlabToken => told(WEBHOOK_ID)
            .or_else(|| told(GITLAB_IDEMPOTENCY_KEY))
            .or_else(|| older_gitlab(headers, body)),
    };
    id.unwrap_or_else(|| DeliveryId::from_digest(digest))
}

/// GitLab before it had ids: one trigger has one UUID for all webhooks and events that it causes.
fn older_gitlab(headers: &HeaderMap, body: &[u8]) -> Option<DeliveryId> {
    let trigger = text(headers, GITLAB_EVENT_UUID)?;
    let event = text(headers, GITLAB_EVENT)?;
    let parts = [trigger.as_bytes(), b"\n", event.as_bytes(), b"\n", body];
    Some(DeliveryId::from_digest(&sha256(&parts)))
}

fn event(scheme: SignatureScheme, headers: &HeaderMap) -> Option<String> {
    let name = match scheme {
        SignatureScheme::Github => GITHUB_EVENT,
        SignatureScheme::GitlabSignature | SignatureScheme::GitlabToken => GITLAB_EVENT,
        SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter => BITBUCKET_EVENT,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _:.-".contains(&byte);
    text(headers, name)
        .filter(|name| !name.is_empty() && name.len() <= MAX_EVENT && name.bytes().all(plain))
        .map(str::to_owned)
}

fn is_json(headers: &HeaderMap) -> bool {
    text(headers, CONTENT_TYPE.as_str())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn sha256(parts: &[&[u8]]) -> Sha256 {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut digest = [0; SHA256_OUTPUT_LEN];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
