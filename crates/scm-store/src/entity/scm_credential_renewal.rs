//! `scm_credential_renewals`: who renews a credential, and how the last attempt ended.
//!
//! The state is read as text, so that a word that is no member is told as a corrupt row and not as
//! a failure of the driver. Its times are never read, only compared in SQL.

use sea_orm::entity::prelude::*;

/// The table's name.
pub(crate) const TABLE: &str = "scm_credential_renewals";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scm_credential_renewals", rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub integration_id: String,
    pub owner: String,
    pub deadline: Option<DateTimeUtc>,
    pub state: String,
    pub credential_version: i64,
    pub started_at: DateTimeUtc,
    pub attempts: i32,
    pub next_attempt_at: Option<DateTimeUtc>,
    pub last_error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
