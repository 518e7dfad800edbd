//! Clearing up. The one place without a scope; it gives out counts, never rows.

use std::time::Duration;

use scm_types::{DeliveryState, IntegrationId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Order, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{DeleteStatement, Expr, ExprTrait, Query},
};

use super::{InboxController, claim::get};
use crate::{
    StoreError,
    controller::clock_sql::millis_away,
    entity::scm_webhook_delivery::{Column, Entity},
};

/// A statement names each row that it removes: not too many for any database, and locks that are
/// soon given back.
const ROWS_AT_A_TIME: u64 = 100;

impl InboxController {
    /// Removes deliveries that came longer ago than `age`, the oldest first and at most `limit`;
    /// gives how many. Pending ones stay, however old they are.
    pub async fn sweep(&self, age: Duration, limit: u64) -> Result<u64, StoreError> {
        let mut removed = 0;
        while removed < limit {
            let wanted = Ord::min(ROWS_AT_A_TIME, limit - removed);
            let select = old(self.backend(), age, wanted).into_query();
            let found = self.db.run(|pool| pool.query_all(&select)).await?;
            let ids = found
                .iter()
                .map(|row| get::<String>(row, "(unreadable)", Column::Id.as_str()))
                .collect::<Result<Vec<_>, _>>()?;
            if ids.is_empty() {
                break;
            }
            let mut delete = Query::delete();
            delete
                .from_table(Entity)
                .and_where(Column::Id.is_in(ids))
                .and_where(Column::State.ne(DeliveryState::Pending.as_str()));
            let done = self.db.run(|pool| pool.execute(&delete)).await?;
            removed += done.rows_affected();
            // There are no more, or somebody else is clearing up too.
            if done.rows_affected() < wanted {
                break;
            }
        }
        Ok(removed)
    }
}

/// Settled deliveries that are older, the oldest first.
pub(super) fn old(backend: DbBackend, age: Duration, limit: u64) -> Select<Entity> {
    let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Expr::col(Column::ReceivedAt).lt(millis_away(backend, -millis)))
        .filter(Column::State.ne(DeliveryState::Pending.as_str()))
        .order_by(Column::ReceivedAt, Order::Asc)
        .limit(limit)
}

/// Forgets the deliveries of an integration that is no more.
pub(crate) fn removal(id: &IntegrationId) -> DeleteStatement {
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Column::IntegrationId.eq(id.as_str()));
    delete
}
