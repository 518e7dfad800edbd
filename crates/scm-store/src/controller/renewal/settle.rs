//! What becomes of a lease. Each of these does nothing, and says so, if the lease was taken over.

use std::time::Duration;

use scm_types::IntegrationId;
use sea_orm::{
    ConnectionTrait, Value,
    prelude::DateTimeUtc,
    sea_query::{DeleteStatement, Expr, ExprTrait, Query, UpdateStatement},
};

use super::{IDLE, IN_FLIGHT, Lease, RenewalController, of};
use crate::{
    StoreError,
    controller::clock_sql::in_future,
    entity::scm_credential_renewal::{Column, Entity},
};

/// The column's length.
const CODE: usize = 64;

impl RenewalController {
    /// Notes that the host is about to be called, and lets the lease begin anew. To be written
    /// before the call: from here on the refresh token may be used up. True if the lease is still
    /// the caller's; else it must not call.
    pub async fn mark_in_flight(&self, lease: &Lease) -> Result<bool, StoreError> {
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::State, IN_FLIGHT)
            .value(Column::Deadline, in_future(self.backend(), Self::LEASE));
        self.settle(update, lease).await
    }

    /// Ends a lease whose credential was replaced: by its owner, or by somebody else, whose
    /// credential then won. What was known of the old one is forgotten, and who still has that one
    /// gets [`Acquired::Outdated`](super::Acquired::Outdated).
    pub async fn finish(&self, lease: Lease) -> Result<bool, StoreError> {
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::CredentialVersion, lease.credential_version + 1)
            .value(Column::State, IDLE)
            .value(Column::Deadline, None::<DateTimeUtc>)
            .value(Column::Attempts, 0_i32)
            .value(Column::NextAttemptAt, None::<DateTimeUtc>)
            .value(Column::LastError, Value::String(None));
        self.settle(update, &lease).await
    }

    /// Gives a lease back under which the host was not called: all that was known stays.
    pub async fn release(&self, lease: Lease) -> Result<bool, StoreError> {
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::State, unanswered(lease.was_in_flight))
            .value(Column::Deadline, None::<DateTimeUtc>);
        self.settle(update, &lease).await
    }

    /// Ends a lease whose credential could not be renewed; nobody tries again before `backoff` has
    /// passed. `code` is a short, stable word.
    ///
    /// With `answered` the host is known to have done nothing; without it the refresh token may be
    /// used up, which the next owner is told.
    pub async fn fail(
        &self,
        lease: Lease,
        code: &str,
        backoff: Duration,
        answered: bool,
    ) -> Result<bool, StoreError> {
        let code: String = code.chars().take(CODE).collect();
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::State, unanswered(lease.was_in_flight || !answered))
            .value(Column::Deadline, None::<DateTimeUtc>)
            .value(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .value(Column::NextAttemptAt, in_future(self.backend(), backoff))
            .value(Column::LastError, code);
        self.settle(update, &lease).await
    }

    async fn settle(&self, mut update: UpdateStatement, lease: &Lease) -> Result<bool, StoreError> {
        update.cond_where(lease.row());
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected() > 0)
    }
}

/// Forgets an integration that is no more.
pub(crate) fn removal(id: &IntegrationId) -> DeleteStatement {
    let mut delete = Query::delete();
    delete.from_table(Entity).cond_where(of(id));
    delete
}

/// The state of a row that nobody holds.
fn unanswered(call: bool) -> &'static str {
    if call { IN_FLIGHT } else { IDLE }
}
