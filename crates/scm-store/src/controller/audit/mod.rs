//! The audit log: who did what to which integration, a chain of hashes per tenant.
//!
//! - A row and the write that it tells of are one transaction: neither is stored without the other.
//! - Every such transaction first locks the tenant's head, then writes data: writers of one tenant
//!   queue up there, in one order, and cannot lock each other out.
//! - Rows are only ever added. Nothing here changes or removes one.

mod append;
mod chain;
#[cfg(test)]
mod explain;
mod page;
mod verify;

use std::{sync::Arc, time::Duration};

use scm_types::{Actor, AuditRecord, Clock, IntegrationId, TenantId};
use sea_orm::DatabaseConnection;

use crate::{ConnectOptions, StoreError, query::Bounded};

pub(crate) use append::{Draft, note, noted};
pub use verify::{
    AuditFault, AuditHead, AuditStep, AuditVerified, AuditVerifyOptions, verify_audit,
};

/// Reads the audit log, and notes what is done outside the database. Clones share the pool and the
/// clock.
#[derive(Clone)]
pub struct AuditController {
    db: Bounded,
    clock: Arc<dyn Clock>,
}

impl AuditController {
    /// A controller on a pool. A call to the database that gets no answer ends after
    /// [`ConnectOptions::default`]'s time for a connection and a statement together, see
    /// [`Self::with_time_limit`].
    #[must_use]
    pub fn new(db: DatabaseConnection, clock: Arc<dyn Clock>) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
            clock,
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included. It must
    /// not be shorter than the pool's own limits, or their clearer errors never show.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    /// Notes what was done to an integration outside the database, such as at its code host.
    ///
    /// The tenant is the integration's, as it was read with it. Fails with
    /// [`StoreError::OutsideScope`] if the actor does not reach it.
    pub async fn note(
        &self,
        actor: &Actor,
        tenant: &TenantId,
        integration: &IntegrationId,
        record: &AuditRecord,
    ) -> Result<(), StoreError> {
        if !actor.scope.contains(tenant) {
            return Err(StoreError::OutsideScope);
        }
        let draft = Draft {
            chain: tenant.as_str(),
            subject: integration.as_str(),
            actor,
            at: self.clock.now(),
            record,
        };
        note(&self.db, &draft).await
    }
}
