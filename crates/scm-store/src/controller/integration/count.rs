//! How many connections there are, for who watches them.
//!
//! This goes over all tenants and over the whole table: it is asked now and then, never for a caller.

use scm_types::{ScmType, VerificationStatus};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, QueryFilter, QuerySelect, QueryTrait,
    Select,
};

use super::ScmIntegrationController;
use crate::{
    DriverError, StoreError,
    entity::tenant_scm_integration::{Column, Entity},
};

/// The connections of one product and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegrationCount {
    /// The product.
    pub scm_type: ScmType,
    /// What the last definite check said.
    pub status: VerificationStatus,
    /// False for those that are paused.
    pub is_active: bool,
    /// How many; deleted ones are not among them.
    pub integrations: u64,
    /// How many of them have a webhook.
    pub webhooks: u64,
}

const INTEGRATIONS: &str = "integrations";
const WEBHOOKS: &str = "webhooks";

impl ScmIntegrationController {
    /// Counts the connections that are not deleted, with one query. Groups of which there are none are
    /// not in it, nor are rows with a word that is no member.
    pub async fn count_all(&self) -> Result<Vec<IntegrationCount>, StoreError> {
        let select = counted().into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        let mut counts = Vec::with_capacity(rows.len());
        for row in rows {
            let text = |column: Column| {
                row.try_get::<String>("", column.as_str())
                    .map_err(senseless)
            };
            let number = |name| {
                let number: i64 = row.try_get("", name).map_err(senseless)?;
                Ok::<_, StoreError>(u64::try_from(number).unwrap_or_default())
            };
            let (Ok(scm_type), Ok(status)) = (
                text(Column::ScmType)?.parse::<ScmType>(),
                text(Column::VerificationStatus)?.parse::<VerificationStatus>(),
            ) else {
                continue;
            };
            let is_active = row.try_get("", Column::IsActive.as_str());
            counts.push(IntegrationCount {
                scm_type,
                status,
                is_active: is_active.map_err(senseless)?,
                integrations: number(INTEGRATIONS)?,
                webhooks: number(WEBHOOKS)?,
            });
        }
        Ok(counts)
    }
}

fn counted() -> Select<Entity> {
    Entity::find()
        .select_only()
        .column(Column::ScmType)
        .column(Column::VerificationStatus)
        .column(Column::IsActive)
        .column_as(Column::Id.count(), INTEGRATIONS)
        .column_as(Column::WebhookId.count(), WEBHOOKS)
        .filter(Column::DeletedAt.is_null())
        .group_by(Column::ScmType)
        .group_by(Column::VerificationStatus)
        .group_by(Column::IsActive)
}

fn senseless(_: sea_orm::DbErr) -> StoreError {
    StoreError::Database {
        source: DriverError::new("a count is not a number"),
    }
}
