//! `scm_webhook_deliveries`: what code hosts delivered, and what has become of it.
//!
//! The state is read as text, so that a word that is no member is told as a corrupt row and not as
//! a failure of the driver.

use sea_orm::entity::prelude::*;

/// The table's name.
pub(crate) const TABLE: &str = "scm_webhook_deliveries";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scm_webhook_deliveries", rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub tenant_id: String,
    pub integration_id: String,
    pub delivery_id: String,
    pub digest: String,
    pub event: String,
    pub state: String,
    pub owner: Option<String>,
    pub attempts: i32,
    pub last_error: Option<String>,
    pub received_at: DateTimeUtc,
    pub next_attempt_at: DateTimeUtc,
    pub processed_at: Option<DateTimeUtc>,
    pub size: i32,
    pub payload: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
