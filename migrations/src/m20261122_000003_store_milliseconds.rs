//! Times with milliseconds on MySQL and MariaDB, as the other databases have them: in whole
//! seconds, rows of one second would have no order and a page could not tell where it ended.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

const WIDEN: &str = "ALTER TABLE `tenant_scm_integrations`
  MODIFY `tokenExpiresAt` DATETIME(3) NULL COMMENT 'Token expiration timestamp',
  MODIFY `lastVerifiedAt` DATETIME(3) NULL COMMENT 'Last time connection was verified',
  MODIFY `createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  MODIFY `updatedAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)";

const NARROW: &str = "ALTER TABLE `tenant_scm_integrations`
  MODIFY `tokenExpiresAt` DATETIME NULL COMMENT 'Token expiration timestamp',
  MODIFY `lastVerifiedAt` DATETIME NULL COMMENT 'Last time connection was verified',
  MODIFY `createdAt` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  MODIFY `updatedAt` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_mysql(manager, WIDEN).await
    }

    /// Cuts the milliseconds off.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        on_mysql(manager, NARROW).await
    }
}

async fn on_mysql(manager: &SchemaManager<'_>, sql: &str) -> Result<(), DbErr> {
    let db = manager.get_connection();
    if db.get_database_backend() == DbBackend::MySql {
        db.execute_unprepared(sql).await?;
    }
    Ok(())
}
