//! Idempotency keys: which request was made under a key, whether it runs, and what was answered.
//!
//! - A key belongs to a tenant, or to the platform: the same text elsewhere is another key.
//! - Of any number of requests with one key at once, one runs. Each state is reached by one
//!   statement whose conditions the database checks.
//! - A run is known by its owner, a random name: who was taken over cannot write any more.
//! - Times are the callers' clocks; between machines they must agree to a few seconds.

mod claim;
#[cfg(test)]
mod explain;
mod finish;
mod sweep;

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use scm_types::{Clock, IdempotencyKey, TenantScope, Timestamp};
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbBackend, Value};

use crate::{
    ConnectOptions, entity::scm_idempotency_key::Column, id::new_owner, query::Bounded, value::time,
};

pub use claim::Claim;

/// The words of the column `state`.
const RUNNING: &str = "running";
const DONE: &str = "done";

/// Remembers requests by their key. Clones share the pool, the clock and the time of the last
/// clearing up.
#[derive(Clone)]
pub struct IdempotencyController {
    db: Bounded,
    clock: Arc<dyn Clock>,
    /// When [`Self::claim`] last swept, in milliseconds.
    last_sweep: Arc<AtomicI64>,
}

/// What was answered to a request, to be answered again.
///
/// It is stored as it is: the caller sees to it that it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers worth repeating, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The right to run a request, given out by [`IdempotencyController::claim`] and given back to
/// [`finish`](IdempotencyController::finish) or [`release`](IdempotencyController::release). One
/// that is dropped instead keeps its key until [`IdempotencyController::RUNS_FOR`] has passed.
#[derive(Debug)]
#[must_use = "until it is finished or released nobody else may run the request"]
pub struct Ticket {
    place: Place,
    owner: String,
}

impl Ticket {
    fn new(place: Place) -> Self {
        Self {
            place,
            owner: new_owner(),
        }
    }

    /// The row, if it is still this run's.
    fn row(&self) -> Condition {
        self.place
            .row()
            .add(Column::Owner.eq(self.owner.as_str()))
            .add(Column::State.eq(RUNNING))
    }
}

/// The primary key.
#[derive(Debug, Clone)]
struct Place {
    tenant: String,
    key: String,
}

impl Place {
    /// No tenant has an empty id, so none shares its keys with the platform.
    fn new(scope: &TenantScope, key: &IdempotencyKey) -> Self {
        let tenant = match scope {
            TenantScope::Tenant(tenant) => tenant.as_str(),
            TenantScope::Platform => "",
        };
        Self {
            tenant: tenant.to_owned(),
            key: key.as_str().to_owned(),
        }
    }

    /// The one row of this key. No foreign key hangs on the columns, so that they compare by byte
    /// on every backend.
    fn row(&self) -> Condition {
        Condition::all()
            .add(Column::TenantId.eq(self.tenant.as_str()))
            .add(Column::IdempotencyKey.eq(self.key.as_str()))
    }
}

impl IdempotencyController {
    /// How long a key is remembered after its request began.
    pub const KEPT_FOR: Duration = Duration::from_hours(24);

    /// How long a request may run before another one with the same key takes its place. Longer
    /// than any request is let run, so that only one whose process died is taken over.
    pub const RUNS_FOR: Duration = Duration::from_mins(1);

    /// A controller on a pool. A call to the database that gets no answer ends after
    /// [`ConnectOptions::default`]'s time for a connection and a statement together, see
    /// [`Self::with_time_limit`].
    #[must_use]
    pub fn new(db: DatabaseConnection, clock: Arc<dyn Clock>) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
            clock,
            last_sweep: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included. It must
    /// not be shorter than the pool's own limits, or their clearer errors never show.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }

    /// A time as the columns want it bound.
    fn bound(&self, at: Timestamp) -> Value {
        time(self.backend(), at)
    }
}
