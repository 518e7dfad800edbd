//! From the payload of a verified delivery to events.
//!
//! - Nothing is told twice. A host that sends two deliveries for one thing has one of them told: of
//!   GitHub's `push` and `create`/`delete` it is `push`, which alone names the commit; of its
//!   `release` deliveries it is `published`.
//! - A member that is needed and not there is an error; one that only adds something is left out.

mod bitbucket;
mod data_center;
mod depth;
mod github;
mod gitlab;
mod member;
mod refs;

use http::HeaderMap;
use scm_types::{AccountRef, EventKind, EventRepository, ScmEvent, SignatureScheme};

use super::{PayloadError, Verified};

/// The events that a delivery tells; none if another delivery tells the same.
pub fn parse(verified: &Verified<'_>) -> Result<Vec<ScmEvent>, PayloadError> {
    if !verified.is_json() {
        return Err(PayloadError::ContentType);
    }
    let text = std::str::from_utf8(verified.body()).map_err(|_| PayloadError::Encoding)?;
    depth::check(text)?;
    // Structs would be read from a list as well.
    if !text.trim_start().starts_with('{') {
        return Err(PayloadError::Json { line: 1 });
    }
    let event = verified.event();
    match verified.scheme() {
        SignatureScheme::Github => github::events(event, text),
        SignatureScheme::GitlabSignature | SignatureScheme::GitlabToken => {
            gitlab::events(event, text)
        }
        SignatureScheme::Bitbucket => bitbucket::events(event, text),
        SignatureScheme::BitbucketDataCenter => data_center::events(event, text),
    }
}

/// The same for a delivery that was verified when it came and has been kept since.
///
/// For who keeps deliveries where nobody else can change them, sealed and authenticated: a signature
/// cannot be asked for again, for its secret may be gone and its time is over.
pub fn parse_kept(
    scheme: SignatureScheme,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<ScmEvent>, PayloadError> {
    parse(&Verified::kept(scheme, headers, body))
}

/// What all events of a delivery have in common.
struct Origin {
    repository: Option<EventRepository>,
    actor: Option<AccountRef>,
}

impl Origin {
    /// The repository's path, for what cannot do without.
    fn path(&self) -> Result<&str, PayloadError> {
        let repository = self.repository.as_ref().ok_or(NO_REPOSITORY)?;
        Ok(&repository.path)
    }

    fn tell(self, kinds: Vec<EventKind>) -> Result<Vec<ScmEvent>, PayloadError> {
        if self.repository.is_none() && kinds.iter().any(is_about_a_repository) {
            return Err(NO_REPOSITORY);
        }
        let event = |kind| ScmEvent {
            kind,
            repository: self.repository.clone(),
            actor: self.actor.clone(),
            reconciled: false,
        };
        Ok(kinds.into_iter().map(event).collect())
    }
}

const NO_REPOSITORY: PayloadError = PayloadError::Missing("the repository that it is about");

fn is_about_a_repository(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::InstallationSuspended { .. }
            | EventKind::InstallationDeleted { .. }
            | EventKind::WebhookRemoved { .. }
            | EventKind::Ping
            | EventKind::Unknown { .. }
    )
}

fn unknown(event: &str, action: Option<&str>) -> EventKind {
    EventKind::Unknown {
        event: member::word(event),
        action: action.map(member::word),
    }
}
