//! The payloads of jobs: few, small, and gone when the job is done.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, IdenStatic, QueryResult, QuerySelect, QueryTrait,
    sea_query::Query,
};

use super::{RewrapError, RewrapStep, run::Run};
use crate::{
    StoreError,
    cipher::{open_with, seal_with, sealed_with},
    controller::jobs::payload_place,
    entity::scm_job::{Column, Entity},
    key_usage::{JobPlace, jobs_behind},
};

/// A payload as it is stored.
struct Payload {
    job: JobPlace,
    tenant: String,
    /// Nothing if it is no text.
    sealed: Option<String>,
}

impl Run<'_> {
    /// One pass through the jobs. A payload that is replaced or removed meanwhile is left to the
    /// next pass: a job's payload is written once, with the key of that time.
    pub(super) async fn pass_through_jobs(&mut self) -> Result<(), RewrapError> {
        let mut last = None;
        loop {
            if last.is_some() {
                (self.watch)(RewrapStep::Batch);
            }
            let select = jobs_behind(last.as_ref(), self.options.batch.get())
                .columns([Column::TenantId, Column::Payload])
                .into_query();
            let rows = self.db.run(|pool| pool.query_all(&select)).await?;
            let Some(bottom) = rows.last() else {
                return Ok(());
            };
            for row in &rows {
                self.done.rows += 1;
                self.payload(&Payload::read(row)?).await?;
            }
            (self.watch)(RewrapStep::Done(&self.done));
            last = Some(JobPlace::read(bottom)?);
        }
    }

    async fn payload(&mut self, stored: &Payload) -> Result<(), RewrapError> {
        let current = self.ring.current_id();
        let subject = &stored.job.subject;
        let Some(old) = &stored.sealed else {
            self.unreadable(subject, Column::Payload);
            return Ok(());
        };
        if sealed_with(old).as_ref() == Some(current) {
            return Ok(());
        }
        let place = payload_place(subject, &stored.tenant);
        let Ok(secret) = open_with(self.ring, &place, old) else {
            self.unreadable(subject, Column::Payload);
            return Ok(());
        };
        let new = seal_with(self.ring, current, &place, &secret).map_err(StoreError::from)?;
        if !open_with(self.ring, &place, &new).is_ok_and(|again| *again == *secret) {
            return Err(RewrapError::ReadBack {
                id: subject.clone(),
                column: Column::Payload.as_str(),
            });
        }
        if self.options.dry_run || self.write_payload(stored, old, &new).await? {
            self.done.resealed += 1;
        } else {
            // Somebody else was faster, or the key was retired.
            self.check_in_use().await?;
        }
        Ok(())
    }

    /// True if it was still as read.
    async fn write_payload(
        &mut self,
        stored: &Payload,
        old: &str,
        new: &str,
    ) -> Result<bool, StoreError> {
        (self.watch)(RewrapStep::Sealed);
        let unchanged = Condition::all()
            .add(Column::Kind.eq(stored.job.kind.as_str()))
            .add(Column::Subject.eq(stored.job.subject.as_str()))
            .add(Column::Payload.eq(old))
            .add(self.in_use());
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Payload, new)
            .cond_where(unchanged);
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        (self.watch)(RewrapStep::Written);
        Ok(written.rows_affected() > 0)
    }
}

impl Payload {
    fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let text = |column: Column| row.try_get::<Option<String>>("", column.as_str());
        Ok(Self {
            job: JobPlace::read(row)?,
            tenant: text(Column::TenantId).ok().flatten().unwrap_or_default(),
            sealed: text(Column::Payload).ok().flatten(),
        })
    }
}
