//! Which keys the stored values need: counted from the head of each value, none is opened.
//!
//! A value under a key, or that was never sealed, is counted once if it is there during the whole
//! pass. What is written meanwhile may or may not be counted.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic, Order, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait, Select,
    sea_query::{Alias, Condition, Expr, ExprTrait, Func, IntoColumnRef, Query, SelectStatement},
};

use crate::{
    KeyId, StoreError,
    canary::bounded,
    cipher::{PREFIX_CHARS, sealed_with},
    entity::{
        scm_api_key, scm_event, scm_job, scm_webhook_delivery,
        tenant_scm_integration::{Column, Entity, TABLE},
    },
    query::Bounded,
};

/// The columns that hold sealed values.
pub(crate) const SECRETS: [Column; 4] = [
    Column::AccessToken,
    Column::RefreshToken,
    Column::WebhookSecret,
    Column::PreviousWebhookSecret,
];

/// A table with one sealed value in each row, whose place is named by the row's `id`.
#[derive(Clone, Copy)]
pub(crate) struct SealedById {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
}

impl SealedById {
    /// The ids of a page of the rows with a value, in their order.
    pub(crate) fn behind(self, last: Option<&str>, limit: u64) -> SelectStatement {
        let id = || Alias::new("id");
        let mut select = Query::select();
        select
            .column(id())
            .from(Alias::new(self.table))
            .and_where(Expr::col(Alias::new(self.column)).is_not_null())
            .order_by(id(), Order::Asc)
            .limit(limit);
        if let Some(last) = last {
            select.and_where(Expr::col(id()).gt(last));
        }
        select
    }
}

/// Every such table.
pub(crate) const BY_ID: [SealedById; 3] = [
    SealedById {
        table: scm_api_key::TABLE,
        column: "secretHash",
    },
    SealedById {
        table: scm_webhook_delivery::TABLE,
        column: "payload",
    },
    SealedById {
        table: scm_event::TABLE,
        column: "body",
    },
];

const ROWS_AT_A_TIME: u64 = 1_000;

/// How many stored values each key seals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyUsage {
    /// By key; keys that seal nothing are not in it.
    pub values: BTreeMap<KeyId, u64>,
    /// Values that are no sealed ones at all.
    pub unsealed: u64,
}

impl KeyUsage {
    /// How many values need this key.
    #[must_use]
    pub fn of(&self, key: &KeyId) -> u64 {
        self.values.get(key).copied().unwrap_or_default()
    }

    /// How many values are not sealed with this key.
    #[must_use]
    pub fn besides(&self, key: &KeyId) -> u64 {
        self.unsealed + self.values.values().sum::<u64>() - self.of(key)
    }

    /// Counts what a row holds in a column.
    fn add(&mut self, row: &QueryResult, column: &str) {
        match row.try_get::<Option<String>>("", column) {
            Ok(None) => {}
            Ok(Some(head)) => match sealed_with(&head) {
                Some(key) => *self.values.entry(key).or_default() += 1,
                None => self.unsealed += 1,
            },
            Err(_) => self.unsealed += 1,
        }
    }
}

/// Counts the values of the whole database by the key that they need, soft-deleted rows', the
/// payloads of jobs, deliveries and events and the digests of API keys too, in pages: nothing is
/// locked, and the memory that it takes does not grow with the tables.
pub async fn key_usage(db: &DatabaseConnection) -> Result<KeyUsage, StoreError> {
    count(&bounded(db)).await
}

pub(crate) async fn count(db: &Bounded) -> Result<KeyUsage, StoreError> {
    let mut usage = KeyUsage::default();
    count_secrets(db, &mut usage).await?;
    count_payloads(db, &mut usage).await?;
    for sealed in BY_ID {
        count_heads(db, sealed, &mut usage).await?;
    }
    Ok(usage)
}

async fn count_secrets(db: &Bounded, usage: &mut KeyUsage) -> Result<(), StoreError> {
    let mut last = None;
    loop {
        let mut select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(with_secrets().add(behind(last.as_deref())))
            .order_by(Column::Id, Order::Asc)
            .limit(ROWS_AT_A_TIME);
        for column in SECRETS {
            select = select.expr_as(head(column), column.as_str());
        }
        let select = select.into_query();
        let rows = db.run(|pool| pool.query_all(&select)).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            for column in SECRETS {
                usage.add(row, column.as_str());
            }
        }
        let ids = rows.iter().rev().map(|row| row.try_get::<String>("", "id"));
        last = Some(ids.flatten().next().ok_or_else(no_id)?);
    }
}

async fn count_payloads(db: &Bounded, usage: &mut KeyUsage) -> Result<(), StoreError> {
    let payload = scm_job::Column::Payload;
    let mut last = None;
    loop {
        let select = jobs_behind(last.as_ref(), ROWS_AT_A_TIME)
            .expr_as(head(payload), payload.as_str())
            .into_query();
        let rows = db.run(|pool| pool.query_all(&select)).await?;
        let Some(bottom) = rows.last() else {
            return Ok(());
        };
        for row in &rows {
            usage.add(row, payload.as_str());
        }
        last = Some(JobPlace::read(bottom)?);
    }
}

async fn count_heads(
    db: &Bounded,
    sealed: SealedById,
    usage: &mut KeyUsage,
) -> Result<(), StoreError> {
    let column = || Alias::new(sealed.column);
    let mut last: Option<String> = None;
    loop {
        let mut select = sealed.behind(last.as_deref(), ROWS_AT_A_TIME);
        select.expr_as(head(column()), column());
        let rows = db.run(|pool| pool.query_all(&select)).await?;
        let Some(bottom) = rows.last() else {
            return Ok(());
        };
        for row in &rows {
            usage.add(row, sealed.column);
        }
        last = Some(bottom.try_get("", "id").map_err(|_| no_id())?);
    }
}

/// How many values there are in these tables.
pub(crate) async fn count_by_id(db: &Bounded) -> Result<u64, StoreError> {
    let mut total = 0;
    for sealed in BY_ID {
        let count = Query::select()
            .expr_as(
                Func::count(Expr::col(Alias::new(sealed.column))),
                Alias::new("values"),
            )
            .from(Alias::new(sealed.table))
            .to_owned();
        let found = db.run(|pool| pool.query_one(&count)).await?;
        let counted: Option<i64> = found.and_then(|row| row.try_get("", "values").ok());
        total += u64::try_from(counted.unwrap_or_default()).unwrap_or_default();
    }
    Ok(total)
}

/// Which job it is.
pub(crate) struct JobPlace {
    pub(crate) kind: String,
    pub(crate) subject: String,
}

impl JobPlace {
    pub(crate) fn read(row: &QueryResult) -> Result<Self, StoreError> {
        let text = |column: scm_job::Column| {
            row.try_get("", column.as_str())
                .map_err(|_| StoreError::Corrupt {
                    table: scm_job::TABLE,
                    column: column.as_str(),
                    id: "(unreadable)".to_owned(),
                })
        };
        Ok(Self {
            kind: text(scm_job::Column::Kind)?,
            subject: text(scm_job::Column::Subject)?,
        })
    }
}

/// The next jobs with a payload, by their key.
pub(crate) fn jobs_behind(last: Option<&JobPlace>, limit: u64) -> Select<scm_job::Entity> {
    use scm_job::Column;
    let behind = last.map(|JobPlace { kind, subject }| {
        Condition::any().add(Column::Kind.gt(kind)).add(
            Condition::all()
                .add(Column::Kind.eq(kind))
                .add(Column::Subject.gt(subject)),
        )
    });
    scm_job::Entity::find()
        .select_only()
        .columns([Column::Kind, Column::Subject])
        .filter(
            Condition::all()
                .add(Column::Payload.is_not_null())
                .add_option(behind),
        )
        .order_by(Column::Kind, Order::Asc)
        .order_by(Column::Subject, Order::Asc)
        .limit(limit)
}

/// Rows that hold a value.
pub(crate) fn with_secrets() -> Condition {
    let any = SECRETS.iter().fold(Condition::any(), |any, secret| {
        any.add(secret.is_not_null())
    });
    Condition::all().add(any)
}

/// Rows behind this one.
pub(crate) fn behind(last: Option<&str>) -> Condition {
    Condition::all().add_option(last.map(|last| Column::Id.gt(last)))
}

/// A page without one readable id has no next page.
pub(crate) fn no_id() -> StoreError {
    StoreError::Corrupt {
        table: TABLE,
        column: Column::Id.as_str(),
        id: "(unreadable)".to_owned(),
    }
}

/// As much of a column as tells the key.
pub(crate) fn head(column: impl IntoColumnRef) -> Expr {
    // PostgreSQL's function takes four-byte numbers and no others.
    let chars = i32::try_from(PREFIX_CHARS).unwrap_or(i32::MAX);
    Func::cust(Alias::new("SUBSTR"))
        .arg(Expr::col(column))
        .arg(Expr::val(1_i32))
        .arg(Expr::val(chars))
        .into()
}
