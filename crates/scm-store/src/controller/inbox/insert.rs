//! Keeping a delivery.

use scm_types::{DeliveryId, DeliveryState, IntegrationId, TenantId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, QueryFilter,
    QuerySelect, QueryTrait, Value,
    prelude::DateTimeUtc,
    sea_query::{Expr, Query, UpdateStatement},
};

use super::{DeliveryPayload, InboxController, corrupt};
use crate::{
    DriverError, StoreError,
    controller::clock_sql::now,
    driver::Meaning,
    entity::scm_webhook_delivery::{Column, Entity},
};

/// The column's length.
const EVENT: usize = 64;

/// How often a delivery is kept whose earlier coming is removed at the same time.
const TRIES: usize = 3;

/// A delivery whose signature was found right.
pub struct NewDelivery {
    /// Whose integration it is for.
    pub tenant_id: TenantId,
    /// The integration.
    pub integration_id: IntegrationId,
    /// What it has in common with its repetitions.
    pub delivery_id: DeliveryId,
    /// A digest of what was signed: 64 hexadecimal digits.
    pub digest: String,
    /// The host's name of what happened; empty if it gave none.
    pub event: String,
    /// Headers and body.
    pub payload: DeliveryPayload,
}

/// A delivery that is kept, by our id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It came for the first time.
    New(String),
    /// It came before, and nothing was stored.
    Repeat {
        /// The one that came before.
        id: String,
        /// True if that one was dead, and is pending again.
        revived: bool,
    },
}

/// A delivery as it is stored.
pub(super) struct Arrival {
    pub(super) id: String,
    tenant_id: TenantId,
    integration_id: IntegrationId,
    delivery_id: DeliveryId,
    digest: String,
    event: String,
    size: i32,
    payload: String,
}

impl Arrival {
    /// About what it takes in memory and in a statement.
    pub(super) fn bytes(&self) -> usize {
        self.payload.len() + 512
    }
}

const COLUMNS: [Column; 12] = [
    Column::Id,
    Column::TenantId,
    Column::IntegrationId,
    Column::DeliveryId,
    Column::Digest,
    Column::Event,
    Column::State,
    Column::Attempts,
    Column::ReceivedAt,
    Column::NextAttemptAt,
    Column::Size,
    Column::Payload,
];

impl InboxController {
    /// Keeps a delivery, pending. When this has returned, it is in the database. Deliveries that
    /// come at the same time are stored together.
    ///
    /// One that came before, by its id or by its digest, is not kept again; if it was dead, it is
    /// pending again from now on.
    ///
    /// Fails at once with [`StoreError::InboxFull`] if too much waits already. Needs a runtime of
    /// tokio, and goes on there if the caller stops waiting.
    pub async fn keep(&self, new: &NewDelivery) -> Result<Stored, StoreError> {
        if self.is_full() {
            return Err(StoreError::InboxFull);
        }
        let id = self.new_id();
        let payload = self.seal(&id, new.tenant_id.as_str(), &new.payload)?;
        self.enter(Arrival {
            id,
            tenant_id: new.tenant_id.clone(),
            integration_id: new.integration_id.clone(),
            delivery_id: new.delivery_id.clone(),
            digest: new.digest.clone(),
            event: new.event.chars().take(EVENT).collect(),
            size: i32::try_from(new.payload.body.len()).unwrap_or(i32::MAX),
            payload,
        })
        .await
    }

    /// Stores deliveries that have not come before by one statement: all of them, or none.
    pub(super) async fn insert<'a>(
        &self,
        arrivals: impl Iterator<Item = &'a Arrival>,
    ) -> Result<(), (Meaning, DriverError)> {
        let mut insert = Query::insert();
        insert.into_table(Entity).columns(COLUMNS);
        for arrival in arrivals {
            insert.values_panic([
                Expr::value(arrival.id.as_str()),
                Expr::value(arrival.tenant_id.as_str()),
                Expr::value(arrival.integration_id.as_str()),
                Expr::value(arrival.delivery_id.as_str()),
                Expr::value(arrival.digest.as_str()),
                Expr::value(arrival.event.as_str()),
                Expr::value(DeliveryState::Pending.as_str()),
                Expr::value(0_i32),
                now(self.backend()),
                now(self.backend()),
                Expr::value(arrival.size),
                Expr::value(arrival.payload.as_str()),
            ]);
        }
        let written = self.db.as_writer(|pool| pool.execute(&insert)).await;
        written.map(|_| ())
    }

    /// Keeps one delivery, whether it came before or not.
    pub(super) async fn keep_alone(&self, new: &Arrival) -> Result<Stored, StoreError> {
        for _ in 0..TRIES {
            match self.insert(std::iter::once(new)).await {
                Ok(()) => return Ok(Stored::New(new.id.clone())),
                Err((Meaning::Unique, _)) => {}
                Err(error) => return Err(StoreError::from_driver(error)),
            }
            if let Some(repeat) = self.met(new).await? {
                return Ok(repeat);
            }
        }
        Err(StoreError::Unavailable {
            source: DriverError::new("the delivery came and went again and again"),
        })
    }

    /// The earlier coming of a delivery; `None` if it is gone.
    async fn met(&self, new: &Arrival) -> Result<Option<Stored>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::State, Column::DeliveryId])
            .filter(Column::IntegrationId.eq(new.integration_id.as_str()))
            .filter(
                Condition::any()
                    .add(Column::DeliveryId.eq(new.delivery_id.as_str()))
                    .add(Column::Digest.eq(new.digest.as_str())),
            )
            .limit(2)
            .into_query();
        let found = self.db.run(|pool| pool.query_all(&select)).await?;
        let mut first = None;
        for row in &found {
            let text = |column: Column| {
                let read: Result<String, _> = row.try_get("", column.as_str());
                read.map_err(|_| corrupt("(unreadable)", column.as_str()))
            };
            let (id, state) = (text(Column::Id)?, text(Column::State)?);
            // Its own id says more than its content.
            if text(Column::DeliveryId)? == new.delivery_id.as_str() || first.is_none() {
                first = Some((id, state));
            }
        }
        let Some((id, state)) = first else {
            return Ok(None);
        };
        let dead = state == DeliveryState::Dead.as_str();
        let revived = dead && self.revive(&id, DeliveryState::Dead).await?;
        Ok(Some(Stored::Repeat { id, revived }))
    }

    /// Lets a delivery that is in this state be processed again; false if it is not any more.
    pub(super) async fn revive(&self, id: &str, state: DeliveryState) -> Result<bool, StoreError> {
        let mut update = revival(self.backend());
        update.cond_where(
            Condition::all()
                .add(Column::Id.eq(id))
                .add(Column::State.eq(state.as_str())),
        );
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected() > 0)
    }
}

/// Makes deliveries pending, as they were when they came.
pub(super) fn revival(backend: DbBackend) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .value(Column::State, DeliveryState::Pending.as_str())
        .value(Column::Owner, Value::String(None))
        .value(Column::Attempts, 0_i32)
        .value(Column::LastError, Value::String(None))
        .value(Column::NextAttemptAt, now(backend))
        .value(Column::ProcessedAt, None::<DateTimeUtc>)
        .to_owned()
}
