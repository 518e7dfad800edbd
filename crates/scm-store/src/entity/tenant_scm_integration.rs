//! `tenant_scm_integrations`: the original's columns, then those that were added.
//!
//! Enumerations are read as text, so that a word that is no member is told as a corrupt row and
//! not as a failure of the driver.

use sea_orm::entity::prelude::*;

/// The table's name.
pub(crate) const TABLE: &str = "tenant_scm_integrations";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_scm_integrations", rename_all = "camelCase")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub tenant_id: String,
    pub scm_type: String,
    pub display_name: String,
    pub github_organization: Option<String>,
    pub github_repository: Option<String>,
    pub github_installation_id: Option<String>,
    pub gitlab_project_id: Option<String>,
    pub gitlab_group_id: Option<String>,
    pub bitbucket_workspace: Option<String>,
    pub bitbucket_repository: Option<String>,
    pub repository_url: String,
    pub default_branch: String,
    pub access_token: Option<String>,
    pub refresh_token: Option<String>,
    pub token_expires_at: Option<DateTimeUtc>,
    pub webhook_id: Option<String>,
    pub webhook_secret: Option<String>,
    pub webhook_url: Option<String>,
    pub is_active: bool,
    pub verification_status: String,
    pub last_verified_at: Option<DateTimeUtc>,
    pub verification_error: Option<String>,
    pub created_by_account_id: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i64,
    pub credential_version: i64,
    pub deleted_at: Option<DateTimeUtc>,
    pub provider_repository_id: Option<String>,
    pub repository_key: Option<String>,
    pub capabilities: Option<String>,
    pub token_issued_at: Option<DateTimeUtc>,
    pub auto_rotate: bool,
    pub expiry_warning: Option<String>,
    pub webhook_scheme: Option<String>,
    pub previous_webhook_secret: Option<String>,
    pub previous_webhook_secret_until: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
