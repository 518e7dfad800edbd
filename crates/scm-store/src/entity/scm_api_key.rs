//! `scm_api_keys`: keys that callers authenticate with.
//!
//! The role is read as text, so that a word that is no member is told as a corrupt row and not as a
//! failure of the driver.

use sea_orm::entity::prelude::*;

/// The table's name.
pub(crate) const TABLE: &str = "scm_api_keys";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scm_api_keys", rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub tenant_id: Option<String>,
    pub role: String,
    pub name: String,
    pub account_id: String,
    pub secret_hash: Option<String>,
    pub created_at: DateTimeUtc,
    pub created_by: Option<String>,
    pub expires_at: Option<DateTimeUtc>,
    pub last_used_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
