//! What code hosts deliver, and what it means.
//!
//! - `scm_webhook_deliveries`: every delivery whose signature held, sealed, until it is too old. One
//!   row per delivery of the host, whatever number of times it came. Whoever processes one writes an
//!   `owner` and moves `nextAttemptAt` behind the time that it has: when it dies, the row is due
//!   again by itself. Of each integration only the oldest pending one is ever taken.
//! - `scm_events`: what deliveries mean, sealed, in the order in which each tenant is told;
//!   `scm_event_heads` holds the last number of every tenant, and is what writers of one tenant queue
//!   up at, so that no number appears below one that was read before.
//! - No table here refers to another; the store removes rows with their integration.

use sea_orm_migration::prelude::*;

use crate::backend::{Sql, create_index, has_table, run};

const TABLES: [&str; 3] = ["scm_webhook_deliveries", "scm_events", "scm_event_heads"];

const CREATE_DELIVERIES: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_webhook_deliveries` (
  `id` VARCHAR(32) NOT NULL,
  `tenantId` VARCHAR(36) NOT NULL,
  `integrationId` VARCHAR(255) NOT NULL,
  `deliveryId` VARCHAR(128) NOT NULL,
  `digest` CHAR(64) NOT NULL,
  `event` VARCHAR(64) NOT NULL,
  `state` ENUM('pending', 'done', 'ignored', 'dead') NOT NULL,
  `owner` VARCHAR(32) NULL,
  `attempts` INT NOT NULL DEFAULT 0,
  `lastError` VARCHAR(64) NULL,
  `receivedAt` DATETIME(3) NOT NULL,
  `nextAttemptAt` DATETIME(3) NOT NULL,
  `processedAt` DATETIME(3) NULL,
  `size` INT NOT NULL,
  `payload` LONGTEXT NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `unique_scm_delivery` (`integrationId`, `deliveryId`),
  UNIQUE INDEX `unique_scm_delivery_digest` (`integrationId`, `digest`),
  INDEX `idx_scm_delivery_state` (`state`, `integrationId`, `receivedAt`, `id`),
  INDEX `idx_scm_delivery_list` (`integrationId`, `receivedAt`, `id`),
  INDEX `idx_scm_delivery_received` (`receivedAt`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_webhook_deliveries" (
  "id" VARCHAR(32) COLLATE "C" NOT NULL,
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "deliveryId" VARCHAR(128) COLLATE "C" NOT NULL,
  "digest" VARCHAR(64) COLLATE "C" NOT NULL,
  "event" VARCHAR(64) NOT NULL,
  "state" VARCHAR(16) NOT NULL CHECK ("state" IN ('pending', 'done', 'ignored', 'dead')),
  "owner" VARCHAR(32) COLLATE "C" NULL,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "lastError" VARCHAR(64) NULL,
  "receivedAt" TIMESTAMPTZ(3) NOT NULL,
  "nextAttemptAt" TIMESTAMPTZ(3) NOT NULL,
  "processedAt" TIMESTAMPTZ(3) NULL,
  "size" INTEGER NOT NULL,
  "payload" TEXT NOT NULL,
  PRIMARY KEY ("id")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_webhook_deliveries" (
  "id" VARCHAR(32) NOT NULL,
  "tenantId" VARCHAR(36) NOT NULL,
  "integrationId" VARCHAR(255) NOT NULL,
  "deliveryId" VARCHAR(128) NOT NULL,
  "digest" VARCHAR(64) NOT NULL,
  "event" VARCHAR(64) NOT NULL,
  "state" VARCHAR(16) NOT NULL CHECK ("state" IN ('pending', 'done', 'ignored', 'dead')),
  "owner" VARCHAR(32) NULL,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "lastError" VARCHAR(64) NULL,
  "receivedAt" TEXT NOT NULL,
  "nextAttemptAt" TEXT NOT NULL,
  "processedAt" TEXT NULL,
  "size" INTEGER NOT NULL,
  "payload" TEXT NOT NULL,
  PRIMARY KEY ("id")
)"#,
};

const CREATE_EVENTS: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_events` (
  `tenantId` VARCHAR(36) NOT NULL,
  `sequence` BIGINT NOT NULL,
  `id` VARCHAR(32) NOT NULL,
  `integrationId` VARCHAR(255) NOT NULL,
  `deliveryId` VARCHAR(32) NULL,
  `kind` VARCHAR(32) NOT NULL,
  `occurredAt` DATETIME(3) NOT NULL,
  `pushedAt` DATETIME(3) NULL,
  `body` MEDIUMTEXT NOT NULL,
  PRIMARY KEY (`tenantId`, `sequence`),
  UNIQUE INDEX `unique_scm_event` (`id`),
  INDEX `idx_scm_event_integration` (`integrationId`),
  INDEX `idx_scm_event_occurred` (`occurredAt`),
  INDEX `idx_scm_event_push` (`pushedAt`, `tenantId`, `sequence`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_events" (
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "sequence" BIGINT NOT NULL,
  "id" VARCHAR(32) COLLATE "C" NOT NULL,
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "deliveryId" VARCHAR(32) COLLATE "C" NULL,
  "kind" VARCHAR(32) NOT NULL,
  "occurredAt" TIMESTAMPTZ(3) NOT NULL,
  "pushedAt" TIMESTAMPTZ(3) NULL,
  "body" TEXT NOT NULL,
  PRIMARY KEY ("tenantId", "sequence")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_events" (
  "tenantId" VARCHAR(36) NOT NULL,
  "sequence" BIGINT NOT NULL,
  "id" VARCHAR(32) NOT NULL,
  "integrationId" VARCHAR(255) NOT NULL,
  "deliveryId" VARCHAR(32) NULL,
  "kind" VARCHAR(32) NOT NULL,
  "occurredAt" TEXT NOT NULL,
  "pushedAt" TEXT NULL,
  "body" TEXT NOT NULL,
  PRIMARY KEY ("tenantId", "sequence")
)"#,
};

const CREATE_HEADS: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_event_heads` (
  `tenantId` VARCHAR(36) NOT NULL,
  `sequence` BIGINT NOT NULL,
  PRIMARY KEY (`tenantId`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_event_heads" (
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "sequence" BIGINT NOT NULL,
  PRIMARY KEY ("tenantId")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_event_heads" (
  "tenantId" VARCHAR(36) NOT NULL,
  "sequence" BIGINT NOT NULL,
  PRIMARY KEY ("tenantId")
)"#,
};

/// Table, name, unique, columns.
type Index = (&'static str, &'static str, bool, &'static [&'static str]);

const INDEXES: [Index; 9] = [
    (
        TABLES[0],
        "unique_scm_delivery",
        true,
        &["integrationId", "deliveryId"],
    ),
    (
        TABLES[0],
        "unique_scm_delivery_digest",
        true,
        &["integrationId", "digest"],
    ),
    (
        TABLES[0],
        "idx_scm_delivery_state",
        false,
        &["state", "integrationId", "receivedAt", "id"],
    ),
    (
        TABLES[0],
        "idx_scm_delivery_list",
        false,
        &["integrationId", "receivedAt", "id"],
    ),
    (
        TABLES[0],
        "idx_scm_delivery_received",
        false,
        &["receivedAt"],
    ),
    (TABLES[1], "unique_scm_event", true, &["id"]),
    (
        TABLES[1],
        "idx_scm_event_integration",
        false,
        &["integrationId"],
    ),
    (TABLES[1], "idx_scm_event_occurred", false, &["occurredAt"]),
    (
        TABLES[1],
        "idx_scm_event_push",
        false,
        &["pushedAt", "tenantId", "sequence"],
    ),
];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for create in [&CREATE_DELIVERIES, &CREATE_EVENTS, &CREATE_HEADS] {
            run(db, create).await?;
        }
        for (table, name, unique, columns) in INDEXES {
            create_index(db, table, name, unique, columns).await?;
        }
        Ok(())
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
