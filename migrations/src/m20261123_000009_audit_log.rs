//! Who did what to which integration: a chain of hashes per tenant.
//!
//! - Rows are only ever added. Each row's hash covers its content and the hash of the row before it;
//!   `scm_audit_heads` holds the last sequence number and hash of every tenant, and is what writers
//!   of one tenant queue up at.
//! - Neither table refers to anything: what was done to an integration outlives it.

use sea_orm_migration::prelude::*;

use crate::backend::{Sql, create_index, has_table, run};

const TABLES: [&str; 2] = ["scm_audit_log", "scm_audit_heads"];

const CREATE_LOG: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_audit_log` (
  `tenantId` VARCHAR(36) NOT NULL,
  `sequence` BIGINT NOT NULL,
  `at` DATETIME(3) NOT NULL,
  `integrationId` VARCHAR(255) NOT NULL,
  `action` VARCHAR(32) NOT NULL,
  `purpose` VARCHAR(32) NULL,
  `outcome` VARCHAR(16) NOT NULL,
  `code` VARCHAR(64) NULL,
  `actorType` VARCHAR(16) NOT NULL,
  `actorId` VARCHAR(255) NOT NULL,
  `requestId` VARCHAR(128) NULL,
  `detail` TEXT NULL,
  `hash` CHAR(64) NOT NULL,
  PRIMARY KEY (`tenantId`, `sequence`),
  INDEX `idx_scm_audit_integration` (`tenantId`, `integrationId`, `sequence`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_audit_log" (
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "sequence" BIGINT NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL,
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "action" VARCHAR(32) NOT NULL,
  "purpose" VARCHAR(32) NULL,
  "outcome" VARCHAR(16) NOT NULL,
  "code" VARCHAR(64) NULL,
  "actorType" VARCHAR(16) NOT NULL,
  "actorId" VARCHAR(255) NOT NULL,
  "requestId" VARCHAR(128) NULL,
  "detail" TEXT NULL,
  "hash" VARCHAR(64) NOT NULL,
  PRIMARY KEY ("tenantId", "sequence")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_audit_log" (
  "tenantId" VARCHAR(36) NOT NULL,
  "sequence" BIGINT NOT NULL,
  "at" TEXT NOT NULL,
  "integrationId" VARCHAR(255) NOT NULL,
  "action" VARCHAR(32) NOT NULL,
  "purpose" VARCHAR(32) NULL,
  "outcome" VARCHAR(16) NOT NULL,
  "code" VARCHAR(64) NULL,
  "actorType" VARCHAR(16) NOT NULL,
  "actorId" VARCHAR(255) NOT NULL,
  "requestId" VARCHAR(128) NULL,
  "detail" TEXT NULL,
  "hash" VARCHAR(64) NOT NULL,
  PRIMARY KEY ("tenantId", "sequence")
)"#,
};

const CREATE_HEADS: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_audit_heads` (
  `tenantId` VARCHAR(36) NOT NULL,
  `sequence` BIGINT NOT NULL,
  `hash` CHAR(64) NOT NULL,
  PRIMARY KEY (`tenantId`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_audit_heads" (
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "sequence" BIGINT NOT NULL,
  "hash" VARCHAR(64) NOT NULL,
  PRIMARY KEY ("tenantId")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_audit_heads" (
  "tenantId" VARCHAR(36) NOT NULL,
  "sequence" BIGINT NOT NULL,
  "hash" VARCHAR(64) NOT NULL,
  PRIMARY KEY ("tenantId")
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
        run(db, &CREATE_LOG).await?;
        run(db, &CREATE_HEADS).await?;
        create_index(
            db,
            TABLES[0],
            "idx_scm_audit_integration",
            false,
            &["tenantId", "integrationId", "sequence"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            if has_table(manager.get_connection(), table).await? {
                let drop = Table::drop().table(table).to_owned();
                manager.drop_table(drop).await?;
            }
        }
        Ok(())
    }
}
