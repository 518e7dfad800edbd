-- The table as the original migration makes it, without its foreign keys.
CREATE TABLE IF NOT EXISTS tenant_scm_integrations (
  -- Primary key
  id VARCHAR(255) PRIMARY KEY COMMENT 'Unique identifier (nanoid)',
  
  -- Tenant reference
  tenantId CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL COMMENT 'Reference to tenants table',
  
  -- SCM provider type
  scmType ENUM('GITHUB', 'GITLAB', 'BITBUCKET') NOT NULL COMMENT 'Type of SCM provider',
  
  -- Display information
  displayName VARCHAR(255) NOT NULL COMMENT 'User-friendly name (e.g., "Dream11 Mobile App")',
  
  -- GitHub-specific fields
  githubOrganization VARCHAR(255) NULL COMMENT 'GitHub org/username',
  githubRepository VARCHAR(255) NULL COMMENT 'Repository name',
  githubInstallationId VARCHAR(255) NULL COMMENT 'GitHub App installation ID',
  
  -- GitLab-specific fields
  gitlabProjectId VARCHAR(255) NULL COMMENT 'GitLab project ID',
  gitlabGroupId VARCHAR(255) NULL COMMENT 'GitLab group ID',
  
  -- Bitbucket-specific fields
  bitbucketWorkspace VARCHAR(255) NULL COMMENT 'Bitbucket workspace slug',
  bitbucketRepository VARCHAR(255) NULL COMMENT 'Bitbucket repo slug',
  
  -- Common fields
  repositoryUrl VARCHAR(512) NOT NULL COMMENT 'Full repository URL (https://...)',
  defaultBranch VARCHAR(255) DEFAULT 'main' COMMENT 'Default branch (main/master/develop)',
  
  -- Authentication (encrypted)
  accessToken TEXT NULL COMMENT 'Encrypted access token (PAT/OAuth token)',
  refreshToken TEXT NULL COMMENT 'Encrypted refresh token (if applicable)',
  tokenExpiresAt DATETIME NULL COMMENT 'Token expiration timestamp',
  
  -- Webhook configuration
  webhookId VARCHAR(255) NULL COMMENT 'Webhook ID from provider',
  webhookSecret TEXT NULL COMMENT 'Encrypted webhook secret',
  webhookUrl VARCHAR(512) NULL COMMENT 'Webhook callback URL',
  
  -- Status and verification
  isActive BOOLEAN DEFAULT TRUE COMMENT 'Is this integration active?',
  verificationStatus ENUM('PENDING', 'VALID', 'INVALID', 'EXPIRED') DEFAULT 'PENDING' COMMENT 'Connection verification status',
  lastVerifiedAt DATETIME NULL COMMENT 'Last time connection was verified',
  verificationError TEXT NULL COMMENT 'Error message if verification failed',
  
  -- Metadata
  createdByAccountId VARCHAR(255) NOT NULL COMMENT 'Account ID who created this integration',
  createdAt DATETIME DEFAULT CURRENT_TIMESTAMP,
  updatedAt DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  
  -- Indexes for performance
  INDEX idx_scm_tenant (tenantId, isActive),
  INDEX idx_scm_type (scmType),
  INDEX idx_scm_verification (verificationStatus, lastVerifiedAt),
  INDEX idx_scm_created_by (createdByAccountId),
  
  -- Unique constraint: One integration per repo per tenant
  UNIQUE KEY unique_tenant_scm_repo (tenantId, scmType, repositoryUrl)
  
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT='Tenant-level SCM integrations (GitHub/GitLab/Bitbucket)';
