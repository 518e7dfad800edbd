//! `scm_jobs`: work that is due, and who has claimed it.
//!
//! Its times are never read, only compared in SQL.

use sea_orm::entity::prelude::*;

/// The table's name.
pub(crate) const TABLE: &str = "scm_jobs";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scm_jobs", rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    pub tenant_id: Option<String>,
    pub host: String,
    pub priority: i16,
    pub due_at: DateTimeUtc,
    pub owner: Option<String>,
    pub attempts: i32,
    pub last_error: Option<String>,
    pub payload: Option<String>,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
