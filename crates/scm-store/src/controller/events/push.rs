//! Events that are pushed, and events that are too old.

use std::time::Duration;

use scm_types::{TenantEvent, TenantId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{Condition, Expr, ExprTrait, Query},
};

use super::{
    EventController, corrupt,
    feed::{COLUMNS, get},
};
use crate::{
    StoreError,
    controller::clock_sql::{millis_away, now},
    entity::scm_event::{Column, Entity},
};

/// A statement names each row that it removes.
const ROWS_AT_A_TIME: u64 = 100;

/// The next event of a tenant that is not noted as pushed.
#[derive(Debug, Clone)]
pub struct Unpushed {
    /// The event.
    pub event: TenantEvent,
    /// Its number.
    pub sequence: i64,
}

impl EventController {
    /// The first tenant behind `after`, by id, with an event that was not pushed.
    pub async fn next_unpushed_tenant(
        &self,
        after: Option<&TenantId>,
    ) -> Result<Option<TenantId>, StoreError> {
        let select = unpushed(after)
            .select_only()
            .column(Column::TenantId)
            .into_query();
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        found
            .map(|row| {
                let tenant: String = get(&row, "(unreadable)", Column::TenantId)?;
                TenantId::parse(tenant.as_str()).map_err(|_| corrupt(&tenant, "tenantId"))
            })
            .transpose()
    }

    /// The oldest event of a tenant that was not pushed.
    ///
    /// One that makes no sense is named in the log and noted as pushed, so that those behind it are
    /// not held up for ever. Fails with [`StoreError::Unreadable`] if it does not open: it waits for
    /// its key.
    pub async fn next_unpushed(&self, tenant: &TenantId) -> Result<Option<Unpushed>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns(COLUMNS)
            .filter(Column::PushedAt.is_null())
            .filter(Column::TenantId.eq(tenant.as_str()))
            .order_by(Column::Sequence, Order::Asc)
            .limit(1)
            .into_query();
        while let Some(row) = self.db.run(|pool| pool.query_one(&select)).await? {
            let sequence = get(&row, "(unreadable)", Column::Sequence)?;
            match self.event(&row) {
                Ok(event) => return Ok(Some(Unpushed { event, sequence })),
                Err(StoreError::Corrupt { table, column, id }) => {
                    tracing::error!(
                        table,
                        column,
                        id,
                        "an event makes no sense and is not pushed"
                    );
                    self.mark_pushed(tenant, sequence).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Notes that an event was pushed.
    pub async fn mark_pushed(&self, tenant: &TenantId, sequence: i64) -> Result<(), StoreError> {
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::PushedAt, now(self.backend()))
            .cond_where(
                Condition::all()
                    .add(Column::TenantId.eq(tenant.as_str()))
                    .add(Column::Sequence.eq(sequence))
                    .add(Column::PushedAt.is_null()),
            );
        self.db.run(|pool| pool.execute(&update)).await?;
        Ok(())
    }

    /// Removes events that happened longer ago than `age`, the oldest first and at most `limit`;
    /// gives how many. Numbers are not given out again.
    pub async fn sweep(&self, age: Duration, limit: u64) -> Result<u64, StoreError> {
        let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let mut removed = 0;
        while removed < limit {
            let wanted = Ord::min(ROWS_AT_A_TIME, limit - removed);
            let select = Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(Expr::col(Column::OccurredAt).lt(millis_away(self.backend(), -millis)))
                .order_by(Column::OccurredAt, Order::Asc)
                .limit(wanted)
                .into_query();
            let found = self.db.run(|pool| pool.query_all(&select)).await?;
            let ids = found
                .iter()
                .map(|row| get::<String>(row, "(unreadable)", Column::Id))
                .collect::<Result<Vec<_>, _>>()?;
            if ids.is_empty() {
                break;
            }
            let mut delete = Query::delete();
            delete.from_table(Entity).and_where(Column::Id.is_in(ids));
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

/// Events that were not pushed, of tenants behind this one.
fn unpushed(after: Option<&TenantId>) -> Select<Entity> {
    Entity::find()
        .filter(Column::PushedAt.is_null())
        .filter(Condition::all().add_option(after.map(|after| Column::TenantId.gt(after.as_str()))))
        .order_by(Column::TenantId, Order::Asc)
        .order_by(Column::Sequence, Order::Asc)
        .limit(1)
}
