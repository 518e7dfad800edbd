//! The original table, column for column, with its indexes and its unique key.
//!
//! - A table that is there already (a delivr database) is taken over as it is; the next step
//!   brings it to the shape of a new one. One of another shape is refused before anything is changed.
//! - Comparison is by byte on every backend: MySQL's text is `utf8mb4_bin`, PostgreSQL's keys are
//!   in collation "C", which also keeps the order of a page independent of the machine.
//! - No foreign keys: the parents exist in a delivr database only, see `foreign_keys`.

use sea_orm_migration::prelude::*;

use crate::{
    TABLE,
    backend::{Sql, create_index, has_column, has_table, number, run},
};

const CREATE: Sql = Sql {
    mysql: "CREATE TABLE IF NOT EXISTS `tenant_scm_integrations` (
  `id` VARCHAR(255) NOT NULL PRIMARY KEY COMMENT 'Unique identifier (nanoid)',
  `tenantId` CHAR(36) NOT NULL COMMENT 'Reference to tenants table',
  `scmType` ENUM('GITHUB', 'GITLAB', 'BITBUCKET') NOT NULL COMMENT 'Type of SCM provider',
  `displayName` VARCHAR(255) NOT NULL COMMENT 'User-friendly name',
  `githubOrganization` VARCHAR(255) NULL COMMENT 'GitHub org/username',
  `githubRepository` VARCHAR(255) NULL COMMENT 'Repository name',
  `githubInstallationId` VARCHAR(255) NULL COMMENT 'GitHub App installation ID',
  `gitlabProjectId` VARCHAR(255) NULL COMMENT 'GitLab project ID',
  `gitlabGroupId` VARCHAR(255) NULL COMMENT 'GitLab group ID',
  `bitbucketWorkspace` VARCHAR(255) NULL COMMENT 'Bitbucket workspace slug',
  `bitbucketRepository` VARCHAR(255) NULL COMMENT 'Bitbucket repo slug',
  `repositoryUrl` VARCHAR(512) NOT NULL COMMENT 'Full repository URL (https://...)',
  `defaultBranch` VARCHAR(255) NOT NULL DEFAULT 'main' COMMENT 'Default branch (main/master/develop)',
  `accessToken` TEXT NULL COMMENT 'Encrypted access token (PAT/OAuth token)',
  `refreshToken` TEXT NULL COMMENT 'Encrypted refresh token (if applicable)',
  `tokenExpiresAt` DATETIME NULL COMMENT 'Token expiration timestamp',
  `webhookId` VARCHAR(255) NULL COMMENT 'Webhook ID from provider',
  `webhookSecret` TEXT NULL COMMENT 'Encrypted webhook secret',
  `webhookUrl` VARCHAR(512) NULL COMMENT 'Webhook callback URL',
  `isActive` BOOLEAN NOT NULL DEFAULT TRUE COMMENT 'Is this integration active?',
  `verificationStatus` ENUM('PENDING', 'VALID', 'INVALID', 'EXPIRED') NOT NULL DEFAULT 'PENDING' COMMENT 'Connection verification status',
  `lastVerifiedAt` DATETIME NULL COMMENT 'Last time connection was verified',
  `verificationError` TEXT NULL COMMENT 'Error message if verification failed',
  `createdByAccountId` VARCHAR(255) NOT NULL COMMENT 'Account ID who created this integration',
  `createdAt` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `updatedAt` DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  INDEX `idx_scm_tenant` (`tenantId`, `isActive`),
  INDEX `idx_scm_type` (`scmType`),
  INDEX `idx_scm_verification` (`verificationStatus`, `lastVerifiedAt`),
  INDEX `idx_scm_created_by` (`createdByAccountId`),
  UNIQUE KEY `unique_tenant_scm_repo` (`tenantId`, `scmType`, `repositoryUrl`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='Tenant-level SCM integrations (GitHub/GitLab/Bitbucket)'",
    postgres: r#"CREATE TABLE IF NOT EXISTS "tenant_scm_integrations" (
  "id" VARCHAR(255) COLLATE "C" NOT NULL PRIMARY KEY,
  "tenantId" VARCHAR(36) COLLATE "C" NOT NULL,
  "scmType" VARCHAR(16) NOT NULL CHECK ("scmType" IN ('GITHUB', 'GITLAB', 'BITBUCKET')),
  "displayName" VARCHAR(255) NOT NULL,
  "githubOrganization" VARCHAR(255) NULL,
  "githubRepository" VARCHAR(255) NULL,
  "githubInstallationId" VARCHAR(255) NULL,
  "gitlabProjectId" VARCHAR(255) NULL,
  "gitlabGroupId" VARCHAR(255) NULL,
  "bitbucketWorkspace" VARCHAR(255) NULL,
  "bitbucketRepository" VARCHAR(255) NULL,
  "repositoryUrl" VARCHAR(512) COLLATE "C" NOT NULL,
  "defaultBranch" VARCHAR(255) NOT NULL DEFAULT 'main',
  "accessToken" TEXT NULL,
  "refreshToken" TEXT NULL,
  "tokenExpiresAt" TIMESTAMPTZ(3) NULL,
  "webhookId" VARCHAR(255) NULL,
  "webhookSecret" TEXT NULL,
  "webhookUrl" VARCHAR(512) NULL,
  "isActive" BOOLEAN NOT NULL DEFAULT TRUE,
  "verificationStatus" VARCHAR(16) NOT NULL DEFAULT 'PENDING' CHECK ("verificationStatus" IN ('PENDING', 'VALID', 'INVALID', 'EXPIRED')),
  "lastVerifiedAt" TIMESTAMPTZ(3) NULL,
  "verificationError" TEXT NULL,
  "createdByAccountId" VARCHAR(255) COLLATE "C" NOT NULL,
  "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
)"#,
    // The defaults write times exactly as the store does: RFC 3339, no fraction if it is zero.
    // Text in two forms would not sort.
    sqlite: r#"CREATE TABLE IF NOT EXISTS "tenant_scm_integrations" (
  "id" VARCHAR(255) NOT NULL PRIMARY KEY,
  "tenantId" VARCHAR(36) NOT NULL,
  "scmType" VARCHAR(16) NOT NULL CHECK ("scmType" IN ('GITHUB', 'GITLAB', 'BITBUCKET')),
  "displayName" VARCHAR(255) NOT NULL,
  "githubOrganization" VARCHAR(255) NULL,
  "githubRepository" VARCHAR(255) NULL,
  "githubInstallationId" VARCHAR(255) NULL,
  "gitlabProjectId" VARCHAR(255) NULL,
  "gitlabGroupId" VARCHAR(255) NULL,
  "bitbucketWorkspace" VARCHAR(255) NULL,
  "bitbucketRepository" VARCHAR(255) NULL,
  "repositoryUrl" VARCHAR(512) NOT NULL,
  "defaultBranch" VARCHAR(255) NOT NULL DEFAULT 'main',
  "accessToken" TEXT NULL,
  "refreshToken" TEXT NULL,
  "tokenExpiresAt" TEXT NULL,
  "webhookId" VARCHAR(255) NULL,
  "webhookSecret" TEXT NULL,
  "webhookUrl" VARCHAR(512) NULL,
  "isActive" BOOLEAN NOT NULL DEFAULT TRUE CHECK ("isActive" IN (0, 1)),
  "verificationStatus" VARCHAR(16) NOT NULL DEFAULT 'PENDING' CHECK ("verificationStatus" IN ('PENDING', 'VALID', 'INVALID', 'EXPIRED')),
  "lastVerifiedAt" TEXT NULL,
  "verificationError" TEXT NULL,
  "createdByAccountId" VARCHAR(255) NOT NULL,
  "createdAt" TEXT NOT NULL DEFAULT (replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), '.000+', '+')),
  "updatedAt" TEXT NOT NULL DEFAULT (replace(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'), '.000+', '+'))
)"#,
};

const COUNT: Sql = Sql {
    mysql: "SELECT COUNT(*) FROM `tenant_scm_integrations`",
    postgres: "SELECT COUNT(*) FROM \"tenant_scm_integrations\"",
    sqlite: "SELECT COUNT(*) FROM \"tenant_scm_integrations\"",
};

/// By this column the original's table is known: delivr's later one has none of a product's own.
const ORIGINAL_COLUMN: &str = "githubOrganization";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if has_table(db, TABLE).await? && !has_column(db, TABLE, ORIGINAL_COLUMN).await? {
            return Err(DbErr::Migration(format!(
                "there is a table {TABLE} of another shape, without the column {ORIGINAL_COLUMN}, as \
                 delivr's later server has one: it stays as it is. Give this service a database of \
                 its own, or rename that table first; import delivr brings its rows over"
            )));
        }
        run(db, &CREATE).await?;
        create_index(
            db,
            TABLE,
            "idx_scm_tenant",
            false,
            &["tenantId", "isActive"],
        )
        .await?;
        create_index(db, TABLE, "idx_scm_type", false, &["scmType"]).await?;
        create_index(
            db,
            TABLE,
            "idx_scm_verification",
            false,
            &["verificationStatus", "lastVerifiedAt"],
        )
        .await?;
        create_index(
            db,
            TABLE,
            "idx_scm_created_by",
            false,
            &["createdByAccountId"],
        )
        .await?;
        create_index(
            db,
            TABLE,
            "unique_tenant_scm_repo",
            true,
            &["tenantId", "scmType", "repositoryUrl"],
        )
        .await
    }

    /// Refuses while there are rows: the table may have been somebody else's before this system
    /// came, and what it holds cannot be brought back.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if !has_table(db, TABLE).await? {
            return Ok(());
        }
        let rows = number(db, COUNT.of(db.get_database_backend()), &[])
            .await?
            .unwrap_or(0);
        if rows > 0 {
            return Err(DbErr::Migration(format!(
                "{TABLE} holds {rows} rows; delete them first if they are to be lost"
            )));
        }
        manager
            .drop_table(Table::drop().table(TABLE).to_owned())
            .await
    }
}
