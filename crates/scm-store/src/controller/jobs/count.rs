//! How much there is to do.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, QuerySelect, QueryTrait, Select,
    sea_query::ExprTrait,
};

use super::{JobController, JobKind};
use crate::{
    DriverError, StoreError,
    entity::scm_job::{Column, Entity},
};

/// The jobs of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCount {
    /// The kind.
    pub kind: JobKind,
    /// How many: due, being done, and put off.
    pub jobs: u64,
    /// How many of them have failed at least once since they were last done.
    pub failing: u64,
}

const JOBS: &str = "jobs";
const FAILING: &str = "failing";

impl JobController {
    /// Counts the jobs of each kind; kinds of which there are none are not in it.
    pub async fn count(&self) -> Result<Vec<JobCount>, StoreError> {
        let select = counted().into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        let mut counts = Vec::with_capacity(rows.len());
        for row in rows {
            let kind: String = row.try_get("", Column::Kind.as_str()).map_err(senseless)?;
            // Of a newer program.
            let Some(kind) = JobKind::parse(&kind) else {
                continue;
            };
            let number = |name| {
                let number: i64 = row.try_get("", name).map_err(senseless)?;
                Ok::<_, StoreError>(u64::try_from(number).unwrap_or_default())
            };
            counts.push(JobCount {
                kind,
                jobs: number(JOBS)?,
                failing: number(FAILING)?,
            });
        }
        Ok(counts)
    }
}

fn counted() -> Select<Entity> {
    use sea_orm::sea_query::{CaseStatement, Expr};

    let failing = CaseStatement::new().case(Column::Attempts.gt(0), Expr::value(1_i32));
    Entity::find()
        .select_only()
        .column(Column::Kind)
        .column_as(Column::Subject.count(), JOBS)
        .expr_as(Expr::expr(failing).count(), FAILING)
        .group_by(Column::Kind)
}

fn senseless(_: sea_orm::DbErr) -> StoreError {
    StoreError::Database {
        source: DriverError::new("a count is not a number"),
    }
}
