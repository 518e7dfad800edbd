//! Why a credential was not renewed: for the caller now, and as the word that is stored for those
//! who come later.

use std::time::Duration;

use scm_providers::{Outage, ProviderError};
use scm_store::FailedRenewal;

use crate::ServiceError;

/// The host does not renew the credential any more.
pub(super) const REFUSED: &str = "refused";
/// The host refuses what it has just given.
pub(super) const REFUSED_AGAIN: &str = "refused_again";
/// The host does not renew a credential of this kind, which is as good as it was.
pub(super) const NOT_POSSIBLE: &str = "not_possible";
/// The new credential could not be stored.
pub(super) const NOT_STORED: &str = "not_stored";

/// True if the host has said that it does not renew the credential.
pub(crate) fn is_refused(failed: &FailedRenewal) -> bool {
    [REFUSED, REFUSED_AGAIN, NOT_POSSIBLE].contains(&failed.code.as_str())
}

/// Why there is no new credential.
#[derive(Debug)]
pub(super) enum NotRenewed {
    /// The host does not renew it any more; the status is EXPIRED.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
    /// Nobody knows; the same call may work later.
    Later(ProviderError),
    /// There is nothing to renew it with, or the host does not do it.
    Impossible,
    /// Something else went wrong.
    Failed(ServiceError),
}

impl From<NotRenewed> for ServiceError {
    fn from(error: NotRenewed) -> Self {
        match error {
            NotRenewed::Refused { reason } => Self::CredentialExpired { reason },
            NotRenewed::Later(error) => Self::Provider(error),
            NotRenewed::Impossible => Self::NoCredential,
            NotRenewed::Failed(error) => error,
        }
    }
}

impl From<ServiceError> for NotRenewed {
    fn from(error: ServiceError) -> Self {
        Self::Failed(error)
    }
}

/// Somebody else renews it and is not done yet.
pub(super) fn busy(wait: Duration) -> NotRenewed {
    NotRenewed::Later(ProviderError::Unavailable {
        outage: Outage::Timeout,
        retry_after: Some(wait),
        source: None,
    })
}

/// The word for what kept a renewal from being done.
pub(super) fn code_of(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Unavailable { outage, .. } => outage.as_str(),
        error => error.code(),
    }
}

/// The same error, with the time that goes by before the next attempt.
pub(super) fn later(error: ProviderError, wait: Duration) -> ProviderError {
    match error {
        ProviderError::Unavailable { outage, source, .. } => ProviderError::Unavailable {
            outage,
            retry_after: Some(wait),
            source,
        },
        ProviderError::RateLimited { .. } => ProviderError::RateLimited { retry_after: wait },
        error => error,
    }
}

/// What is told to those who come while the next attempt is held off.
pub(super) fn held_off(code: Option<&str>, wait: Duration, stored: Option<&str>) -> NotRenewed {
    let outage = match code {
        Some(REFUSED) => {
            let reason = stored.unwrap_or(
                "The code host does not renew the credential any more. Connect the repository again",
            );
            return NotRenewed::Refused {
                reason: reason.to_owned(),
            };
        }
        Some(REFUSED_AGAIN | NOT_POSSIBLE) => return NotRenewed::Impossible,
        Some("rate_limited") => {
            return NotRenewed::Later(ProviderError::RateLimited { retry_after: wait });
        }
        Some("server_refused") => {
            return NotRenewed::Later(ProviderError::ServerRefused {
                what: "the host's setting oauth (client_id, client_secret)",
            });
        }
        Some("egress_denied") => return NotRenewed::Later(ProviderError::EgressDenied),
        Some("timeout") => Outage::Timeout,
        Some("tls") => Outage::Tls,
        Some("truncated") => Outage::Truncated,
        Some("too_large") => Outage::TooLarge,
        Some("malformed" | "bad_request") => Outage::Malformed,
        Some("redirected") => Outage::Redirected,
        _ => Outage::Unreachable,
    };
    NotRenewed::Later(ProviderError::Unavailable {
        outage,
        retry_after: Some(wait),
        source: None,
    })
}
