//! Webhooks of integrations: how their deliveries are signed, and the secret before the present one
//! while a change of it is not confirmed; where a repository was before it was renamed.
//!
//! `scm_repository_aliases` refers to nothing, for the parent's `id` may have another character set
//! in an adopted table; the store removes its rows with their integration.

use sea_orm_migration::prelude::*;

use crate::{
    TABLE,
    backend::{Sql, create_index, drop_column, has_column, has_table, run},
};

const COLUMNS: [(&str, Sql); 3] = [
    (
        "webhookScheme",
        Sql {
            mysql: "ALTER TABLE `tenant_scm_integrations` ADD COLUMN `webhookScheme` VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'How deliveries are signed'",
            postgres: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "webhookScheme" VARCHAR(32) NULL"#,
            sqlite: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "webhookScheme" VARCHAR(32) NULL"#,
        },
    ),
    (
        "previousWebhookSecret",
        Sql {
            mysql: "ALTER TABLE `tenant_scm_integrations` ADD COLUMN `previousWebhookSecret` TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Encrypted secret before a rotation that is not confirmed'",
            postgres: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "previousWebhookSecret" TEXT NULL"#,
            sqlite: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "previousWebhookSecret" TEXT NULL"#,
        },
    ),
    (
        "previousWebhookSecretUntil",
        Sql {
            mysql: "ALTER TABLE `tenant_scm_integrations` ADD COLUMN `previousWebhookSecretUntil` DATETIME(3) NULL COMMENT 'How long that one is accepted'",
            postgres: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "previousWebhookSecretUntil" TIMESTAMPTZ(3) NULL"#,
            sqlite: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "previousWebhookSecretUntil" TEXT NULL"#,
        },
    ),
];

const ALIASES: &str = "scm_repository_aliases";

const CREATE_ALIASES: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `scm_repository_aliases` (
  `integrationId` VARCHAR(255) NOT NULL,
  `repositoryKey` VARCHAR(512) NOT NULL,
  `tenantId` VARCHAR(36) NOT NULL,
  `repositoryUrl` VARCHAR(512) NOT NULL,
  `replacedAt` DATETIME(3) NOT NULL,
  PRIMARY KEY (`integrationId`, `repositoryKey`),
  INDEX `idx_scm_alias_tenant` (`tenantId`, `repositoryKey`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
    postgres: r#"CREATE TABLE IF NOT EXISTS "scm_repository_aliases" (
  "integrationId" VARCHAR(255) COLLATE "C" NOT NULL,
  "repositoryKey" VARCHAR(512) COLLATE "C" NOT NULL,
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "repositoryUrl" VARCHAR(512) NOT NULL,
  "replacedAt" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("integrationId", "repositoryKey")
)"#,
    sqlite: r#"CREATE TABLE IF NOT EXISTS "scm_repository_aliases" (
  "integrationId" VARCHAR(255) NOT NULL,
  "repositoryKey" VARCHAR(512) NOT NULL,
  "tenantId" VARCHAR(36) NOT NULL,
  "repositoryUrl" VARCHAR(512) NOT NULL,
  "replacedAt" TEXT NOT NULL,
  PRIMARY KEY ("integrationId", "repositoryKey")
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
        for (column, sql) in &COLUMNS {
            if !has_column(db, TABLE, column).await? {
                run(db, sql).await?;
            }
        }
        run(db, &CREATE_ALIASES).await?;
        let by_key = ["tenantId", "repositoryKey"];
        create_index(db, ALIASES, "idx_scm_alias_tenant", false, &by_key).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if has_table(db, ALIASES).await? {
            let drop = Table::drop().table(ALIASES).to_owned();
            manager.drop_table(drop).await?;
        }
        for (column, _) in COLUMNS.iter().rev() {
            drop_column(db, TABLE, column).await?;
        }
        Ok(())
    }
}
