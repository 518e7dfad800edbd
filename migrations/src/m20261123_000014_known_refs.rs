//! What is known of the branches and tags of each repository, and who was there to be told of them:
//! what a gap in the deliveries is found by.
//!
//! - `scm_known_refs`: what each ref stood for when it was last told or looked at; one that is gone
//!   stays for a while. The key holds a digest of the name, for names are longer than keys may be.
//! - `scm_ref_checks`: one row for each integration with a webhook. Whoever writes refs of it counts
//!   `version` up, so that of two writers the second sees that it has read too early.
//! - `scm_redeliveries`: what the host was asked to send again, by a digest of its key.
//! - `scm_servers`: the servers that take deliveries in. Every time in it is the database's own.
//! - No table here refers to another; the store removes rows with their integration.

use sea_orm_migration::prelude::*;

use crate::backend::{Sql, create_index, has_table, run};

const TABLES: [&str; 4] = [
    "scm_known_refs",
    "scm_ref_checks",
    "scm_redeliveries",
    "scm_servers",
];

const CREATE_REFS: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_known_refs` (
  `integrationId` VARCHAR(255) NOT NULL,
  `digest` CHAR(64) NOT NULL,
  `name` VARCHAR(1024) NOT NULL,
  `commitSha` VARCHAR(64) NULL,
  `otherSha` VARCHAR(64) NULL,
  `present` BOOLEAN NOT NULL,
  `source` ENUM('listing', 'delivery', 'reconciled') NOT NULL,
  `updatedAt` DATETIME(3) NOT NULL,
  PRIMARY KEY (`integrationId`, `digest`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_known_refs" (
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "digest" VARCHAR(64) COLLATE "C" NOT NULL,
  "name" VARCHAR(1024) COLLATE "C" NOT NULL,
  "commitSha" VARCHAR(64) COLLATE "C" NULL,
  "otherSha" VARCHAR(64) COLLATE "C" NULL,
  "present" BOOLEAN NOT NULL,
  "source" VARCHAR(16) NOT NULL CHECK ("source" IN ('listing', 'delivery', 'reconciled')),
  "updatedAt" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("integrationId", "digest")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_known_refs" (
  "integrationId" VARCHAR(255) NOT NULL,
  "digest" VARCHAR(64) NOT NULL,
  "name" VARCHAR(1024) NOT NULL,
  "commitSha" VARCHAR(64) NULL,
  "otherSha" VARCHAR(64) NULL,
  "present" BOOLEAN NOT NULL,
  "source" VARCHAR(16) NOT NULL CHECK ("source" IN ('listing', 'delivery', 'reconciled')),
  "updatedAt" TEXT NOT NULL,
  PRIMARY KEY ("integrationId", "digest")
)"#,
};

const CREATE_CHECKS: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_ref_checks` (
  `integrationId` VARCHAR(255) NOT NULL,
  `version` BIGINT NOT NULL DEFAULT 0,
  `baseline` BOOLEAN NOT NULL DEFAULT FALSE,
  `tooMany` BOOLEAN NOT NULL DEFAULT FALSE,
  `checkedAt` DATETIME(3) NULL,
  PRIMARY KEY (`integrationId`),
  INDEX `idx_scm_ref_check_due` (`checkedAt`, `integrationId`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_ref_checks" (
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "version" BIGINT NOT NULL DEFAULT 0,
  "baseline" BOOLEAN NOT NULL DEFAULT FALSE,
  "tooMany" BOOLEAN NOT NULL DEFAULT FALSE,
  "checkedAt" TIMESTAMPTZ(3) NULL,
  PRIMARY KEY ("integrationId")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_ref_checks" (
  "integrationId" VARCHAR(255) NOT NULL,
  "version" BIGINT NOT NULL DEFAULT 0,
  "baseline" BOOLEAN NOT NULL DEFAULT FALSE,
  "tooMany" BOOLEAN NOT NULL DEFAULT FALSE,
  "checkedAt" TEXT NULL,
  PRIMARY KEY ("integrationId")
)"#,
};

const CREATE_REDELIVERIES: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_redeliveries` (
  `integrationId` VARCHAR(255) NOT NULL,
  `digest` CHAR(64) NOT NULL,
  `asks` INT NOT NULL,
  `askedAt` DATETIME(3) NOT NULL,
  PRIMARY KEY (`integrationId`, `digest`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_redeliveries" (
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "digest" VARCHAR(64) COLLATE "C" NOT NULL,
  "asks" INTEGER NOT NULL,
  "askedAt" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("integrationId", "digest")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_redeliveries" (
  "integrationId" VARCHAR(255) NOT NULL,
  "digest" VARCHAR(64) NOT NULL,
  "asks" INTEGER NOT NULL,
  "askedAt" TEXT NOT NULL,
  PRIMARY KEY ("integrationId", "digest")
)"#,
};

const CREATE_SERVERS: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_servers` (
  `id` VARCHAR(32) NOT NULL,
  `startedAt` DATETIME(3) NOT NULL,
  `seenAt` DATETIME(3) NOT NULL,
  `stoppedAt` DATETIME(3) NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_servers" (
  "id" VARCHAR(32) COLLATE "C" NOT NULL,
  "startedAt" TIMESTAMPTZ(3) NOT NULL,
  "seenAt" TIMESTAMPTZ(3) NOT NULL,
  "stoppedAt" TIMESTAMPTZ(3) NULL,
  PRIMARY KEY ("id")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_servers" (
  "id" VARCHAR(32) NOT NULL,
  "startedAt" TEXT NOT NULL,
  "seenAt" TEXT NOT NULL,
  "stoppedAt" TEXT NULL,
  PRIMARY KEY ("id")
)"#,
};

/// Webhooks that are there already are checked like those to come.
const FILL_CHECKS: Sql = Sql {
    mysql: "INSERT IGNORE INTO `scm_ref_checks` (`integrationId`) \
            SELECT `id` FROM `tenant_scm_integrations` \
            WHERE `webhookId` IS NOT NULL AND `deletedAt` IS NULL",
    postgres: r#"INSERT INTO "scm_ref_checks" ("integrationId")
SELECT "id" FROM "tenant_scm_integrations"
WHERE "webhookId" IS NOT NULL AND "deletedAt" IS NULL ON CONFLICT DO NOTHING"#,
    sqlite: r#"INSERT OR IGNORE INTO "scm_ref_checks" ("integrationId")
SELECT "id" FROM "tenant_scm_integrations"
WHERE "webhookId" IS NOT NULL AND "deletedAt" IS NULL"#,
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
        for create in [
            &CREATE_REFS,
            &CREATE_CHECKS,
            &CREATE_REDELIVERIES,
            &CREATE_SERVERS,
        ] {
            run(db, create).await?;
        }
        let due = ["checkedAt", "integrationId"];
        create_index(db, "scm_ref_checks", "idx_scm_ref_check_due", false, &due).await?;
        run(db, &FILL_CHECKS).await
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
