//! Which keys the stored values need: counted from the head of each value, none is opened.
//!
//! A value under a key, or that was never sealed, is counted once if it is there during the whole
//! pass. What is written meanwhile may or may not be counted.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic, Order, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Alias, Condition, Expr, Func},
};

use crate::{
    KeyId, StoreError,
    canary::bounded,
    cipher::{PREFIX_CHARS, sealed_with},
    entity::tenant_scm_integration::{Column, Entity, TABLE},
    query::Bounded,
};

/// The columns that hold sealed values.
pub(crate) const SECRETS: [Column; 3] = [
    Column::AccessToken,
    Column::RefreshToken,
    Column::WebhookSecret,
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
}

/// Counts the values of the whole table by the key that they need, soft-deleted rows' too, in pages
/// by id: nothing is locked, and the memory that it takes does not grow with the table.
pub async fn key_usage(db: &DatabaseConnection) -> Result<KeyUsage, StoreError> {
    count(&bounded(db)).await
}

pub(crate) async fn count(db: &Bounded) -> Result<KeyUsage, StoreError> {
    let mut usage = KeyUsage::default();
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
            return Ok(usage);
        }
        for row in &rows {
            for column in SECRETS {
                match row.try_get::<Option<String>>("", column.as_str()) {
                    Ok(None) => {}
                    Ok(Some(head)) => match sealed_with(&head) {
                        Some(key) => *usage.values.entry(key).or_default() += 1,
                        None => usage.unsealed += 1,
                    },
                    Err(_) => usage.unsealed += 1,
                }
            }
        }
        let ids = rows.iter().rev().map(|row| row.try_get::<String>("", "id"));
        last = Some(ids.flatten().next().ok_or_else(no_id)?);
    }
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
fn head(column: Column) -> Expr {
    // PostgreSQL's function takes four-byte numbers and no others.
    let chars = i32::try_from(PREFIX_CHARS).unwrap_or(i32::MAX);
    Func::cust(Alias::new("SUBSTR"))
        .arg(Expr::col(column))
        .arg(Expr::val(1_i32))
        .arg(Expr::val(chars))
        .into()
}
