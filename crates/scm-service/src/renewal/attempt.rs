//! One renewal by whoever holds the lease.

use std::{future::Future, time::Duration};

use scm_providers::{FreshTokens, Outage, ProviderError, RenewalError};
use scm_store::{Acquired, FreshCredential, Lease, RenewalController};
use scm_types::{
    Actor, AuditDetail, AuditOutcome, IntegrationId, Purpose, RepoUrl, SafeScmIntegration,
    VerificationStatus,
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    failure::{NOT_POSSIBLE, NOT_STORED, NotRenewed, REFUSED, code_of, held_off, later},
    step::RenewalStep,
    way::Way,
    when,
};
use crate::{ServiceError, Services, audit::Noting, error::provider_code};

/// The call must end before the lease does, with time to store what it gives.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// How long storing a new credential is tried: it exists nowhere else.
const STORE_LIMIT: Duration = Duration::from_secs(25);

/// After a definite "no" the host is not asked again for the same credential before this.
const REFUSED_FOR: Duration = Duration::from_hours(1);

/// Where the host renews no credential of this kind it is not asked again for the same one before
/// this.
const NOT_POSSIBLE_FOR: Duration = Duration::from_hours(24);

const LOST_REFRESH: &str = "The answer to an earlier renewal was lost, and with it, as a refresh \
                            token works once, probably the new credential";

/// What became of an attempt.
pub(super) enum Attempt {
    /// The credential is not the stored one any more, by this attempt or by somebody else.
    Replaced,
    /// Somebody else holds the lease.
    Busy {
        /// For so long, unless it is given back before.
        left: Duration,
    },
    /// There is no new credential.
    Not(NotRenewed),
}

/// The credential of one version, and where it is.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) actor: Actor,
    pub(super) id: IntegrationId,
    pub(super) version: i64,
    pub(super) url: RepoUrl,
    pub(super) way: Way,
}

impl Services {
    /// Takes the lease and renews the credential. Must run to its end: see [`super`].
    pub(super) async fn attempt(&self, target: &Target) -> Result<Attempt, ServiceError> {
        let leases = &self.renewals.leases;
        let lease = match leases.acquire(&target.id, target.version).await? {
            Acquired::Mine(lease) => lease,
            Acquired::Busy { until_ms } => {
                let left = Duration::from_millis(until_ms);
                return Ok(Attempt::Busy { left });
            }
            Acquired::Backoff { wait, code } => {
                let row = self
                    .integrations
                    .find_by_id(&target.actor.scope, &target.id);
                let row = row.await?;
                let expired =
                    row.filter(|row| row.verification_status == VerificationStatus::Expired);
                let stored = expired.and_then(|row| row.verification_error);
                let failure = held_off(code.as_deref(), wait, stored.as_deref());
                return Ok(Attempt::Not(failure));
            }
            Acquired::Outdated => return Ok(Attempt::Replaced),
        };
        self.renewals.pass(RenewalStep::Acquired).await;
        // Whoever held the lease before may have been faster.
        let row = self
            .integrations
            .find_with_secrets(&target.actor, &target.id, Purpose::Renew);
        let row = match row.await {
            Ok(row) => row,
            Err(error) => {
                give_back(leases.release(lease).await);
                return Err(error.into());
            }
        };
        let row = row.filter(|row| row.credential_version == target.version && !row.is_deleted);
        let Some(row) = row else {
            give_back(leases.finish(lease).await);
            return Ok(Attempt::Replaced);
        };
        match (target.way, row.refresh_token.clone()) {
            (Way::Refresh, Some(refresh_token)) => {
                let call = self.registry.refresh(&target.url, &refresh_token);
                self.call(target, lease, &row.integration, call).await
            }
            (Way::Rotate, None) if row.integration.auto_rotate => {
                self.rotate(target, lease, row).await
            }
            (Way::Await, None) if lease.was_in_flight() => self.given_up(target, lease).await,
            // Nobody replaces it, or that is not wanted any more.
            _ => {
                give_back(leases.release(lease).await);
                Ok(Attempt::Not(NotRenewed::Impossible))
            }
        }
    }

    /// Calls the host, once, with everything noted before and after it.
    pub(super) async fn call(
        &self,
        target: &Target,
        lease: Lease,
        row: &SafeScmIntegration,
        call: impl Future<Output = Result<FreshTokens, RenewalError>>,
    ) -> Result<Attempt, ServiceError> {
        let leases = &self.renewals.leases;
        if !leases.mark_in_flight(&lease).await? {
            return Ok(Attempt::Busy {
                left: RenewalController::LEASE,
            });
        }
        let action = target.way.action();
        let noting = self.noting(&target.actor, row, action, AuditDetail::default());
        self.renewals.pass(RenewalStep::InFlight).await;
        let answer = timeout(CALL_LIMIT, call).await.unwrap_or_else(|_| {
            Err(RenewalError::Unknown(ProviderError::Unavailable {
                outage: Outage::Timeout,
                retry_after: None,
                source: None,
            }))
        });
        self.renewals.pass(RenewalStep::Answered).await;
        match answer {
            Ok(fresh) => self.store(target, lease, fresh, noting).await,
            Err(RenewalError::Refused { reason }) => {
                // Noted with the status that it comes to.
                noting.settled();
                let lost = lease.was_in_flight();
                let reason = if lost {
                    format!("{reason}. {LOST_REFRESH}")
                } else {
                    reason.to_owned()
                };
                self.refused(target, lease, reason).await
            }
            Err(RenewalError::NotPossible { reason }) => {
                tracing::warn!(id = %target.id, reason, "the code host does not renew a credential");
                noting.not_done(AuditOutcome::Failed, NOT_POSSIBLE).await;
                give_back(
                    leases
                        .fail(lease, NOT_POSSIBLE, NOT_POSSIBLE_FOR, true)
                        .await,
                );
                Ok(Attempt::Not(NotRenewed::Impossible))
            }
            Err(RenewalError::NotConfigured) => {
                // Nobody was asked.
                noting.settled();
                give_back(leases.release(lease).await);
                Ok(Attempt::Not(NotRenewed::Impossible))
            }
            Err(RenewalError::NotDone(error)) => {
                let code = provider_code(&error).as_str();
                noting.not_done(AuditOutcome::Failed, code).await;
                Ok(self.hold_off(target, lease, error, true).await)
            }
            Err(RenewalError::Unknown(error)) => {
                let code = provider_code(&error).as_str();
                noting.not_done(AuditOutcome::Unknown, code).await;
                Ok(self.hold_off(target, lease, error, false).await)
            }
        }
    }

    /// Stores the new credential before anybody uses it. A database that is away for a moment must
    /// not lose it.
    async fn store(
        &self,
        target: &Target,
        lease: Lease,
        fresh: FreshTokens,
        noting: Noting,
    ) -> Result<Attempt, ServiceError> {
        let fresh = FreshCredential {
            access_token: fresh.access_token,
            refresh_token: fresh.refresh_token,
            expires_at: fresh.expires_at,
        };
        let (id, version) = (&target.id, target.version);
        let until = Instant::now() + STORE_LIMIT;
        let mut pause = Duration::from_millis(100);
        let replaced = loop {
            let how = target.way.replacement();
            let call = self
                .integrations
                .replace_tokens(&target.actor, id, version, &fresh, how);
            match call.await {
                Err(error) if error.is_unavailable() && Instant::now() + pause < until => {
                    tracing::warn!(%error, %id, "a renewed credential waits to be stored");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                other => break other,
            }
        };
        let leases = &self.renewals.leases;
        match replaced {
            Ok(replaced) => {
                self.renewals.pass(RenewalStep::Stored).await;
                give_back(leases.finish(lease).await);
                let kept = replaced.is_some();
                if kept {
                    noting.settled();
                } else {
                    let code = ServiceError::CredentialChanged.code().as_str();
                    noting.not_done(AuditOutcome::Failed, code).await;
                }
                tracing::info!(%id, kept, "a credential was renewed");
                Ok(Attempt::Replaced)
            }
            Err(error) => {
                tracing::error!(%error, %id, "a renewed credential could not be stored and is lost");
                let backoff = when::backoff(lease.failures());
                give_back(leases.fail(lease, NOT_STORED, backoff, false).await);
                // A database that did not take the one in all this time does not take the other.
                noting.settled();
                Err(error.into())
            }
        }
    }

    /// The host said no, for good.
    pub(super) async fn refused(
        &self,
        target: &Target,
        lease: Lease,
        reason: String,
    ) -> Result<Attempt, ServiceError> {
        let (leases, id) = (&self.renewals.leases, &target.id);
        // Who has taken over calls, too, and may have been the one who was told yes.
        if !leases.mark_in_flight(&lease).await? {
            return Ok(Attempt::Busy {
                left: RenewalController::LEASE,
            });
        }
        let expired = self
            .integrations
            .mark_expired(&target.actor, id, target.version, &reason)
            .await?;
        give_back(leases.fail(lease, REFUSED, REFUSED_FOR, true).await);
        if !expired {
            return Ok(Attempt::Replaced);
        }
        tracing::warn!(%id, "the code host does not renew a credential any more");
        Ok(Attempt::Not(NotRenewed::Refused { reason }))
    }

    /// Nothing definite: the next attempt is held off, and the status stays.
    pub(super) async fn hold_off(
        &self,
        target: &Target,
        lease: Lease,
        error: ProviderError,
        answered: bool,
    ) -> Attempt {
        let asked = error.retry_after().unwrap_or_default();
        let wait = when::backoff(lease.failures()).max(asked);
        let code = code_of(&error);
        tracing::warn!(id = %target.id, code, wait_s = wait.as_secs(), "a credential was not renewed");
        let leases = &self.renewals.leases;
        give_back(leases.fail(lease, code, wait, answered).await);
        Attempt::Not(NotRenewed::Later(later(error, wait)))
    }
}

/// What was to be said is said; a lease that could not be given back ends by itself.
pub(super) fn give_back(done: Result<bool, scm_store::StoreError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "a renewal's lease could not be given back; it ends by itself");
    }
}
