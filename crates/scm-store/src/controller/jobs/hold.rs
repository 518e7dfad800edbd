//! Jobs as locks: one at a time over all replicas, for who does the work at once.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};

use super::{ClaimedJob, JobController, JobKind, NewJob, of};
use crate::{
    StoreError,
    controller::clock_sql::{has_passed, in_future},
    entity::scm_job::{Column, Entity},
    id::new_owner,
};

impl JobController {
    /// Takes the one job of this kind about this thing for `lease`, made now if it is not there; of
    /// an owner that died it is taken over when its time is over. `None` while somebody has it.
    ///
    /// To be ended with [`Self::finish`].
    pub async fn hold(
        &self,
        kind: JobKind,
        subject: &str,
        lease: Duration,
    ) -> Result<Option<ClaimedJob>, StoreError> {
        let made = self
            .enqueue_claimed(NewJob::new(kind, subject), lease)
            .await?;
        if made.is_some() {
            return Ok(made);
        }
        let owner = new_owner();
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Owner, owner.as_str())
            .value(Column::DueAt, in_future(self.backend(), lease))
            .value(Column::Attempts, Expr::value(0_i32))
            .cond_where(of(kind, subject).add(has_passed(self.backend(), Column::DueAt)));
        let taken = self.db.run(|pool| pool.execute(&update)).await?;
        Ok((taken.rows_affected() > 0).then(|| ClaimedJob {
            kind,
            subject: subject.to_owned(),
            tenant: None,
            host: String::new(),
            owner,
            attempts: 0,
            note: None,
            age: Duration::ZERO,
            payload: None,
        }))
    }
}
