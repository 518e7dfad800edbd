//! The audit log: what is noted of an act, and how it is read again.
//!
//! - What is to be noted is an [`AuditRecord`]. Its detail takes facts and nothing else: names of
//!   fields, refs, commits, statuses. There is no way from a secret to an [`AuditFact`].
//! - What was noted is an [`AuditEntry`]. Its words are text, so that one of a newer program can be
//!   shown.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, BranchName, CommitSha, InvalidId, InvalidPage, PageLimit, Purpose, RefSpec, TagName,
    TenantId, Timestamp, VerificationStatus, Who, words::words,
};

words! {
    /// What was done.
    AuditAction {
        /// A connection was made.
        IntegrationCreated = "integration.created",
        /// A deleted connection came back by being made again.
        IntegrationRestored = "integration.restored",
        /// It was taken over from the old server's table.
        IntegrationImported = "integration.imported",
        /// Fields were changed.
        IntegrationUpdated = "integration.updated",
        /// It was deleted softly: its secrets are gone, the row is there.
        IntegrationDeleted = "integration.deleted",
        /// It was deleted for good.
        IntegrationRemoved = "integration.removed",
        /// It was checked against its code host.
        IntegrationVerified = "integration.verified",
        /// The stored secrets were opened, for the purpose that stands beside it.
        CredentialOpened = "credential.opened",
        /// What another writer had left in clear was sealed.
        CredentialSealed = "credential.sealed",
        /// The code host gave a new credential for a refresh token.
        CredentialRenewed = "credential.renewed",
        /// The code host gave a new credential for the old one.
        CredentialRotated = "credential.rotated",
        /// The credential was found to have ended for good.
        CredentialExpired = "credential.expired",
        /// A branch was made at the code host.
        BranchCreated = "branch.created",
        /// A tag was made at the code host.
        TagCreated = "tag.created",
        /// A release was made at the code host.
        ReleaseCreated = "release.created",
        /// A webhook was registered at the code host.
        WebhookRegistered = "webhook.registered",
        /// A webhook got a new secret.
        WebhookRotated = "webhook.rotated",
        /// The code host was asked for a test delivery.
        WebhookTested = "webhook.tested",
        /// A webhook was removed from the code host.
        WebhookRemoved = "webhook.removed",
        /// A delivery was taken in once more.
        DeliveryReplayed = "delivery.replayed",
        /// The code host was asked to send deliveries again that had failed.
        RedeliveryRequested = "redelivery.requested",
        /// An API key was made.
        ApiKeyCreated = "api_key.created",
        /// An API key was revoked.
        ApiKeyRevoked = "api_key.revoked",
    }
}

words! {
    /// How it ended.
    AuditOutcome {
        /// As it was meant to.
        Done = "done",
        /// It was not done.
        Failed = "failed",
        /// Nobody knows: the answer was lost.
        Unknown = "unknown",
    }
}

/// Whose chain a row stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditChain {
    /// What was done to what a tenant has.
    Tenant(TenantId),
    /// What was done to what no tenant has: keys of the platform.
    Platform,
}

impl AuditChain {
    /// No tenant has such a name: ids have no spaces.
    const PLATFORM: &str = "the platform";

    /// The chain's name, as it is stored and shown: the tenant's id, or `the platform`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.as_str(),
            Self::Platform => Self::PLATFORM,
        }
    }
}

impl fmt::Display for AuditChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AuditChain {
    type Err = InvalidId;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        if raw == Self::PLATFORM {
            Ok(Self::Platform)
        } else {
            TenantId::parse(raw).map(Self::Tenant)
        }
    }
}

impl From<TenantId> for AuditChain {
    fn from(tenant: TenantId) -> Self {
        Self::Tenant(tenant)
    }
}

/// One fact of a detail. It is made of what is no secret, and of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum AuditFact {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A word, a name or a commit.
    Text(String),
    /// Names, such as those of fields.
    List(Vec<String>),
}

impl AuditFact {
    /// The longest text, in characters.
    const MAX: usize = 255;

    /// A name that a code host gave to something, such as a webhook. Cut, and without what is no
    /// text. Never for a secret.
    #[must_use]
    pub fn name(raw: &str) -> Self {
        let shown = raw.chars().filter(|char| !char.is_control());
        Self::Text(shown.take(Self::MAX).collect())
    }
}

impl From<bool> for AuditFact {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for AuditFact {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<&'static str>> for AuditFact {
    fn from(names: Vec<&'static str>) -> Self {
        Self::List(names.into_iter().map(str::to_owned).collect())
    }
}

macro_rules! facts {
    ($($name:ty)+) => {$(
        impl From<$name> for AuditFact {
            fn from(name: $name) -> Self {
                Self::Text(name.to_string())
            }
        }
    )+};
}

facts! { &BranchName &TagName &CommitSha &RefSpec &AccountId VerificationStatus Timestamp }

/// Facts beside an act, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuditDetail(BTreeMap<String, AuditFact>);

impl AuditDetail {
    /// The same with one more fact. Names are camelCase.
    #[must_use]
    pub fn with(mut self, name: &'static str, fact: impl Into<AuditFact>) -> Self {
        self.0.insert(name.to_owned(), fact.into());
        self
    }

    /// True if nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A fact.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AuditFact> {
        self.0.get(name)
    }
}

/// What is to be noted of an act, but for who did it, to what and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// What was done.
    pub action: AuditAction,
    /// What a secret was opened for.
    pub purpose: Option<Purpose>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Why it was not done: the stable code that the failure has in an answer.
    pub code: Option<&'static str>,
    /// Facts beside it.
    pub detail: AuditDetail,
}

impl AuditRecord {
    /// An act that was done.
    #[must_use]
    pub fn done(action: AuditAction) -> Self {
        Self {
            action,
            purpose: None,
            outcome: AuditOutcome::Done,
            code: None,
            detail: AuditDetail::default(),
        }
    }

    /// An act that was not done, or of which nobody knows, and why.
    #[must_use]
    pub fn not_done(action: AuditAction, outcome: AuditOutcome, code: &'static str) -> Self {
        Self {
            outcome,
            code: Some(code),
            ..Self::done(action)
        }
    }

    /// The opening of secrets.
    #[must_use]
    pub fn opened(purpose: Purpose) -> Self {
        Self {
            purpose: Some(purpose),
            ..Self::done(AuditAction::CredentialOpened)
        }
    }

    /// The same with facts.
    #[must_use]
    pub fn with(self, detail: AuditDetail) -> Self {
        Self { detail, ..self }
    }
}

/// Who acted, as it was noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditActor {
    /// `member`, `platform` or `server`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The account, or the server's task.
    pub id: String,
}

impl From<&Who> for AuditActor {
    fn from(who: &Who) -> Self {
        let (kind, id) = match who {
            Who::Member(account) => ("member", account.as_str()),
            Who::Platform(account) => ("platform", account.as_str()),
            Who::Server(task) => ("server", task.as_str()),
        };
        Self {
            kind: kind.to_owned(),
            id: id.to_owned(),
        }
    }
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its place in the tenant's chain, counted from 1.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// What was done: a word of [`AuditAction`].
    pub action: String,
    /// What a secret was opened for: a word of [`Purpose`].
    #[cfg_attr(feature = "openapi", schema(required))]
    pub purpose: Option<String>,
    /// How it ended: a word of [`AuditOutcome`].
    pub outcome: String,
    /// Why it was not done.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub code: Option<String>,
    /// Who.
    pub actor: AuditActor,
    /// In which request, if in one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub request_id: Option<String>,
    /// Facts beside it.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub detail: Option<AuditDetail>,
    /// Over all of this, and over the row before it.
    pub hash: String,
}

/// The place behind which a page of the audit log starts. Opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditCursor(pub i64);

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "audit.{}", self.0)
    }
}

impl FromStr for AuditCursor {
    type Err = InvalidPage;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let sequence = raw.strip_prefix("audit.").ok_or(InvalidPage::Cursor)?;
        let digits = !sequence.is_empty() && sequence.bytes().all(|byte| byte.is_ascii_digit());
        let sequence = sequence.parse().ok().filter(|_| digits);
        sequence.map(Self).ok_or(InvalidPage::Cursor)
    }
}

/// Which part of an integration's audit log is wanted.
#[derive(Debug, Clone)]
pub struct AuditRequest {
    /// How many rows at the most.
    pub limit: PageLimit,
    /// Where to start; `None` is the newest row.
    pub after: Option<AuditCursor>,
}

impl Default for AuditRequest {
    /// The newest hundred.
    fn default() -> Self {
        Self {
            limit: PageLimit::new(100).unwrap_or_default(),
            after: None,
        }
    }
}

/// A part of an integration's audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The rows, newest first.
    pub items: Vec<AuditEntry>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<AuditCursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_their_columns() {
        for action in AuditAction::ALL {
            assert!(action.as_str().len() <= 32, "{action}");
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        for outcome in AuditOutcome::ALL {
            assert!(outcome.as_str().len() <= 16, "{outcome}");
        }
        for purpose in Purpose::ALL {
            assert!(purpose.as_str().len() <= 32, "{purpose}");
        }
    }

    #[test]
    fn details_are_objects_in_one_order() {
        let branch = BranchName::parse("release/2").unwrap();
        let detail = AuditDetail::default()
            .with("name", &branch)
            .with("existing", true)
            .with("fields", vec!["accessToken", "isActive"]);
        let json = serde_json::to_string(&detail).unwrap();
        assert_eq!(
            json,
            r#"{"existing":true,"fields":["accessToken","isActive"],"name":"release/2"}"#
        );
        assert_eq!(serde_json::from_str::<AuditDetail>(&json).unwrap(), detail);
    }

    #[test]
    fn chains_are_read_back() {
        for name in ["t1", "platform", "the platform"] {
            let chain: AuditChain = name.parse().unwrap();
            assert_eq!(chain.to_string(), name);
            assert_eq!(chain == AuditChain::Platform, name == "the platform");
        }
        assert!("a b".parse::<AuditChain>().is_err());
    }

    #[test]
    fn names_from_hosts_are_cut() {
        let long = "é\u{7}".repeat(300);
        assert_eq!(AuditFact::name(&long), AuditFact::Text("é".repeat(255)));
    }

    #[test]
    fn cursors_come_back_as_they_were() {
        assert_eq!("audit.17".parse(), Ok(AuditCursor(17)));
        assert_eq!(AuditCursor(17).to_string(), "audit.17");
        for raw in [
            "",
            "17",
            "audit.",
            "audit.-1",
            "audit.+1",
            "audit.x",
            "tag.1",
            "audit.99999999999999999999",
        ] {
            let read: Result<AuditCursor, _> = raw.parse();
            assert_eq!(read, Err(InvalidPage::Cursor), "{raw:?}");
        }
    }
}
