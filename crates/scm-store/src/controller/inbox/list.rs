//! What a tenant sees of its deliveries.

use scm_types::{
    DeliveryCursor, DeliveryId, DeliveryState, DeliverySummary, IntegrationId, PageLimit,
    TenantScope, Timestamp,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Order, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait, Select, prelude::DateTimeUtc,
    sea_query::Condition,
};

use super::{
    DeliveryPayload, InboxController,
    claim::{get, parse},
    of,
};
use crate::{
    StoreError,
    entity::scm_webhook_delivery::{Column, Entity},
    value::time,
};

/// Every column but the payload.
const SUMMARY: [Column; 10] = [
    Column::Id,
    Column::IntegrationId,
    Column::DeliveryId,
    Column::Event,
    Column::State,
    Column::Attempts,
    Column::LastError,
    Column::ReceivedAt,
    Column::ProcessedAt,
    Column::Size,
];

/// Which of an integration's deliveries are wanted.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Those in this state.
    pub state: Option<DeliveryState>,
    /// How many at the most.
    pub limit: PageLimit,
    /// Where to start; `None` is the newest one.
    pub after: Option<DeliveryCursor>,
}

/// One page of deliveries.
#[derive(Debug, Clone)]
pub struct DeliveryPage {
    /// The deliveries, newest first.
    pub items: Vec<DeliverySummary>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<DeliveryCursor>,
}

/// A delivery with what was delivered.
pub struct StoredDelivery {
    /// What has become of it.
    pub summary: DeliverySummary,
    /// Headers and body.
    pub payload: DeliveryPayload,
}

impl InboxController {
    /// One page of an integration's deliveries, newest first, without their payloads.
    pub async fn list(
        &self,
        scope: &TenantScope,
        integration: &IntegrationId,
        filter: &DeliveryFilter,
    ) -> Result<DeliveryPage, StoreError> {
        let limit = usize::from(filter.limit.get());
        let select = page(self.backend(), scope, integration, filter).into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        let more = rows.len() > limit;
        let items = rows.iter().take(limit).map(summary);
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let last = items.last().filter(|_| more);
        Ok(DeliveryPage {
            next: last.map(|last| DeliveryCursor {
                received_at: last.received_at,
                id: last.id.clone(),
            }),
            items,
        })
    }

    /// A delivery with its payload opened; `None` if the integration has none of this id within the
    /// scope. Fails with [`StoreError::Unreadable`] if it does not open.
    pub async fn find(
        &self,
        scope: &TenantScope,
        integration: &IntegrationId,
        id: &str,
    ) -> Result<Option<StoredDelivery>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns(SUMMARY)
            .columns([Column::TenantId, Column::Payload])
            .filter(of(scope, integration).add(Column::Id.eq(id)))
            .into_query();
        let Some(row) = self.db.run(|pool| pool.query_one(&select)).await? else {
            return Ok(None);
        };
        let tenant: String = get(&row, id, Column::TenantId.as_str())?;
        let sealed: String = get(&row, id, Column::Payload.as_str())?;
        Ok(Some(StoredDelivery {
            summary: summary(&row)?,
            payload: self.open(id, &tenant, &sealed)?,
        }))
    }
}

/// The statement behind a page. It fetches one row more than asked for, which tells whether there
/// is another page.
pub(super) fn page(
    backend: DbBackend,
    scope: &TenantScope,
    integration: &IntegrationId,
    filter: &DeliveryFilter,
) -> Select<Entity> {
    let state = filter.state.map(|state| Column::State.eq(state.as_str()));
    Entity::find()
        .select_only()
        .columns(SUMMARY)
        .filter(of(scope, integration).add_option(state))
        .filter(
            Condition::all().add_option(filter.after.as_ref().map(|after| behind(backend, after))),
        )
        .order_by(Column::ReceivedAt, Order::Desc)
        .order_by(Column::Id, Order::Desc)
        .limit(u64::from(filter.limit.get()) + 1)
}

/// Deliveries behind the cursor. The first part tells every optimiser where to start in the index.
fn behind(backend: DbBackend, cursor: &DeliveryCursor) -> Condition {
    let at = time(backend, cursor.received_at);
    Condition::all()
        .add(Column::ReceivedAt.lte(at.clone()))
        .add(
            Condition::any()
                .add(Column::ReceivedAt.lt(at))
                .add(Column::Id.lt(cursor.id.as_str())),
        )
}

fn summary(row: &QueryResult) -> Result<DeliverySummary, StoreError> {
    let id: String = get(row, "(unreadable)", Column::Id.as_str())?;
    let number = |column: Column| {
        let read: i32 = get(row, &id, column.as_str())?;
        Ok::<_, StoreError>(u32::try_from(read).unwrap_or_default())
    };
    let processed: Option<DateTimeUtc> = get(row, &id, Column::ProcessedAt.as_str())?;
    Ok(DeliverySummary {
        integration_id: parse(row, &id, Column::IntegrationId, IntegrationId::parse)?,
        delivery_id: parse(row, &id, Column::DeliveryId, DeliveryId::parse)?,
        event: get(row, &id, Column::Event.as_str())?,
        state: parse(row, &id, Column::State, |raw| raw.parse::<DeliveryState>())?,
        attempts: number(Column::Attempts)?,
        last_error: get(row, &id, Column::LastError.as_str())?,
        received_at: get::<DateTimeUtc>(row, &id, Column::ReceivedAt.as_str())?.into(),
        processed_at: processed.map(Timestamp::from),
        size: number(Column::Size)?,
        id,
    })
}
