//! Getting a renewed credential: by renewing it, or by waiting for whoever does.
//!
//! - In one process callers queue up, so that one of them asks the database for the lease; among
//!   processes they look again and again, with growing pauses.
//! - Whoever waits asks for the credential's version each time: the new one counts from the moment
//!   it is stored, whatever becomes of the one who stored it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use scm_types::{Actor, RepoUrl, TenantScmIntegration};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    attempt::{Attempt, Target},
    failure::{NotRenewed, busy},
    way::Way,
};
use crate::{ServiceError, Services};

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The queue of one integration in this process.
#[derive(Default)]
pub(super) struct Gate {
    turn: Mutex<()>,
    /// The newest version that is known not to be the stored one any more.
    replaced: AtomicI64,
}

impl Services {
    /// The row with a credential in place of the one that `row` has.
    pub(super) async fn renewed(
        &self,
        actor: &Actor,
        row: &TenantScmIntegration,
        url: &RepoUrl,
        way: Way,
    ) -> Result<TenantScmIntegration, NotRenewed> {
        let target = Target {
            actor: actor.clone(),
            id: row.integration.id.clone(),
            version: row.credential_version,
            url: url.clone(),
            way,
        };
        self.replaced(&target).await?;
        // Opened anew for what the operation wants it for.
        let row = self
            .integrations
            .find_with_secrets(actor, &target.id, row.opened_for)
            .await
            .map_err(ServiceError::from)?
            .ok_or(ServiceError::NotFound)?;
        if row.credential_version == target.version {
            return Err(NotRenewed::Impossible);
        }
        Ok(row)
    }

    /// Returns when the credential is not the stored one any more; the first one who comes in this
    /// process sees to it.
    pub(super) async fn replaced(&self, target: &Target) -> Result<(), NotRenewed> {
        let until = Instant::now() + self.renewals.patience;
        let gate = self
            .renewals
            .gates
            .get_with_by_ref(&target.id, async { Arc::default() });
        let gate = gate.await;
        let Ok(_turn) = timeout_at(until, gate.turn.lock()).await else {
            return Err(busy(LONGEST_PAUSE));
        };
        if gate.replaced.load(Ordering::Acquire) < target.version {
            self.replace(target, until).await?;
            gate.replaced.fetch_max(target.version, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Returns when the credential is not the stored one any more.
    async fn replace(&self, target: &Target, until: Instant) -> Result<(), NotRenewed> {
        let mut pause = FIRST_PAUSE;
        loop {
            let left = match self.attempt_to_the_end(target).await? {
                Attempt::Replaced => return Ok(()),
                Attempt::Not(failure) => return Err(failure),
                Attempt::Busy { left } => left,
            };
            if Instant::now() + pause > until {
                return Err(busy(left));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if self.stored_version(target).await? != target.version {
                return Ok(());
            }
        }
    }

    /// An attempt that goes to its end, whether anybody still waits for it or not: from the call to
    /// the host on, what is not stored is lost.
    async fn attempt_to_the_end(&self, target: &Target) -> Result<Attempt, NotRenewed> {
        let (services, target) = (self.clone(), target.clone());
        let attempt = scm_trace::carried(async move { services.attempt(&target).await });
        let task = tokio::spawn(attempt);
        match timeout(self.renewals.patience * 2, task).await {
            Ok(Ok(attempt)) => Ok(attempt?),
            Ok(Err(died)) if died.is_panic() => std::panic::resume_unwind(died.into_panic()),
            // The runtime is shutting down; or the attempt goes on without us.
            Ok(Err(_)) | Err(_) => Err(busy(LONGEST_PAUSE)),
        }
    }

    async fn stored_version(&self, target: &Target) -> Result<i64, ServiceError> {
        self.integrations
            .credential_version(&target.actor.scope, &target.id)
            .await?
            .ok_or(ServiceError::NotFound)
    }
}
