//! Keys that callers authenticate with.
//!
//! - `secretHash` holds a digest of the key, sealed with what the key stands for; it is erased when
//!   the key is revoked, so that nothing brings it back. The row stays, for whoever asks later.
//! - Without `tenantId` the key is the platform's.
//! - `lastUsedAt` may be a minute old.

use sea_orm_migration::prelude::*;

use crate::backend::{Sql, create_index, has_table, run};

const TABLE: &str = "scm_api_keys";

const CREATE: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_api_keys` (
  `id` VARCHAR(32) NOT NULL,
  `tenantId` VARCHAR(36) NULL,
  `role` ENUM('viewer', 'editor', 'owner', 'platform') NOT NULL,
  `name` VARCHAR(255) NOT NULL,
  `accountId` VARCHAR(255) NOT NULL,
  `secretHash` TEXT NULL,
  `createdAt` DATETIME(3) NOT NULL,
  `createdBy` VARCHAR(255) NULL,
  `expiresAt` DATETIME(3) NULL,
  `lastUsedAt` DATETIME(3) NULL,
  `revokedAt` DATETIME(3) NULL,
  PRIMARY KEY (`id`),
  INDEX `idx_scm_api_keys_tenant` (`tenantId`, `createdAt`, `id`),
  INDEX `idx_scm_api_keys_created` (`createdAt`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_api_keys" (
  "id" VARCHAR(32) COLLATE "C" NOT NULL,
  "tenantId" VARCHAR(36) COLLATE "C" NULL,
  "role" VARCHAR(16) NOT NULL CHECK ("role" IN ('viewer', 'editor', 'owner', 'platform')),
  "name" VARCHAR(255) NOT NULL,
  "accountId" VARCHAR(255) COLLATE "C" NOT NULL,
  "secretHash" TEXT NULL,
  "createdAt" TIMESTAMPTZ(3) NOT NULL,
  "createdBy" VARCHAR(255) COLLATE "C" NULL,
  "expiresAt" TIMESTAMPTZ(3) NULL,
  "lastUsedAt" TIMESTAMPTZ(3) NULL,
  "revokedAt" TIMESTAMPTZ(3) NULL,
  PRIMARY KEY ("id")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_api_keys" (
  "id" VARCHAR(32) NOT NULL,
  "tenantId" VARCHAR(36) NULL,
  "role" VARCHAR(16) NOT NULL CHECK ("role" IN ('viewer', 'editor', 'owner', 'platform')),
  "name" VARCHAR(255) NOT NULL,
  "accountId" VARCHAR(255) NOT NULL,
  "secretHash" TEXT NULL,
  "createdAt" TEXT NOT NULL,
  "createdBy" VARCHAR(255) NULL,
  "expiresAt" TEXT NULL,
  "lastUsedAt" TEXT NULL,
  "revokedAt" TEXT NULL,
  PRIMARY KEY ("id")
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
        let db = manager.get_connection();
        run(db, &CREATE).await?;
        let by_tenant = ["tenantId", "createdAt", "id"];
        create_index(db, TABLE, "idx_scm_api_keys_tenant", false, &by_tenant).await?;
        create_index(
            db,
            TABLE,
            "idx_scm_api_keys_created",
            false,
            &by_tenant[1..],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if has_table(manager.get_connection(), TABLE).await? {
            let drop = Table::drop().table(TABLE).to_owned();
            manager.drop_table(drop).await?;
        }
        Ok(())
    }
}
