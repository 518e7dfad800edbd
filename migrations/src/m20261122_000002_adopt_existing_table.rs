//! Brings a table that was there before (made by the original SQL file) to the shape of a new one:
//! utf8mb4 compared by byte instead of latin1, and no NULL where a column has a default.
//!
//! - MySQL and MariaDB only: no other database ever held the original.
//! - A column that a foreign key hangs on keeps its character set, for it must equal its parent's.
//! - Old code goes on working: what it could write before, it can write now.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::{TABLE, backend::texts};

/// Every column that is not as a new table has it when the original file made it.
const COLUMNS: [(&str, &str); 21] = [
    (
        "id",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'Unique identifier (nanoid)'",
    ),
    (
        "tenantId",
        "CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'Reference to tenants table'",
    ),
    (
        "scmType",
        "ENUM('GITHUB', 'GITLAB', 'BITBUCKET') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'Type of SCM provider'",
    ),
    (
        "displayName",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'User-friendly name'",
    ),
    (
        "githubOrganization",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'GitHub org/username'",
    ),
    (
        "githubRepository",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Repository name'",
    ),
    (
        "githubInstallationId",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'GitHub App installation ID'",
    ),
    (
        "gitlabProjectId",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'GitLab project ID'",
    ),
    (
        "gitlabGroupId",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'GitLab group ID'",
    ),
    (
        "bitbucketWorkspace",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Bitbucket workspace slug'",
    ),
    (
        "bitbucketRepository",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Bitbucket repo slug'",
    ),
    (
        "repositoryUrl",
        "VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'Full repository URL (https://...)'",
    ),
    (
        "defaultBranch",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'main' COMMENT 'Default branch (main/master/develop)'",
    ),
    (
        "accessToken",
        "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Encrypted access token (PAT/OAuth token)'",
    ),
    (
        "refreshToken",
        "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Encrypted refresh token (if applicable)'",
    ),
    (
        "webhookId",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Webhook ID from provider'",
    ),
    (
        "webhookSecret",
        "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Encrypted webhook secret'",
    ),
    (
        "webhookUrl",
        "VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Webhook callback URL'",
    ),
    (
        "isActive",
        "BOOLEAN NOT NULL DEFAULT TRUE COMMENT 'Is this integration active?'",
    ),
    (
        "verificationStatus",
        "ENUM('PENDING', 'VALID', 'INVALID', 'EXPIRED') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'PENDING' COMMENT 'Connection verification status'",
    ),
    (
        "verificationError",
        "TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL COMMENT 'Error message if verification failed'",
    ),
];

/// The columns after those: `NOT NULL` where there is a default, and the account's character set.
const LAST_COLUMNS: [(&str, &str); 3] = [
    (
        "createdByAccountId",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'Account ID who created this integration'",
    ),
    ("createdAt", "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP"),
    (
        "updatedAt",
        "DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
    ),
];

/// What a NULL meant: the default. `updatedAt` is named so that MySQL does not set it to now.
const FILL: &str = "UPDATE `tenant_scm_integrations` SET
  `isActive` = COALESCE(`isActive`, TRUE),
  `verificationStatus` = COALESCE(`verificationStatus`, 'PENDING'),
  `defaultBranch` = COALESCE(`defaultBranch`, 'main'),
  `createdAt` = COALESCE(`createdAt`, `updatedAt`, CURRENT_TIMESTAMP),
  `updatedAt` = COALESCE(`updatedAt`, `createdAt`, CURRENT_TIMESTAMP)
WHERE `isActive` IS NULL OR `verificationStatus` IS NULL OR `defaultBranch` IS NULL
  OR `createdAt` IS NULL OR `updatedAt` IS NULL";

/// Columns of the table on either side of a foreign key.
const IN_FOREIGN_KEYS: &str =
    "SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.KEY_COLUMN_USAGE
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL
UNION
SELECT CAST(REFERENCED_COLUMN_NAME AS CHAR) FROM information_schema.KEY_COLUMN_USAGE
WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ?";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if db.get_database_backend() != DbBackend::MySql {
            return Ok(());
        }
        db.execute_unprepared(FILL).await?;
        let kept = texts(db, IN_FOREIGN_KEYS, &[TABLE, TABLE]).await?;
        let changes: Vec<_> = COLUMNS
            .iter()
            .chain(&LAST_COLUMNS)
            .filter(|(column, _)| !kept.iter().any(|kept| kept == column))
            .map(|(column, definition)| format!("MODIFY `{column}` {definition}"))
            .collect();
        // One statement, so that the table is rewritten once and is never half old, half new.
        let sql = format!(
            "ALTER TABLE `{TABLE}` {}, DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            changes.join(", ")
        );
        db.execute_unprepared(&sql).await.map(|_| ())
    }

    /// Nothing: latin1 could not hold what may have been written since, and the wider columns
    /// serve old code as well.
    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
