//! What the last good check found possible with a connection, as a JSON array: so that an operation
//! can be refused with the reason before the host is asked.
//!
//! The column is nullable: an old writer need not know it, and NULL says that nothing is known.

use sea_orm_migration::prelude::*;

use crate::{
    TABLE,
    backend::{Sql, drop_column, has_column, run},
};

const COLUMN: &str = "capabilities";

const ADD: Sql = Sql {
    mysql: "ALTER TABLE `tenant_scm_integrations` ADD COLUMN `capabilities` TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'What the last check found possible (JSON)'",
    postgres: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "capabilities" TEXT NULL"#,
    sqlite: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "capabilities" TEXT NULL"#,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if has_column(db, TABLE, COLUMN).await? {
            return Ok(());
        }
        run(db, &ADD).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_column(manager.get_connection(), TABLE, COLUMN).await
    }
}
