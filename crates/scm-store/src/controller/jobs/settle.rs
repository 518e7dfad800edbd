//! What becomes of a job. Each of these does nothing, and says so, if the lease was taken over.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, Value,
    sea_query::{Expr, ExprTrait, Query, UpdateStatement},
};

use super::{ClaimedJob, JobController, JobKind};
use crate::{
    StoreError,
    controller::clock_sql::{in_future, millis_away},
    entity::scm_job::{Column, Entity},
};

/// The column's length.
const NOTE: usize = 64;

impl JobController {
    /// Ends a job for good: nothing is left of it.
    pub async fn finish(&self, job: ClaimedJob) -> Result<bool, StoreError> {
        let mut delete = Query::delete();
        delete.from_table(Entity).cond_where(job.row());
        let removed = self.db.run(|pool| pool.execute(&delete)).await?;
        Ok(removed.rows_affected() > 0)
    }

    /// Puts a job off that has not failed. `note` is a short, stable word for whoever does it next.
    pub async fn put_off(
        &self,
        job: ClaimedJob,
        wait: Duration,
        note: Option<&str>,
    ) -> Result<bool, StoreError> {
        let mut update = self.released(wait);
        update
            .value(Column::Attempts, 0_i32)
            .value(Column::LastError, note.map(cut));
        self.settle(update, &job).await
    }

    /// Puts a job off that has failed, and counts that. `note` is a short, stable word for what
    /// went wrong.
    pub async fn fail(
        &self,
        job: ClaimedJob,
        wait: Duration,
        note: &str,
    ) -> Result<bool, StoreError> {
        let mut update = self.released(wait);
        update
            .value(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .value(Column::LastError, cut(note));
        self.settle(update, &job).await
    }

    /// Gives a job back that was not done: it is due now, and nothing is noted.
    pub async fn give_back(&self, job: ClaimedJob) -> Result<bool, StoreError> {
        let update = self.released(Duration::ZERO);
        self.settle(update, &job).await
    }

    /// Lets the lease begin anew, for `lease`. False if it is the caller's no more.
    pub async fn extend(&self, job: &ClaimedJob, lease: Duration) -> Result<bool, StoreError> {
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::DueAt, in_future(self.backend(), lease));
        self.settle(update, job).await
    }

    /// Removes jobs of a kind about a thing that is gone, whoever is doing them.
    pub async fn forget(&self, kind: JobKind, subject: &str) -> Result<bool, StoreError> {
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .and_where(Column::Kind.eq(kind.as_str()))
            .and_where(Column::Subject.eq(subject));
        let removed = self.db.run(|pool| pool.execute(&delete)).await?;
        Ok(removed.rows_affected() > 0)
    }

    /// Nobody's, and due after the wait.
    fn released(&self, wait: Duration) -> UpdateStatement {
        let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 1_000);
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Owner, Value::String(None))
            .value(Column::DueAt, millis_away(self.backend(), millis));
        update
    }

    async fn settle(
        &self,
        mut update: UpdateStatement,
        job: &ClaimedJob,
    ) -> Result<bool, StoreError> {
        update.cond_where(job.row());
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected() > 0)
    }
}

fn cut(note: &str) -> String {
    note.chars().take(NOTE).collect()
}
