//! Taking what is due.

use std::time::Duration;

use scm_types::TenantId;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait,
    IdenStatic, IsolationLevel, Order, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    QueryTrait, Select, TransactionOptions, TryGetable,
    sea_query::{
        Expr, LockBehavior, LockType, Query, ReturningClause, SelectStatement, SubQueryStatement,
        UpdateStatement,
    },
};

use super::{ClaimedJob, JobController, JobKind, JobPriority};
use crate::{
    StoreError,
    begin::begin,
    controller::clock_sql::{has_passed, in_future, millis_until},
    entity::scm_job::{Column, Entity, TABLE},
    id::new_owner,
};

/// Milliseconds until the row was made: negative.
const MADE: &str = "made";

impl JobController {
    /// The hosts that there are jobs of this kind for, due or not; the empty one stands for jobs
    /// that need none.
    pub async fn hosts(&self, kind: JobKind) -> Result<Vec<String>, StoreError> {
        let mut hosts: Vec<String> = Vec::new();
        loop {
            // One look at the index for each host, instead of one for each job.
            let select = next_host(kind, hosts.last().map(String::as_str)).into_query();
            let found = self.db.run(|pool| pool.query_one(&select)).await?;
            match found.and_then(|row| row.try_get::<Option<String>>("", HOST).ok().flatten()) {
                Some(host) => hosts.push(host),
                None => return Ok(hosts),
            }
        }
    }

    /// Takes up to `limit` jobs of a kind that are due for a host, for `lease`: first those of the
    /// first priority, of one priority those that have been due the longest. Of any number of
    /// callers at once each gets others.
    pub async fn claim(
        &self,
        kind: JobKind,
        host: &str,
        limit: u64,
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let mut claimed = Vec::new();
        for priority in JobPriority::ALL {
            let left = limit.saturating_sub(claimed.len() as u64);
            if left == 0 {
                break;
            }
            let wanted = Wanted {
                kind,
                host,
                priority,
                limit: left,
            };
            claimed.extend(self.take(&wanted, lease).await?);
        }
        Ok(claimed)
    }

    async fn take(
        &self,
        wanted: &Wanted<'_>,
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let backend = self.backend();
        let owner = new_owner();
        let rows = if backend == DbBackend::MySql {
            let attempt = |pool| in_two_steps(pool, wanted, &owner, lease);
            self.db.run(attempt).await?
        } else {
            let update = at_once(backend, wanted, &owner, lease);
            self.db.run(|pool| pool.query_all(&update)).await?
        };
        let mut claimed = Vec::with_capacity(rows.len());
        for row in &rows {
            match read(row, wanted, &owner) {
                Ok(job) => claimed.push(job),
                Err(StoreError::Corrupt { table, column, id }) => {
                    tracing::error!(table, column, id, "a job makes no sense and is left alone");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }
}

/// Which jobs are to be taken.
pub(super) struct Wanted<'a> {
    pub(super) kind: JobKind,
    pub(super) host: &'a str,
    pub(super) priority: JobPriority,
    pub(super) limit: u64,
}

const HOST: &str = "next";

/// The first host behind this one.
pub(super) fn next_host(kind: JobKind, last: Option<&str>) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column_as(Column::Host.min(), HOST)
        .filter(
            Condition::all()
                .add(Column::Kind.eq(kind.as_str()))
                .add_option(last.map(|last| Column::Host.gt(last))),
        )
}

/// What is due, without what somebody else is taking right now.
pub(super) fn due(backend: DbBackend, wanted: &Wanted<'_>) -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::Subject)
        .filter(Column::Kind.eq(wanted.kind.as_str()))
        .filter(Column::Host.eq(wanted.host))
        .filter(Column::Priority.eq(wanted.priority.number()))
        .filter(has_passed(backend, Column::DueAt))
        .order_by(Column::DueAt, Order::Asc)
        .limit(wanted.limit)
}

/// The whole claim as one statement.
pub(super) fn at_once(
    backend: DbBackend,
    wanted: &Wanted<'_>,
    owner: &str,
    lease: Duration,
) -> UpdateStatement {
    let mut due = due(backend, wanted).into_query();
    let these = if backend == DbBackend::Postgres {
        due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        // An array is made once. What is only asked to be among the rows may be looked for again
        // and again, and each time others are locked.
        let due = Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(due)));
        Expr::cust_with_exprs(r#""subject" = ANY(ARRAY $1)"#, [due])
    } else {
        // One writer at a time: nobody else is taking anything.
        Column::Subject.in_subquery(due)
    };
    let mut update = owned(backend, wanted.kind, owner, lease);
    update.and_where(these).returning(told(backend));
    update
}

/// MySQL gives nothing back from an update: read under a lock, then written.
async fn in_two_steps(
    pool: &DatabaseConnection,
    wanted: &Wanted<'_>,
    owner: &str,
    lease: Duration,
) -> Result<Vec<QueryResult>, DbErr> {
    let backend = DbBackend::MySql;
    // Only what is taken stays locked, and not the gaps around it, where others put new jobs.
    let options = TransactionOptions {
        isolation_level: Some(IsolationLevel::ReadCommitted),
        ..TransactionOptions::default()
    };
    let transaction = begin(pool, options).await?;
    let rows = transaction.query_all(&locked(wanted)).await?;
    let subjects: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", Column::Subject.as_str()))
        .collect::<Result<_, _>>()?;
    if subjects.is_empty() {
        transaction.rollback().await?;
        return Ok(rows);
    }
    let mut update = owned(backend, wanted.kind, owner, lease);
    update.and_where(Column::Subject.is_in(subjects));
    transaction.execute(&update).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// The first of two steps.
pub(super) fn locked(wanted: &Wanted<'_>) -> SelectStatement {
    let backend = DbBackend::MySql;
    let mut select = due(backend, wanted)
        .columns([
            Column::TenantId,
            Column::Attempts,
            Column::LastError,
            Column::Payload,
        ])
        .expr_as(millis_until(backend, Column::CreatedAt), MADE)
        .into_query();
    select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    select
}

/// Makes jobs of a kind the owner's.
fn owned(backend: DbBackend, kind: JobKind, owner: &str, lease: Duration) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(Entity)
        .value(Column::Owner, owner)
        .value(Column::DueAt, in_future(backend, lease))
        .and_where(Column::Kind.eq(kind.as_str()));
    update
}

/// What [`read`] reads.
fn told(backend: DbBackend) -> ReturningClause {
    let columns = [
        Column::Subject,
        Column::TenantId,
        Column::Attempts,
        Column::LastError,
        Column::Payload,
    ];
    let mark = if backend == DbBackend::Postgres {
        "$1"
    } else {
        "?"
    };
    let made = millis_until(backend, Column::CreatedAt);
    let made = Expr::cust_with_exprs(format!("{mark} AS \"{MADE}\""), [made]);
    let told = columns.into_iter().map(Expr::col).chain([made]);
    Query::returning().exprs(told)
}

fn read(row: &QueryResult, wanted: &Wanted<'_>, owner: &str) -> Result<ClaimedJob, StoreError> {
    let subject: String = get(row, "(unreadable)", Column::Subject.as_str())?;
    let made: i64 = get(row, &subject, MADE)?;
    let tenant: Option<String> = get(row, &subject, Column::TenantId.as_str())?;
    let tenant = tenant
        .map(|raw| TenantId::parse(raw).map_err(|_| corrupt(&subject, Column::TenantId.as_str())));
    let attempts: i32 = get(row, &subject, Column::Attempts.as_str())?;
    Ok(ClaimedJob {
        kind: wanted.kind,
        tenant: tenant.transpose()?,
        host: wanted.host.to_owned(),
        owner: owner.to_owned(),
        attempts: u32::try_from(attempts).unwrap_or_default(),
        note: get(row, &subject, Column::LastError.as_str())?,
        age: Duration::from_millis(made.unsigned_abs()),
        payload: get(row, &subject, Column::Payload.as_str())?,
        subject,
    })
}

fn get<T: TryGetable>(
    row: &QueryResult,
    subject: &str,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get("", column)
        .map_err(|_| corrupt(subject, column))
}

fn corrupt(subject: &str, column: &'static str) -> StoreError {
    StoreError::Corrupt {
        table: TABLE,
        column,
        id: subject.to_owned(),
    }
}
