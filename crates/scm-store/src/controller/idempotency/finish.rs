//! Ending a run.

use sea_orm::{ConnectionTrait, prelude::DateTimeUtc, sea_query::Query};

use super::{DONE, IdempotencyController, StoredAnswer, Ticket};
use crate::{
    StoreError,
    entity::scm_idempotency_key::{Column, Entity},
};

/// MySQL's TEXT, in bytes.
const HEADER_BYTES: usize = 65_535;

impl IdempotencyController {
    /// Stores what was answered, for everybody who asks the same until the key expires. Does
    /// nothing if the run was taken over meanwhile.
    ///
    /// Fails with [`StoreError::DoesNotFit`] if the headers are longer than 65,535 bytes of JSON or
    /// the body holds a NUL character; the key is then the run's until its time is over.
    pub async fn finish(&self, ticket: Ticket, answer: &StoredAnswer) -> Result<(), StoreError> {
        let headers = serde_json::to_string(&answer.headers)
            .ok()
            .filter(|headers| headers.len() <= HEADER_BYTES)
            .ok_or(StoreError::DoesNotFit { field: "headers" })?;
        // PostgreSQL's text holds everything but NUL.
        if answer.body.contains('\0') {
            return Err(StoreError::DoesNotFit { field: "body" });
        }
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::State, DONE)
            .value(Column::Status, i32::from(answer.status))
            .value(Column::Headers, headers)
            .value(Column::Body, answer.body.as_str())
            .value(Column::RunningUntil, None::<DateTimeUtc>)
            .cond_where(ticket.row());
        self.db.run(|pool| pool.execute(&update)).await.map(|_| ())
    }

    /// Forgets the key, as after a failure that says nothing about the next attempt: the same or
    /// another request may use it at once. Does nothing if the run was taken over meanwhile.
    pub async fn release(&self, ticket: Ticket) -> Result<(), StoreError> {
        let mut delete = Query::delete();
        delete.from_table(Entity).cond_where(ticket.row());
        self.db.run(|pool| pool.execute(&delete)).await.map(|_| ())
    }
}
