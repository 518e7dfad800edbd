//! Clearing up. The one place without a scope; it gives out counts, never rows.

use std::{sync::atomic::Ordering, time::Duration};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IdenStatic, Order, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait, Select, Value,
    sea_query::{DeleteStatement, Query},
};

use super::{IdempotencyController, Place};
use crate::{
    StoreError,
    entity::scm_idempotency_key::{Column, Entity, TABLE},
};

/// A statement names each row that it removes: not too many for any database, and locks that are
/// soon given back.
const ROWS_AT_A_TIME: u64 = 100;

/// Between two times that claims clear up.
const PAUSE: Duration = Duration::from_mins(1);

impl IdempotencyController {
    /// Removes keys whose time is over, the oldest first and at most `limit`; gives how many.
    ///
    /// A key that is used anew meanwhile stays.
    pub async fn sweep(&self, limit: u64) -> Result<u64, StoreError> {
        let mut removed = 0;
        while removed < limit {
            let wanted = ROWS_AT_A_TIME.min(limit - removed);
            let now = self.bound(self.now());
            let select = expired(now.clone(), wanted).into_query();
            let found = self.db.run(|pool| pool.query_all(&select)).await?;
            let places = found.iter().map(place).collect::<Result<Vec<_>, _>>()?;
            if places.is_empty() {
                break;
            }
            let delete = removal(&places, now);
            let done = self.db.run(|pool| pool.execute(&delete)).await?;
            removed += done.rows_affected();
            // There are no more, or somebody else is clearing up too.
            if done.rows_affected() < wanted {
                break;
            }
        }
        Ok(removed)
    }

    /// Clears up a little if that has not been done for a while. Claims do not depend on it.
    pub(super) async fn sweep_at_times(&self) {
        let now = self.now().as_millis();
        let last = self.last_sweep.load(Ordering::Relaxed);
        let pause = i64::try_from(PAUSE.as_millis()).unwrap_or(i64::MAX);
        if now < last.saturating_add(pause) {
            return;
        }
        // Of many at once one does it.
        let mine =
            self.last_sweep
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_err() {
            return;
        }
        if let Err(error) = self.sweep(ROWS_AT_A_TIME).await {
            tracing::debug!(%error, "expired idempotency keys could not be removed");
        }
    }
}

/// The rows whose time is over, the oldest first.
pub(super) fn expired(now: Value, limit: u64) -> Select<Entity> {
    Entity::find()
        .select_only()
        .columns([Column::TenantId, Column::IdempotencyKey])
        .filter(Column::ExpiresAt.lte(now))
        .order_by(Column::ExpiresAt, Order::Asc)
        .limit(limit)
}

/// Removes these rows, but for those that were replaced since they were looked for.
pub(super) fn removal(places: &[Place], now: Value) -> DeleteStatement {
    let these = places
        .iter()
        .fold(Condition::any(), |any, place| any.add(place.row()));
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .cond_where(these)
        .cond_where(Column::ExpiresAt.lte(now));
    delete
}

fn place(row: &QueryResult) -> Result<Place, StoreError> {
    let text = |column: Column| {
        let read: Result<String, DbErr> = row.try_get("", column.as_str());
        read.map_err(|_| StoreError::Corrupt {
            table: TABLE,
            column: column.as_str(),
            id: "(unreadable)".to_owned(),
        })
    };
    Ok(Place {
        tenant: text(Column::TenantId)?,
        key: text(Column::IdempotencyKey)?,
    })
}
