//! Who changes something, or has a secret opened, and in which request: what the audit log is told.
//!
//! - Every write of the store takes an [`Actor`]; it carries the [`TenantScope`] that the write
//!   stays within.
//! - A caller becomes one by [`Caller::actor`](crate::Caller::actor); work that nobody asked for
//!   names its [`ServerTask`].

use std::fmt;

use crate::{AccountId, TenantScope, words::words};

/// The id of a request: 1 to 128 letters, digits, `-`, `_` and `.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

/// A text that cannot be a request's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 letters, digits, hyphens, underscores and dots")]
pub struct InvalidRequestId;

impl RequestId {
    /// Takes an id that came from outside.
    pub fn parse(raw: impl Into<String>) -> Result<Self, InvalidRequestId> {
        let raw = raw.into();
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if (1..=128).contains(&raw.len()) && raw.bytes().all(harmless) {
            Ok(Self(raw))
        } else {
            Err(InvalidRequestId)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

words! {
    /// Work of the server's own.
    ServerTask {
        /// Looks whether connections still work.
        Verification = "verification",
        /// Renews credentials before they end.
        Renewal = "renewal",
        /// Removes webhooks of deleted connections.
        WebhookRemoval = "webhook_removal",
        /// Takes in what code hosts deliver.
        Delivery = "delivery",
        /// Seals stored values with the current key.
        Resealing = "resealing",
        /// Looks for what deliveries should have told.
        GapCheck = "gap_check",
        /// Takes over what an old server writes into the table.
        Adoption = "adoption",
        /// What an operator does on the command line.
        Command = "command",
    }
}

words! {
    /// What a stored secret is opened for.
    Purpose {
        /// A check of the connection.
        Verify = "verify",
        /// Reading the repository.
        Read = "read",
        /// Making a branch.
        CreateBranch = "create_branch",
        /// Making a tag.
        CreateTag = "create_tag",
        /// Making a release.
        CreateRelease = "create_release",
        /// A new credential in its place.
        Renew = "renew",
        /// Work on the webhook at the code host.
        ManageWebhook = "manage_webhook",
        /// Telling whether a delivery is genuine.
        CheckDelivery = "check_delivery",
        /// Looking for what deliveries should have told.
        GapCheck = "gap_check",
        /// Writing it back for the old server.
        Export = "export",
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A member of a tenant.
    Member(AccountId),
    /// The platform, in the name of an account.
    Platform(AccountId),
    /// The server itself.
    Server(ServerTask),
}

/// Who acts, how far it reaches, and in which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The part of the data that can be changed.
    pub scope: TenantScope,
    /// Who it is.
    pub who: Who,
    /// The request that asked for it, if one did.
    pub request_id: Option<RequestId>,
}

impl Actor {
    /// The server itself, at work on any tenant's rows.
    #[must_use]
    pub fn server(task: ServerTask) -> Self {
        Self {
            scope: TenantScope::Platform,
            who: Who::Server(task),
            request_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids() {
        for good in ["a", "3f2b-1.c_D", &"x".repeat(128)] {
            assert_eq!(RequestId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\n", "ä", "a/b", &"x".repeat(129)] {
            assert_eq!(RequestId::parse(bad), Err(InvalidRequestId), "{bad:?}");
        }
    }

    #[test]
    fn words_are_read_back() {
        for task in ServerTask::ALL {
            assert_eq!(task.as_str().parse(), Ok(*task));
        }
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(*purpose));
        }
        assert!("Verify".parse::<Purpose>().is_err());
    }
}
