//! Reading a tenant's events from any number on.

use scm_types::{EventCursor, IntegrationId, PageLimit, ScmEvent, TenantEvent, TenantId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, Order, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait, Select, TryGetable, prelude::DateTimeUtc,
};

use super::{EventController, corrupt, place};
use crate::{
    StoreError,
    entity::{
        scm_event::{Column, Entity},
        scm_event_head,
    },
};

/// Events in their order.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events.
    pub items: Vec<TenantEvent>,
    /// Where the next ones will be, also if there are none yet.
    pub next: EventCursor,
}

impl EventController {
    /// The tenant's events behind the cursor.
    ///
    /// An event that makes no sense is left out and named in the log. Fails with
    /// [`StoreError::Unreadable`] if one does not open: nothing is passed over that can be told
    /// when the key is back.
    pub async fn page(
        &self,
        tenant: &TenantId,
        after: EventCursor,
        limit: PageLimit,
    ) -> Result<EventPage, StoreError> {
        let select = behind(tenant, after, limit).into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        let mut page = EventPage {
            items: Vec::with_capacity(rows.len()),
            next: after,
        };
        for row in &rows {
            let sequence = get(row, "(unreadable)", Column::Sequence)?;
            match self.event(row) {
                Ok(event) => page.items.push(event),
                Err(StoreError::Corrupt { table, column, id }) => {
                    tracing::error!(table, column, id, "an event makes no sense and is left out");
                }
                Err(error) => return Err(error),
            }
            page.next = EventCursor::behind(sequence);
        }
        Ok(page)
    }

    /// Behind the tenant's newest event.
    pub async fn head(&self, tenant: &TenantId) -> Result<EventCursor, StoreError> {
        use scm_event_head::{Column, Entity};
        let select = Entity::find()
            .select_only()
            .column(Column::Sequence)
            .filter(Column::TenantId.eq(tenant.as_str()))
            .into_query();
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        let sequence = found.map(|row| row.try_get::<i64>("", Column::Sequence.as_str()));
        let sequence = sequence.transpose().map_err(|_| StoreError::Corrupt {
            table: scm_event_head::TABLE,
            column: Column::Sequence.as_str(),
            id: tenant.to_string(),
        })?;
        Ok(EventCursor::behind(sequence.unwrap_or_default()))
    }

    pub(super) fn event(&self, row: &QueryResult) -> Result<TenantEvent, StoreError> {
        let id: String = get(row, "(unreadable)", Column::Id)?;
        let text = |column| get::<String>(row, &id, column);
        let bad = |column: Column| corrupt(&id, column.as_str());
        let tenant = TenantId::parse(text(Column::TenantId)?);
        let tenant_id = tenant.map_err(|_| bad(Column::TenantId))?;
        let integration = IntegrationId::parse(text(Column::IntegrationId)?);
        let place = place(&id, &tenant_id);
        let body = self.cipher.open(&place, &text(Column::Body)?);
        let body = body.map_err(|_| StoreError::Unreadable {
            table: place.table,
            column: place.column,
            id: id.clone(),
        })?;
        let event: ScmEvent = serde_json::from_str(&body).map_err(|_| bad(Column::Body))?;
        Ok(TenantEvent {
            integration_id: integration.map_err(|_| bad(Column::IntegrationId))?,
            delivery_id: get(row, &id, Column::DeliveryId)?,
            occurred_at: get::<DateTimeUtc>(row, &id, Column::OccurredAt)?.into(),
            event,
            tenant_id,
            id,
        })
    }
}

/// What is read of an event.
pub(super) const COLUMNS: [Column; 7] = [
    Column::TenantId,
    Column::Sequence,
    Column::Id,
    Column::IntegrationId,
    Column::DeliveryId,
    Column::OccurredAt,
    Column::Body,
];

/// The tenant's events behind the cursor, in order.
fn behind(tenant: &TenantId, after: EventCursor, limit: PageLimit) -> Select<Entity> {
    Entity::find()
        .select_only()
        .columns(COLUMNS)
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::Sequence.gt(after.sequence()))
        .order_by(Column::Sequence, Order::Asc)
        .limit(u64::from(limit.get()))
}

pub(super) fn get<T: TryGetable>(
    row: &QueryResult,
    id: &str,
    column: Column,
) -> Result<T, StoreError> {
    row.try_get("", column.as_str())
        .map_err(|_| corrupt(id, column.as_str()))
}
