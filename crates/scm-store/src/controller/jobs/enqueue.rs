//! Making jobs. One that is there stays as it is: its attempts and its time are not begun anew.

use std::time::Duration;

use scm_types::TenantId;
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, InsertStatement, OnConflict, Query},
};
use zeroize::Zeroizing;

use super::{ClaimedJob, JobController, JobKind, JobPriority, place};
use crate::{
    StoreError,
    controller::clock_sql::{in_future, millis_away, now},
    driver::Meaning,
    entity::scm_job::{Column, Entity},
    id::new_owner,
};

/// Rows of one statement.
const ROWS_AT_A_TIME: usize = 500;

/// Further away than any job is due.
const LONGEST: Duration = Duration::from_hours(24 * 3_650);

/// The columns of a new job, in the order of its values.
const COLUMNS: [Column; 10] = [
    Column::Kind,
    Column::Subject,
    Column::TenantId,
    Column::Host,
    Column::Priority,
    Column::DueAt,
    Column::Owner,
    Column::Attempts,
    Column::Payload,
    Column::CreatedAt,
];

/// When a new job is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JobDue {
    /// Now.
    #[default]
    Now,
    /// For so long already: of those of one priority the longest comes first.
    Since(Duration),
    /// Not before so long.
    After(Duration),
}

impl JobDue {
    /// Milliseconds from now.
    fn millis(self) -> i64 {
        let millis = |wait: Duration| i64::try_from(wait.min(LONGEST).as_millis()).unwrap_or(0);
        match self {
            Self::Now => 0,
            Self::Since(wait) => -millis(wait),
            Self::After(wait) => millis(wait),
        }
    }
}

/// A job that is to be made.
pub struct NewJob {
    /// What is to be done.
    pub kind: JobKind,
    /// What it is about; with the kind it tells jobs apart.
    pub subject: String,
    /// Whose it is, if it is somebody's.
    pub tenant: Option<TenantId>,
    /// The code host that it needs; empty if it needs none.
    pub host: String,
    /// What comes first of its kind and host.
    pub priority: JobPriority,
    /// When it is to be done.
    pub due: JobDue,
    /// What it is done with, sealed before it is stored.
    pub payload: Option<Zeroizing<String>>,
}

impl NewJob {
    /// A job that is due now, needs no host and belongs to nobody.
    #[must_use]
    pub fn new(kind: JobKind, subject: impl Into<String>) -> Self {
        Self {
            kind,
            subject: subject.into(),
            tenant: None,
            host: String::new(),
            priority: JobPriority::First,
            due: JobDue::Now,
            payload: None,
        }
    }
}

impl JobController {
    /// Makes the jobs that are not there yet.
    ///
    /// Fails with [`StoreError::Seal`] if a payload cannot be sealed.
    pub async fn enqueue(&self, jobs: &[NewJob]) -> Result<(), StoreError> {
        for jobs in jobs.chunks(ROWS_AT_A_TIME) {
            let mut insert = insert();
            for job in jobs {
                let due = millis_away(self.backend(), job.due.millis());
                let sealed = self.sealed(job)?;
                insert.values_panic(self.values(job, due, None, sealed.as_deref()));
            }
            // Named, because MySQL has no word for doing nothing.
            insert.on_conflict(
                OnConflict::columns([Column::Kind, Column::Subject])
                    .do_nothing_on([Column::Kind, Column::Subject])
                    .to_owned(),
            );
            self.db.run(|pool| pool.execute(&insert)).await?;
        }
        Ok(())
    }

    /// Makes a job that is the caller's from the beginning, for `lease`; nobody else's before that
    /// is over. `None` if there is one for the same thing already.
    ///
    /// Fails with [`StoreError::Seal`] if the payload cannot be sealed.
    pub async fn enqueue_claimed(
        &self,
        job: NewJob,
        lease: Duration,
    ) -> Result<Option<ClaimedJob>, StoreError> {
        let owner = new_owner();
        let sealed = self.sealed(&job)?;
        let due = in_future(self.backend(), lease);
        let values = self.values(&job, due, Some(&owner), sealed.as_deref());
        let insert = insert().values_panic(values).to_owned();
        match self.db.attempt(|pool| pool.execute(&insert)).await {
            Ok(_) => Ok(Some(ClaimedJob {
                kind: job.kind,
                subject: job.subject,
                tenant: job.tenant,
                host: job.host,
                owner,
                attempts: 0,
                note: None,
                age: Duration::ZERO,
                payload: sealed,
            })),
            Err((Meaning::Unique, _)) => Ok(None),
            Err(error) => Err(StoreError::from_driver(error)),
        }
    }

    fn sealed(&self, job: &NewJob) -> Result<Option<String>, StoreError> {
        let Some(payload) = &job.payload else {
            return Ok(None);
        };
        let place = place(&job.subject, job.tenant.as_ref());
        Ok(Some(self.cipher.seal(&place, payload)?))
    }

    /// In the order of [`COLUMNS`].
    fn values(
        &self,
        job: &NewJob,
        due: Expr,
        owner: Option<&str>,
        sealed: Option<&str>,
    ) -> [Expr; COLUMNS.len()] {
        [
            job.kind.as_str().into(),
            job.subject.as_str().into(),
            Expr::value(job.tenant.as_ref().map(TenantId::as_str)),
            job.host.as_str().into(),
            job.priority.number().into(),
            due,
            Expr::value(owner),
            0_i32.into(),
            Expr::value(sealed),
            now(self.backend()),
        ]
    }
}

fn insert() -> InsertStatement {
    Query::insert()
        .into_table(Entity)
        .columns(COLUMNS)
        .to_owned()
}
