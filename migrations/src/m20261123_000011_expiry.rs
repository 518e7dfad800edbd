//! Credentials that end: whether the server may rotate one before that, which warning of its end was
//! given, and an index that finds those that end soon.

use sea_orm_migration::prelude::*;

use crate::{
    TABLE,
    backend::{Sql, create_index, drop_column, drop_index, has_column, run},
};

const COLUMNS: [(&str, Sql); 2] = [
    (
        "autoRotate",
        Sql {
            mysql: "ALTER TABLE `tenant_scm_integrations` ADD COLUMN `autoRotate` TINYINT(1) NOT NULL DEFAULT 0 COMMENT 'Whether the access token is rotated before it ends'",
            postgres: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "autoRotate" BOOLEAN NOT NULL DEFAULT FALSE"#,
            sqlite: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "autoRotate" BOOLEAN NOT NULL DEFAULT 0"#,
        },
    ),
    (
        "expiryWarning",
        Sql {
            mysql: "ALTER TABLE `tenant_scm_integrations` ADD COLUMN `expiryWarning` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'The last warning that the access token ends'",
            postgres: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "expiryWarning" VARCHAR(64) NULL"#,
            sqlite: r#"ALTER TABLE "tenant_scm_integrations" ADD COLUMN "expiryWarning" VARCHAR(64) NULL"#,
        },
    ),
];

const ENDS: &str = "idx_scm_token_expires";

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
        create_index(db, TABLE, ENDS, false, &["tokenExpiresAt", "id"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        drop_index(db, TABLE, ENDS).await?;
        for (column, _) in COLUMNS.iter().rev() {
            drop_column(db, TABLE, column).await?;
        }
        Ok(())
    }
}
