//! `scm_key_canaries`: one sealed, known text per master key.

use sea_orm::entity::prelude::*;

/// The table's name.
pub(crate) const TABLE: &str = "scm_key_canaries";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scm_key_canaries", rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: String,
    pub sealed_value: String,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
