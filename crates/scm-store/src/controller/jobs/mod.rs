//! Work that is due and that nobody asked for, shared by all replicas.
//!
//! - Of any number of servers one gets a job, for the time of its lease. The lease is `owner` and a
//!   `dueAt` that lies behind it: of an owner that dies the job is due again by itself.
//! - Every time is the database's own, made and compared in SQL: clocks that differ change nothing.
//! - What becomes of a job counts only for its owner. Who lost the lease changes nothing any more,
//!   and is told so.
//! - A claim costs the same however many jobs there are: it is read from its index, one host and one
//!   priority at a time.
//! - There is no scope: a job names what it is about, and whoever works on it reads that as an
//!   [`Actor`](scm_types::Actor). No tenant's data is in a job but its sealed payload.

mod claim;
mod count;
mod due;
mod enqueue;
#[cfg(test)]
mod explain;
mod hold;
mod kind;
mod settle;

use std::{fmt, sync::Arc, time::Duration};

use scm_types::TenantId;
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbBackend};
use zeroize::Zeroizing;

use crate::{
    Cipher, ConnectOptions, SecretPlace, StoreError,
    entity::scm_job::{Column, TABLE},
    query::Bounded,
};

pub use count::JobCount;
pub use due::{DueIntegration, DuePage, DuePlace, DueRequest};
pub use enqueue::{JobDue, NewJob};
pub use kind::{JobKind, JobPriority};

/// Gives out work. Clones share the pool and the keys.
#[derive(Clone)]
pub struct JobController {
    db: Bounded,
    cipher: Arc<Cipher>,
}

/// A job that is the caller's to do, until its lease is over. One that is dropped instead of
/// settled is due again then.
#[must_use = "until it is settled nobody else does it"]
pub struct ClaimedJob {
    kind: JobKind,
    subject: String,
    tenant: Option<TenantId>,
    host: String,
    owner: String,
    attempts: u32,
    note: Option<String>,
    age: Duration,
    payload: Option<String>,
}

impl fmt::Debug for ClaimedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedJob")
            .field("kind", &self.kind)
            .field("subject", &self.subject)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

impl ClaimedJob {
    /// What is to be done.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        self.kind
    }

    /// What it is about, such as an integration's id.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whose it is, if it is somebody's.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The code host that it needs; empty if it needs none.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// How often in a row it has failed.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The word that the last attempt left.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// How long ago it was made.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.age
    }

    /// The job, if it is still this owner's: also a late one's that nobody has taken over.
    fn row(&self) -> Condition {
        of(self.kind, &self.subject).add(Column::Owner.eq(self.owner.as_str()))
    }
}

/// The one row of a job.
fn of(kind: JobKind, subject: &str) -> Condition {
    Condition::all()
        .add(Column::Kind.eq(kind.as_str()))
        .add(Column::Subject.eq(subject))
}

impl JobController {
    /// How long a job is its owner's, unless that extends it: longer than an operation at a code
    /// host may take, with everything around it.
    pub const LEASE: Duration = Duration::from_mins(5);

    /// A controller on a pool. A call to the database that gets no answer ends after
    /// [`ConnectOptions::default`]'s time for a connection and a statement together, see
    /// [`Self::with_time_limit`].
    #[must_use]
    pub fn new(db: DatabaseConnection, cipher: Arc<Cipher>) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
            cipher,
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included. It must
    /// not be shorter than the pool's own limits, or their clearer errors never show.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    /// Opens what the job was given to work with; `None` if that was nothing.
    ///
    /// Fails with [`StoreError::Unreadable`] if it does not open.
    pub fn payload(&self, job: &ClaimedJob) -> Result<Option<Zeroizing<String>>, StoreError> {
        let Some(sealed) = &job.payload else {
            return Ok(None);
        };
        let place = place(&job.subject, job.tenant.as_ref());
        let opened = self.cipher.open(&place, sealed);
        opened.map(Some).map_err(|_| StoreError::Unreadable {
            table: TABLE,
            column: place.column,
            id: job.subject.clone(),
        })
    }

    fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }
}

/// Where a job's payload is sealed for.
fn place<'a>(subject: &'a str, tenant: Option<&'a TenantId>) -> SecretPlace<'a> {
    payload_place(subject, tenant.map(TenantId::as_str).unwrap_or_default())
}

/// The same by the row's own texts.
pub(crate) fn payload_place<'a>(subject: &'a str, tenant: &'a str) -> SecretPlace<'a> {
    SecretPlace {
        table: TABLE,
        column: "payload",
        row: subject,
        tenant,
    }
}
