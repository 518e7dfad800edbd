//! Work that is due and that nobody asked for, shared by all replicas.
//!
//! - A row is claimed by writing an `owner` and moving `dueAt` behind the time that the owner has:
//!   when it dies, the row is due again by itself. What is done is removed; what failed becomes due
//!   again later.
//! - Every time in it is the database's own, so that servers whose clocks differ agree on it.
//! - The index leads to what is due of one host at once: however much waits for a host that is slow,
//!   the work of the others is found without passing by it.
//! - `subject` is what the work is about, such as an integration's id; it refers to nothing.
//!   `payload` is sealed.

use sea_orm_migration::prelude::*;

use crate::backend::{Sql, create_index, has_table, run};

const JOBS: &str = "scm_jobs";

const CREATE: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_jobs` (
  `kind` VARCHAR(32) NOT NULL,
  `subject` VARCHAR(255) NOT NULL,
  `tenantId` VARCHAR(36) NULL,
  `host` VARCHAR(255) NOT NULL DEFAULT '',
  `priority` SMALLINT NOT NULL DEFAULT 0,
  `dueAt` DATETIME(3) NOT NULL,
  `owner` VARCHAR(32) NULL,
  `attempts` INT NOT NULL DEFAULT 0,
  `lastError` VARCHAR(64) NULL,
  `payload` TEXT NULL,
  `createdAt` DATETIME(3) NOT NULL,
  PRIMARY KEY (`kind`, `subject`),
  INDEX `idx_scm_jobs_due` (`kind`, `host`, `priority`, `dueAt`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_jobs" (
  "kind" VARCHAR(32) COLLATE "C" NOT NULL,
  "subject" VARCHAR(255) COLLATE "C" NOT NULL,
  "tenantId" VARCHAR(36) COLLATE "C" NULL,
  "host" VARCHAR(255) COLLATE "C" NOT NULL DEFAULT '',
  "priority" SMALLINT NOT NULL DEFAULT 0,
  "dueAt" TIMESTAMPTZ(3) NOT NULL,
  "owner" VARCHAR(32) COLLATE "C" NULL,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "lastError" VARCHAR(64) NULL,
  "payload" TEXT NULL,
  "createdAt" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("kind", "subject")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_jobs" (
  "kind" VARCHAR(32) NOT NULL,
  "subject" VARCHAR(255) NOT NULL,
  "tenantId" VARCHAR(36) NULL,
  "host" VARCHAR(255) NOT NULL DEFAULT '',
  "priority" SMALLINT NOT NULL DEFAULT 0,
  "dueAt" TEXT NOT NULL,
  "owner" VARCHAR(32) NULL,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "lastError" VARCHAR(64) NULL,
  "payload" TEXT NULL,
  "createdAt" TEXT NOT NULL,
  PRIMARY KEY ("kind", "subject")
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
        let due = ["kind", "host", "priority", "dueAt"];
        create_index(db, JOBS, "idx_scm_jobs_due", false, &due).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !has_table(manager.get_connection(), JOBS).await? {
            return Ok(());
        }
        manager
            .drop_table(Table::drop().table(JOBS).to_owned())
            .await
    }
}
