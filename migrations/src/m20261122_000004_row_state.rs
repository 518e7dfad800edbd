//! What this system keeps of a row beyond the original: its version, the version of its
//! credential, when it was deleted, the host's own id of the repository, and the key that makes
//! two spellings of a URL the same row. And the indexes that serve the lists.
//!
//! Every column is nullable or has a default, so an old writer need not know them. Its rows have
//! no `repositoryKey`; NULLs do not collide in a unique index.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::{
    TABLE,
    backend::{create_index, drop_column, drop_index, has_column},
};

/// Name, then the type on MySQL, PostgreSQL, SQLite.
const COLUMNS: [(&str, [&str; 3]); 5] = [
    (
        "version",
        [
            "BIGINT NOT NULL DEFAULT 1 COMMENT 'Changes made by the SCM service'",
            "BIGINT NOT NULL DEFAULT 1",
            "BIGINT NOT NULL DEFAULT 1",
        ],
    ),
    (
        "credentialVersion",
        [
            "BIGINT NOT NULL DEFAULT 1 COMMENT 'Changes of the credential'",
            "BIGINT NOT NULL DEFAULT 1",
            "BIGINT NOT NULL DEFAULT 1",
        ],
    ),
    (
        "deletedAt",
        [
            "DATETIME(3) NULL COMMENT 'When it was soft-deleted'",
            "TIMESTAMPTZ(3) NULL",
            "TEXT NULL",
        ],
    ),
    (
        "providerRepositoryId",
        [
            "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Repository ID at the provider'",
            "VARCHAR(255) NULL",
            "VARCHAR(255) NULL",
        ],
    ),
    (
        "repositoryKey",
        [
            "VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Repository URL without its spelling'",
            "VARCHAR(512) COLLATE \"C\" NULL",
            "VARCHAR(512) NULL",
        ],
    ),
];

const UNIQUE_KEY: &str = "unique_tenant_scm_key";
const TENANT_LIST: &str = "idx_scm_tenant_created";
const PLATFORM_LIST: &str = "idx_scm_created";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for (column, [mysql, postgres, sqlite]) in COLUMNS {
            if has_column(db, TABLE, column).await? {
                continue;
            }
            let sql = match db.get_database_backend() {
                DbBackend::MySql => format!("ALTER TABLE `{TABLE}` ADD COLUMN `{column}` {mysql}"),
                DbBackend::Postgres => {
                    format!("ALTER TABLE \"{TABLE}\" ADD COLUMN \"{column}\" {postgres}")
                }
                _ => format!("ALTER TABLE \"{TABLE}\" ADD COLUMN \"{column}\" {sqlite}"),
            };
            db.execute_unprepared(&sql).await?;
        }
        create_index(
            db,
            TABLE,
            UNIQUE_KEY,
            true,
            &["tenantId", "scmType", "repositoryKey"],
        )
        .await?;
        create_index(
            db,
            TABLE,
            TENANT_LIST,
            false,
            &["tenantId", "createdAt", "id"],
        )
        .await?;
        create_index(db, TABLE, PLATFORM_LIST, false, &["createdAt", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for index in [PLATFORM_LIST, TENANT_LIST, UNIQUE_KEY] {
            drop_index(db, TABLE, index).await?;
        }
        for (column, _) in COLUMNS.iter().rev() {
            drop_column(db, TABLE, column).await?;
        }
        Ok(())
    }
}
