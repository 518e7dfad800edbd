//! What has arrived, for who looks for what has not.

use std::collections::HashSet;

use scm_types::{DeliveryId, IntegrationId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QuerySelect, QueryTrait,
};

use super::{
    InboxController,
    claim::{get, head_of},
};
use crate::{
    StoreError,
    entity::scm_webhook_delivery::{Column, Entity},
};

const IDS_AT_A_TIME: usize = 500;

impl InboxController {
    /// True while a delivery of the integration waits for being processed, or is.
    pub async fn has_pending(&self, integration: &IntegrationId) -> Result<bool, StoreError> {
        let select = head_of(integration)
            .select_only()
            .column(Column::Id)
            .into_query();
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        Ok(found.is_some())
    }

    /// Those of these deliveries that have arrived, by the host's ids of them.
    pub async fn arrived(
        &self,
        integration: &IntegrationId,
        ids: &[DeliveryId],
    ) -> Result<HashSet<String>, StoreError> {
        let mut arrived = HashSet::new();
        for ids in ids.chunks(IDS_AT_A_TIME) {
            let select = Entity::find()
                .select_only()
                .column(Column::DeliveryId)
                .filter(Column::IntegrationId.eq(integration.as_str()))
                .filter(Column::DeliveryId.is_in(ids.iter().map(DeliveryId::as_str)))
                .into_query();
            for row in self.db.run(|pool| pool.query_all(&select)).await? {
                arrived.insert(get(&row, "(a delivery)", Column::DeliveryId.as_str())?);
            }
        }
        Ok(arrived)
    }
}
