//! One sealed, known text per master key: opened at start, it tells whether the keys given are
//! those that the secrets were sealed with.

use sea_orm_migration::prelude::*;

use crate::backend::{Sql, has_table, run};

const CANARIES: &str = "scm_key_canaries";

const CREATE: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_key_canaries` (
  `keyId` VARCHAR(64) NOT NULL PRIMARY KEY,
  `sealedValue` TEXT NOT NULL,
  `createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_key_canaries" (
  "keyId" VARCHAR(64) COLLATE "C" NOT NULL PRIMARY KEY,
  "sealedValue" TEXT NOT NULL,
  "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_key_canaries" (
  "keyId" VARCHAR(64) NOT NULL PRIMARY KEY,
  "sealedValue" TEXT NOT NULL,
  "createdAt" TEXT NOT NULL DEFAULT (replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), '.000+', '+'))
)"#,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager.get_connection(), &CREATE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !has_table(manager.get_connection(), CANARIES).await? {
            return Ok(());
        }
        manager
            .drop_table(Table::drop().table(CANARIES).to_owned())
            .await
    }
}
