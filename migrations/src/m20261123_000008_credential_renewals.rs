//! Who renews a connection's credential at the moment, and how the last attempt ended; and when the
//! stored access token was issued, from which its life is known.
//!
//! - One row per integration that was ever renewed. It refers to nothing, for the parent's `id` may
//!   have another character set in an adopted table; the store removes it with its integration.
//! - Every time in it is the database's own, so that servers whose clocks differ agree on it.
//! - `in_flight` says that a call with the credential of `credentialVersion` was begun and that its
//!   answer is not stored; it stays so until that credential is replaced or the answer is known.
//!   A row is held while `deadline` is set and has not passed.

use sea_orm_migration::prelude::*;

use crate::{
    TABLE,
    backend::{Sql, drop_column, has_column, has_table, run},
};

const RENEWALS: &str = "scm_credential_renewals";

const CREATE: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_credential_renewals` (
  `integrationId` VARCHAR(255) NOT NULL,
  `owner` VARCHAR(32) NOT NULL,
  `deadline` DATETIME(3) NULL,
  `state` ENUM('idle', 'leased', 'in_flight') NOT NULL,
  `credentialVersion` BIGINT NOT NULL,
  `startedAt` DATETIME(3) NOT NULL,
  `attempts` INT NOT NULL DEFAULT 0,
  `nextAttemptAt` DATETIME(3) NULL,
  `lastError` VARCHAR(64) NULL,
  PRIMARY KEY (`integrationId`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_credential_renewals" (
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "owner" VARCHAR(32) COLLATE "C" NOT NULL,
  "deadline" TIMESTAMPTZ(3) NULL,
  "state" VARCHAR(16) NOT NULL CHECK ("state" IN ('idle', 'leased', 'in_flight')),
  "credentialVersion" BIGINT NOT NULL,
  "startedAt" TIMESTAMPTZ(3) NOT NULL,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "nextAttemptAt" TIMESTAMPTZ(3) NULL,
  "lastError" VARCHAR(64) NULL,
  PRIMARY KEY ("integrationId")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_credential_renewals" (
  "integrationId" VARCHAR(255) NOT NULL,
  "owner" VARCHAR(32) NOT NULL,
  "deadline" TEXT NULL,
  "state" VARCHAR(16) NOT NULL CHECK ("state" IN ('idle', 'leased', 'in_flight')),
  "credentialVersion" BIGINT NOT NULL,
  "startedAt" TEXT NOT NULL,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "nextAttemptAt" TEXT NULL,
  "lastError" VARCHAR(64) NULL,
  PRIMARY KEY ("integrationId")
)"#,
};

const ISSUED: &str = "tokenIssuedAt";

const ADD_ISSUED: Sql = Sql {
    mysql: "ALTER TABLE `tenant_scm_integrations` ADD COLUMN `tokenIssuedAt` DATETIME(3) NULL COMMENT 'When the access token was issued, if that is known'",
    postgres: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "tokenIssuedAt" TIMESTAMPTZ(3) NULL"#,
    sqlite: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "tokenIssuedAt" TEXT NULL"#,
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
        if has_column(db, TABLE, ISSUED).await? {
            return Ok(());
        }
        run(db, &ADD_ISSUED).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_column(manager.get_connection(), TABLE, ISSUED).await?;
        if !has_table(manager.get_connection(), RENEWALS).await? {
            return Ok(());
        }
        manager
            .drop_table(Table::drop().table(RENEWALS).to_owned())
            .await
    }
}
