//! How many deliveries wait, for who watches them.

use scm_types::DeliveryState;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QuerySelect, QueryTrait,
};

use super::InboxController;
use crate::{
    DriverError, StoreError,
    entity::scm_webhook_delivery::{Column, Entity},
};

/// The deliveries that are not settled well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCount {
    /// How many wait, those that are being processed among them.
    pub pending: u64,
    /// How many of these could not be processed so far.
    pub failing: u64,
    /// How many never will be.
    pub dead: u64,
}

const DELIVERIES: &str = "deliveries";
const FAILING: &str = "failing";

impl InboxController {
    /// Counts over all tenants, through the index on states: what was processed is not read, however
    /// much of it is kept.
    pub async fn count(&self) -> Result<DeliveryCount, StoreError> {
        let (pending, dead) = (
            DeliveryState::Pending.as_str(),
            DeliveryState::Dead.as_str(),
        );
        let select = Entity::find()
            .select_only()
            .column(Column::State)
            .column_as(Column::Id.count(), DELIVERIES)
            .column_as(Column::LastError.count(), FAILING)
            .filter(Column::State.is_in([pending, dead]))
            .group_by(Column::State)
            .into_query();
        let mut counts = DeliveryCount::default();
        for row in self.db.run(|pool| pool.query_all(&select)).await? {
            let state: String = row.try_get("", Column::State.as_str()).map_err(senseless)?;
            let number = |name| {
                let number: i64 = row.try_get("", name).map_err(senseless)?;
                Ok::<_, StoreError>(u64::try_from(number).unwrap_or_default())
            };
            if state == pending {
                counts.pending = number(DELIVERIES)?;
                counts.failing = number(FAILING)?;
            } else {
                counts.dead = number(DELIVERIES)?;
            }
        }
        Ok(counts)
    }
}

fn senseless(_: sea_orm::DbErr) -> StoreError {
    StoreError::Database {
        source: DriverError::new("a count is not a number"),
    }
}
