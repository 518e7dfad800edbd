//! Credentials that stay alive when they are used.
//!
//! - A refresh token works once, and an access token can be rotated once. Of all callers, in all replicas, one calls the host: it holds the
//!   lease of the integration, has noted that it calls, and stores what it gets before anybody uses
//!   it. All others wait and take over what was stored.
//! - A renewal that began goes to its end, also when the caller who began it goes away: it runs as a
//!   task of its own.
//! - What a user stores meanwhile wins; the renewed credential is then dropped.
//! - Only the host's "no" makes a connection EXPIRED. A host that does not answer holds the next
//!   attempt off, and changes nothing.
//! - A token of an App's installation is made when it is needed and never stored.

mod ahead;
mod attempt;
mod failure;
mod installation;
mod rotate;
mod step;
mod wait;
mod way;
mod when;

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use scm_providers::{Known, ProviderError};
use scm_store::{Acquired, RenewalController};
use scm_types::{AccessToken, Actor, IntegrationId, RepoUrl, TenantScmIntegration, Timestamp};

use self::{failure::NotRenewed, installation::Installations, wait::Gate};
use crate::{ServiceError, Services};

pub use ahead::{DueAhead, RenewedAhead};
pub(crate) use failure::is_refused;
#[cfg(any(test, debug_assertions, feature = "faults"))]
pub use step::RenewalStep;

/// How long before its end a token is renewed at the latest.
pub(crate) const LEAST_MARGIN: Duration = Duration::from_mins(5);

/// How many integrations are remembered as being renewed in this process.
const GATES: u64 = 10_000;

/// What renewals in this process share.
pub(crate) struct Renewals {
    leases: RenewalController,
    gates: Cache<IntegrationId, Arc<Gate>>,
    installations: Installations,
    least_margin: Duration,
    /// How long a caller waits for somebody else's renewal.
    patience: Duration,
    #[cfg(any(test, debug_assertions, feature = "faults"))]
    stop: Option<step::Stop>,
}

impl Renewals {
    /// `operation` is the time that an operation at a host has: half of it may go by in waiting.
    pub(crate) fn new(
        leases: RenewalController,
        least_margin: Duration,
        operation: Duration,
    ) -> Self {
        Self {
            leases,
            gates: Cache::builder()
                .max_capacity(GATES)
                .time_to_idle(Duration::from_mins(10))
                .build(),
            installations: Installations::new(),
            least_margin,
            patience: operation / 2,
            #[cfg(any(test, debug_assertions, feature = "faults"))]
            stop: None,
        }
    }
}

/// An integration with the credential that is to be presented now.
pub(crate) struct Ready {
    /// The row, as it was read when the credential was.
    pub(crate) row: TenantScmIntegration,
    /// The credential.
    pub(crate) token: AccessToken,
    /// True if it is the row's own, and not one of an App's installation.
    pub(crate) is_stored: bool,
    expires_at: Option<Timestamp>,
}

impl Ready {
    fn stored(row: TenantScmIntegration) -> Result<Self, ServiceError> {
        let token = row.access_token.clone().ok_or(ServiceError::NoCredential)?;
        Ok(Self {
            token,
            is_stored: true,
            expires_at: row.integration.token_expires_at,
            row,
        })
    }

    /// What is stored about the connection.
    pub(crate) fn known(&self) -> Known {
        Known {
            expires_at: self.expires_at,
            repository_id: self.row.provider_repository_id.clone(),
        }
    }
}

/// True if there is something to present to the host: a token, or an App's installation, of which a
/// deleted connection makes no use any more.
pub(crate) fn has_credential(row: &TenantScmIntegration) -> bool {
    row.access_token.is_some() || installation::of(row).is_some()
}

/// True if the host has refused the credential itself: another one may be taken.
pub(crate) fn is_refusal(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::TokenInvalid { .. } | ProviderError::TokenExpired { .. }
    )
}

impl Services {
    /// The credential to use for an integration: the stored one, renewed before if its end is near,
    /// or that of an App's installation.
    ///
    /// Fails with [`ServiceError::NoCredential`] if there is none, with
    /// [`ServiceError::CredentialExpired`] if the host does not renew it any more, and with
    /// [`ServiceError::Provider`] if it has ended and cannot be renewed now, or if an installation
    /// gives no token.
    pub(crate) async fn fresh(
        &self,
        actor: &Actor,
        row: TenantScmIntegration,
        url: &RepoUrl,
    ) -> Result<Ready, ServiceError> {
        if row.access_token.is_none() {
            return Box::pin(self.of_installation(row, url)).await;
        }
        let Some(way) = self.due_way(&row, url) else {
            return Ready::stored(row);
        };
        let (now, end) = (self.clock.now(), row.integration.token_expires_at);
        // Seldom gone, and large: boxed, so that not every operation carries it along.
        match Box::pin(self.renewed(actor, &row, url, way)).await {
            Ok(row) => Ready::stored(row),
            Err(NotRenewed::Impossible) => Ready::stored(row),
            // It is good for a while yet.
            Err(NotRenewed::Later(_)) if end.is_some_and(|end| end > now) => Ready::stored(row),
            Err(error) => Err(error.into()),
        }
    }

    /// Another credential in place of one that the host has refused; `None` if there is none to be
    /// had. To be asked once in an operation.
    pub(crate) async fn after_refusal(
        &self,
        actor: &Actor,
        refused: &Ready,
        url: &RepoUrl,
    ) -> Result<Option<Ready>, ServiceError> {
        if !refused.is_stored {
            self.forget_installation(refused, url).await;
            let next = Box::pin(self.of_installation(refused.row.clone(), url));
            return next.await.map(Some);
        }
        let Some(way) = self.way_after_refusal(&refused.row, url) else {
            return Ok(None);
        };
        match Box::pin(self.renewed(actor, &refused.row, url, way)).await {
            Ok(row) => Ready::stored(row).map(Some),
            Err(NotRenewed::Impossible) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that the host refused a credential that it had just given, so that not every operation
    /// from now on renews it again.
    pub(crate) async fn refused_again(&self, ready: &Ready) {
        if !ready.is_stored {
            return;
        }
        let (leases, id) = (&self.renewals.leases, &ready.row.integration.id);
        let noted = match leases.acquire(id, ready.row.credential_version).await {
            Ok(Acquired::Mine(lease)) => {
                let backoff = when::backoff(lease.failures());
                let code = failure::REFUSED_AGAIN;
                leases.fail(lease, code, backoff, true).await.map(|_| ())
            }
            other => other.map(|_| ()),
        };
        if let Err(error) = noted {
            tracing::debug!(%error, "that a renewed credential was refused could not be noted");
        }
    }
}
