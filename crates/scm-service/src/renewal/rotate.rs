//! A new access token in place of an old one.
//!
//! - Whoever rotates a token that was rotated before has every token of its family revoked, also
//!   those that people use elsewhere. So the host is asked first, by a read, whether it still takes
//!   the old one: it says of a rotation whose answer was lost whether it was done, and of a token
//!   that was rotated by hand that it is gone.
//! - The token that is stored is good until the new one is made: what goes wrong before that is
//!   nobody's failure.

use scm_providers::{FreshTokens, Known, ProviderError, RenewalError};
use scm_store::Lease;
use scm_types::{AccessToken, RepoUrl, TenantScmIntegration, Timestamp};

use super::{
    attempt::{Attempt, Target, give_back},
    failure::NotRenewed,
    is_refusal, when,
};
use crate::{ServiceError, Services};

const GONE: &str = "The code host does not take the access token any more: it was revoked, or \
                    replaced elsewhere. Store a new one";

const LOST: &str = "The access token was replaced, but the answer with the new one was lost. \
                    Store a new one";

impl Services {
    /// Rotates the token of `row`, if the host still takes it.
    pub(super) async fn rotate(
        &self,
        target: &Target,
        mut lease: Lease,
        row: TenantScmIntegration,
    ) -> Result<Attempt, ServiceError> {
        let Some(token) = row.access_token else {
            give_back(self.renewals.leases.release(lease).await);
            return Ok(Attempt::Not(NotRenewed::Impossible));
        };
        match self.is_taken(&target.url, &token).await {
            Ok(true) => lease.was_not_done(),
            Ok(false) => return self.given_up(target, lease).await,
            Err(error) => return Ok(self.hold_off(target, lease, error, true).await),
        }
        let stored = &row.integration;
        let until = when::next_end(
            stored.token_expires_at,
            row.token_issued_at,
            self.clock.now(),
        );
        let call = self.rotated(&target.url, &token, until);
        self.call(target, lease, stored, call).await
    }

    /// Says why a token that the host refuses has no successor.
    pub(super) async fn given_up(
        &self,
        target: &Target,
        lease: Lease,
    ) -> Result<Attempt, ServiceError> {
        let reason = if lease.was_in_flight() { LOST } else { GONE };
        self.refused(target, lease, reason.to_owned()).await
    }

    /// Whether the host still takes a token.
    async fn is_taken(&self, url: &RepoUrl, token: &AccessToken) -> Result<bool, ProviderError> {
        let provider = self.registry.open(url, token, Known::default())?;
        match provider.identity().await {
            // One that may not tell whose it is was taken, too.
            Ok(_) | Err(ProviderError::InsufficientScope { .. }) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The new token, to end at `until`; when the host likes if it does not allow that. The second
    /// call is none too many: the first one has said that it did nothing.
    async fn rotated(
        &self,
        url: &RepoUrl,
        token: &AccessToken,
        until: Timestamp,
    ) -> Result<FreshTokens, RenewalError> {
        match self.registry.rotate(url, token, Some(until)).await {
            Err(RenewalError::NotDone(ProviderError::BadRequest { status: 400 })) => {
                self.registry.rotate(url, token, None).await
            }
            other => other,
        }
    }
}
