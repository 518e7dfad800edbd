//! `scm_audit_log`: who did what to which integration. Rows are only ever added.

use sea_orm::entity::prelude::*;

/// The table's name.
pub(crate) const TABLE: &str = "scm_audit_log";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scm_audit_log", rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    pub at: DateTimeUtc,
    pub integration_id: String,
    pub action: String,
    pub purpose: Option<String>,
    pub outcome: String,
    pub code: Option<String>,
    pub actor_type: String,
    pub actor_id: String,
    pub request_id: Option<String>,
    pub detail: Option<String>,
    pub hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
