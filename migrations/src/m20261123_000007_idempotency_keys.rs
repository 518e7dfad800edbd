//! Requests by the key that their sender chose: what was asked for, whether it runs, and what was
//! answered. A key belongs to a tenant; an empty `tenantId`, which no tenant has, is the platform.
//!
//! - The rows are short-lived and refer to nothing: a tenant that is removed leaves its keys to
//!   their expiry, by which `idx_scm_idempotency_expires` finds them.
//! - `utf8mb4_bin` takes no notice of spaces at the end of a text, so keys must not have any.

use sea_orm_migration::prelude::*;

use crate::backend::{Sql, create_index, has_table, run};

const KEYS: &str = "scm_idempotency_keys";

const CREATE: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_idempotency_keys` (
  `tenantId` VARCHAR(36) NOT NULL,
  `idempotencyKey` VARCHAR(255) NOT NULL,
  `fingerprint` CHAR(64) NOT NULL,
  `owner` VARCHAR(32) NOT NULL,
  `state` ENUM('running', 'done') NOT NULL,
  `status` INT NULL,
  `headers` TEXT NULL,
  `body` LONGTEXT NULL,
  `createdAt` DATETIME(3) NOT NULL,
  `runningUntil` DATETIME(3) NULL,
  `expiresAt` DATETIME(3) NOT NULL,
  PRIMARY KEY (`tenantId`, `idempotencyKey`),
  INDEX `idx_scm_idempotency_expires` (`expiresAt`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_idempotency_keys" (
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "idempotencyKey" VARCHAR(255) COLLATE "C" NOT NULL,
  "fingerprint" VARCHAR(64) NOT NULL,
  "owner" VARCHAR(32) COLLATE "C" NOT NULL,
  "state" VARCHAR(16) NOT NULL CHECK ("state" IN ('running', 'done')),
  "status" INTEGER NULL,
  "headers" TEXT NULL,
  "body" TEXT NULL,
  "createdAt" TIMESTAMPTZ(3) NOT NULL,
  "runningUntil" TIMESTAMPTZ(3) NULL,
  "expiresAt" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("tenantId", "idempotencyKey")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_idempotency_keys" (
  "tenantId" VARCHAR(36) NOT NULL,
  "idempotencyKey" VARCHAR(255) NOT NULL,
  "fingerprint" VARCHAR(64) NOT NULL,
  "owner" VARCHAR(32) NOT NULL,
  "state" VARCHAR(16) NOT NULL CHECK ("state" IN ('running', 'done')),
  "status" INTEGER NULL,
  "headers" TEXT NULL,
  "body" TEXT NULL,
  "createdAt" TEXT NOT NULL,
  "runningUntil" TEXT NULL,
  "expiresAt" TEXT NOT NULL,
  PRIMARY KEY ("tenantId", "idempotencyKey")
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
        create_index(
            db,
            KEYS,
            "idx_scm_idempotency_expires",
            false,
            &["expiresAt"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !has_table(manager.get_connection(), KEYS).await? {
            return Ok(());
        }
        manager
            .drop_table(Table::drop().table(KEYS).to_owned())
            .await
    }
}
