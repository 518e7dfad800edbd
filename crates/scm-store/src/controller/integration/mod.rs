//! Integrations: `SCMIntegrationController` of the original.
//!
//! - A row outside the scope is the same as a row that does not exist.
//! - A write is one statement whose conditions the database checks: two callers cannot both win,
//!   and parallel changes of different columns both survive. Nothing is read, changed in memory
//!   and written back.
//! - A write that somebody decided on is one transaction with its row of the audit log: it does not
//!   happen without one. Upkeep that changes nothing anybody sees (`maintain`, sealing anew) has
//!   none.
//! - A change counts `version` up, a change of the credential `credentialVersion` too.
//! - Secrets are sealed before they reach a statement and opened only by
//!   [`ScmIntegrationController::find_with_secrets`], which notes the opening before it gives them
//!   out.

mod adopt;
mod alias;
mod count;
mod create;
mod delete;
mod delivery;
mod ending;
#[cfg(test)]
pub(super) mod explain;
mod find;
mod fit;
mod maintain;
mod renew;
mod scope;
mod take_over;
mod update;
mod verify;
mod webhook;

use std::{sync::Arc, time::Duration};

use scm_types::{
    Actor, AuditOutcome, AuditRecord, Clock, IntegrationId, Purpose, TenantId, Timestamp,
};
use sea_orm::{DatabaseConnection, DbBackend, StatementBuilder};

use crate::{
    Cipher, ConnectOptions, DriverError, StoreError,
    controller::audit::{Draft, note, noted},
    convert::View,
    driver::Meaning,
    query::Bounded,
};

pub use adopt::{FoundInClear, InClearFault, SealInClear, SealedInClear};
pub use count::IntegrationCount;
pub use create::NewIntegration;
pub use delivery::{DeliveryTarget, RepositoryMove, WebhookKeys};
pub use ending::{Ending, EndingCount, EndingPage, EndingPlace, EndingRequest};
pub use maintain::FilledKeys;
pub(crate) use maintain::quiet_update;
pub use renew::{FreshCredential, Replacement};
pub(crate) use scope::same;
pub use take_over::{OldState, TakeOver, TakenOver};
pub use verify::VerificationOutcome;
pub use webhook::{NewWebhook, StoredWebhook, WebhookChange};

/// Reads and writes integrations. Clones share the pool, the keys and the clock.
///
/// There is no way to look a row up without saying whose it may be:
///
/// ```compile_fail
/// async fn find(store: &scm_store::ScmIntegrationController, id: &scm_types::IntegrationId) {
///     store.find_by_id(id).await.ok();
/// }
/// ```
#[derive(Clone)]
pub struct ScmIntegrationController {
    db: Bounded,
    cipher: Arc<Cipher>,
    clock: Arc<dyn Clock>,
    has_app: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

impl ScmIntegrationController {
    /// A controller on a pool. A call that gets no answer ends after
    /// [`ConnectOptions::default`]'s time for a connection and a statement together, see
    /// [`Self::with_time_limit`].
    #[must_use]
    pub fn new(db: DatabaseConnection, cipher: Arc<Cipher>, clock: Arc<dyn Clock>) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
            cipher,
            clock,
            has_app: Arc::new(|_| false),
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included. It must
    /// not be shorter than the pool's own limits, or their clearer errors never show.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    /// Says for which repositories, by their stored URL, the operator has an App, so that an
    /// installation stands in for a stored token. Without this there are none.
    #[must_use]
    pub fn with_apps(mut self, has_app: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.has_app = Arc::new(has_app);
        self
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn view(&self) -> View<'_> {
        self.view_at(self.now())
    }

    fn view_at(&self, now: Timestamp) -> View<'_> {
        View {
            now,
            has_app: &*self.has_app,
        }
    }

    fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }

    /// Notes that secrets were opened, or would not open; behind that alone are they given out.
    async fn opening_noted<T>(
        &self,
        (tenant, integration): (&TenantId, &IntegrationId),
        actor: &Actor,
        purpose: Purpose,
        opened: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut record = AuditRecord::opened(purpose);
        if let Err(error) = &opened {
            record.outcome = AuditOutcome::Failed;
            record.code = Some(match error {
                StoreError::Unreadable { .. } => "secret_unreadable",
                _ => "row_corrupt",
            });
        }
        let draft = Draft {
            chain: tenant.as_str(),
            subject: integration.as_str(),
            actor,
            at: self.now(),
            record: &record,
        };
        note(&self.db, &draft).await?;
        opened
    }

    /// Runs a write together with its row of the audit log; gives how many rows it changed. One
    /// that changes none leaves none.
    async fn noted<S: StatementBuilder>(
        &self,
        subject: (&TenantId, &IntegrationId),
        actor: &Actor,
        write: &S,
        record: &AuditRecord,
    ) -> Result<u64, (Meaning, DriverError)> {
        let draft = Draft {
            chain: subject.0.as_str(),
            subject: subject.1.as_str(),
            actor,
            at: self.now(),
            record,
        };
        noted(&self.db, write, &draft).await
    }
}
