//! Giving deliveries out.

use scm_types::{DeliveryId, IntegrationId, TenantId, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, Order, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait, Select, TryGetable, Value,
    prelude::DateTimeUtc,
    sea_query::{Condition, Expr, ExprTrait, Query},
};

use super::{DeliveryPayload, InboxController, corrupt, pending};
use crate::{
    StoreError,
    controller::clock_sql::{has_passed, in_future, millis_until},
    entity::scm_webhook_delivery::{Column, Entity},
    id::new_owner,
};

/// Milliseconds until the delivery may be taken.
const WAIT: &str = "wait";

/// The oldest pending delivery of an integration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The integration.
    pub integration_id: IntegrationId,
    /// True if it may be taken now; else somebody has it, or its next attempt is later.
    pub is_due: bool,
}

/// A delivery that the caller processes, for [`InboxController::LEASE`].
#[derive(Debug)]
#[must_use = "until it is settled nobody else may process the integration's deliveries"]
pub struct Claimed {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The integration that it is for.
    pub integration_id: IntegrationId,
    /// The host's id of it.
    pub delivery_id: DeliveryId,
    /// How often it has been given out, this time included. More than
    /// [`InboxController::ATTEMPTS`] if its owners died.
    pub attempts: u32,
    /// When it came.
    pub received_at: Timestamp,
    pub(super) owner: String,
}

impl InboxController {
    /// The first integration behind `after`, by id, that has a pending delivery; `None` if there is
    /// none. A walk through them costs a look at an index for each, whatever the length of their
    /// queues.
    pub async fn next_head(
        &self,
        after: Option<&IntegrationId>,
    ) -> Result<Option<Head>, StoreError> {
        let select = heads(after)
            .select_only()
            .column(Column::IntegrationId)
            .expr_as(millis_until(self.backend(), Column::NextAttemptAt), WAIT)
            .into_query();
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        found
            .map(|row| {
                let integration: String = get(&row, "(a head)", Column::IntegrationId.as_str())?;
                Ok(Head {
                    is_due: get::<i64>(&row, &integration, WAIT)? <= 0,
                    integration_id: IntegrationId::parse(integration.as_str())
                        .map_err(|_| corrupt(&integration, Column::IntegrationId.as_str()))?,
                })
            })
            .transpose()
    }

    /// Takes the integration's oldest pending delivery, if it is due and nobody has it.
    pub async fn claim(&self, integration: &IntegrationId) -> Result<Option<Claimed>, StoreError> {
        let select = head_of(integration)
            .select_only()
            .columns([
                Column::Id,
                Column::TenantId,
                Column::DeliveryId,
                Column::Attempts,
                Column::ReceivedAt,
            ])
            .expr_as(millis_until(self.backend(), Column::NextAttemptAt), WAIT)
            .into_query();
        let Some(row) = self.db.run(|pool| pool.query_one(&select)).await? else {
            return Ok(None);
        };
        let id: String = get(&row, "(a head)", Column::Id.as_str())?;
        if get::<i64>(&row, &id, WAIT)? > 0 {
            return Ok(None);
        }
        let attempts: i32 = get(&row, &id, Column::Attempts.as_str())?;
        let claimed = Claimed {
            tenant_id: parse(&row, &id, Column::TenantId, TenantId::parse)?,
            integration_id: integration.clone(),
            delivery_id: parse(&row, &id, Column::DeliveryId, DeliveryId::parse)?,
            attempts: u32::try_from(attempts)
                .unwrap_or_default()
                .saturating_add(1),
            received_at: get::<DateTimeUtc>(&row, &id, Column::ReceivedAt.as_str())?.into(),
            owner: new_owner(),
            id,
        };
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::Owner, claimed.owner.as_str())
            .value(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .value(
                Column::NextAttemptAt,
                in_future(self.backend(), Self::LEASE),
            )
            .cond_where(
                pending()
                    .add(Column::Id.eq(claimed.id.as_str()))
                    .add(Column::Attempts.eq(attempts))
                    .add(has_passed(self.backend(), Column::NextAttemptAt)),
            );
        let written = self.db.as_writer(|pool| pool.execute(&update)).await;
        let written = written.map_err(StoreError::from_driver)?;
        Ok((written.rows_affected() > 0).then_some(claimed))
    }

    /// What was delivered. Fails with [`StoreError::Unreadable`] if it does not open.
    pub async fn payload(&self, claimed: &Claimed) -> Result<DeliveryPayload, StoreError> {
        let select = Entity::find()
            .select_only()
            .column(Column::Payload)
            .filter(Column::Id.eq(claimed.id.as_str()))
            .into_query();
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        let row = found.ok_or_else(|| corrupt(&claimed.id, Column::Id.as_str()))?;
        let sealed: String = get(&row, &claimed.id, Column::Payload.as_str())?;
        self.open(&claimed.id, claimed.tenant_id.as_str(), &sealed)
    }

    /// True if a delivery of the integration that came after this one was processed before it: this
    /// one was replayed, or was dead for a while, and what it says may be long past.
    pub async fn is_late(&self, claimed: &Claimed) -> Result<bool, StoreError> {
        let at = crate::value::time(self.backend(), claimed.received_at);
        let select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::State.eq(scm_types::DeliveryState::Done.as_str()))
            .filter(Column::IntegrationId.eq(claimed.integration_id.as_str()))
            // The first one tells every optimiser where to start in the index.
            .filter(Column::ReceivedAt.gte(at.clone()))
            .filter(
                Condition::any()
                    .add(Column::ReceivedAt.gt(at))
                    .add(Column::Id.gt(claimed.id.as_str())),
            )
            .limit(1)
            .into_query();
        Ok(self.db.run(|pool| pool.query_one(&select)).await?.is_some())
    }
}

/// Pending deliveries behind an integration, as their queues stand one behind the other.
pub(super) fn heads(after: Option<&IntegrationId>) -> Select<Entity> {
    Entity::find()
        .filter(pending().add_option(after.map(|after| Column::IntegrationId.gt(after.as_str()))))
        .order_by(Column::IntegrationId, Order::Asc)
        .order_by(Column::ReceivedAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(1)
}

/// The oldest pending delivery of an integration.
pub(super) fn head_of(integration: &IntegrationId) -> Select<Entity> {
    Entity::find()
        .filter(pending().add(Column::IntegrationId.eq(integration.as_str())))
        .order_by(Column::ReceivedAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(1)
}

pub(super) fn get<T: TryGetable>(
    row: &QueryResult,
    id: &str,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get("", column).map_err(|_| corrupt(id, column))
}

pub(super) fn parse<T, E>(
    row: &QueryResult,
    id: &str,
    column: Column,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(get(row, id, column.as_str())?).map_err(|_| corrupt(id, column.as_str()))
}

/// No owner.
pub(super) fn nobody() -> Value {
    Value::String(None)
}
