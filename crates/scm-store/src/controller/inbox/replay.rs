//! Processing deliveries again because somebody asked for it.

use scm_types::{DeliveryState, IntegrationId, TenantScope, Timestamp};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};

use super::{InboxController, insert::revival, of};
use crate::{
    StoreError,
    entity::scm_webhook_delivery::{Column, Entity},
    value::time,
};

impl InboxController {
    /// Lets a delivery be processed again, whatever has become of it; nothing happens to one that
    /// is pending. False if the integration has none of this id within the scope.
    pub async fn replay(
        &self,
        scope: &TenantScope,
        integration: &IntegrationId,
        id: &str,
    ) -> Result<bool, StoreError> {
        let it = || of(scope, integration).add(Column::Id.eq(id));
        let mut update = revival(self.backend());
        update.cond_where(it().add(Column::State.ne(DeliveryState::Pending.as_str())));
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        if written.rows_affected() > 0 {
            return Ok(true);
        }
        self.any(it()).await
    }

    /// Lets all deliveries of an integration be processed again that are dead and came since then;
    /// gives how many.
    pub async fn replay_dead(
        &self,
        scope: &TenantScope,
        integration: &IntegrationId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut update = revival(self.backend());
        update.cond_where(
            of(scope, integration)
                .add(Column::State.eq(DeliveryState::Dead.as_str()))
                .add(Column::ReceivedAt.gte(time(self.backend(), since))),
        );
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected())
    }

    async fn any(&self, which: Condition) -> Result<bool, StoreError> {
        let select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(which)
            .into_query();
        Ok(self.db.run(|pool| pool.query_one(&select)).await?.is_some())
    }
}
