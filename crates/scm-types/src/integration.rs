//! An integration: one tenant's connection to one repository. JSON is that of the original API.
//!
//! - [`SafeScmIntegration`] is what leaves the process; it has no field for a secret.
//! - [`TenantScmIntegration`] holds the secrets and implements neither `Serialize` nor `Debug`.
//!
//! ```compile_fail
//! fn serialises<T: serde::Serialize>() {}
//! serialises::<scm_types::TenantScmIntegration>();
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    AccessToken, AccountId, DisplayName, IntegrationId, OperationReport, Patch, Purpose,
    RefreshToken, ScmType, TenantId, Timestamp, VerificationStatus, WebhookSecret,
};

/// Which state of a row was read: grows with every change. `ETag` in HTTP.
///
/// `updated_at` is part of it because an old writer, which shares the table and knows only the
/// original columns, changes that one and not the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowVersion {
    /// Counts the changes made by this system.
    pub number: i64,
    /// When the row last changed, by whomever.
    pub updated_at: Timestamp,
}

impl Default for RowVersion {
    /// No state of any row.
    fn default() -> Self {
        Self {
            number: 0,
            updated_at: Timestamp::EPOCH,
        }
    }
}

/// An integration without its secrets: `SafeSCMIntegration` of the original.
///
/// A client can read one back; the state it was in is then in the `ETag`, not in `version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a column or a finding of its own, and the JSON is flat"
)]
pub struct SafeScmIntegration {
    /// The row's id.
    pub id: IntegrationId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// Which product the repository lives on.
    pub scm_type: ScmType,
    /// What people call it.
    pub display_name: String,
    /// GitHub: organisation or user.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub github_organization: Option<String>,
    /// GitHub: repository.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub github_repository: Option<String>,
    /// GitHub: installation of a GitHub App.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub github_installation_id: Option<String>,
    /// GitLab: project id or path.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub gitlab_project_id: Option<String>,
    /// GitLab: group id or path.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub gitlab_group_id: Option<String>,
    /// Bitbucket: workspace.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub bitbucket_workspace: Option<String>,
    /// Bitbucket: repository.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub bitbucket_repository: Option<String>,
    /// The repository, in normal form.
    pub repository_url: String,
    /// The branch work starts from.
    pub default_branch: String,
    /// When the access token ends, if that is known.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub token_expires_at: Option<Timestamp>,
    /// Whether the access token is rotated before it ends; GitLab.
    #[serde(default)]
    pub auto_rotate: bool,
    /// The webhook's id at the host.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub webhook_id: Option<String>,
    /// The address the webhook calls.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub webhook_url: Option<String>,
    /// False while paused or deleted.
    pub is_active: bool,
    /// What the last definite check said.
    pub verification_status: VerificationStatus,
    /// When that was.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_verified_at: Option<Timestamp>,
    /// Why it was not VALID.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub verification_error: Option<String>,
    /// Who made it.
    pub created_by_account_id: AccountId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// A token is stored or comes from a GitHub App's installation, has not expired and was not
    /// found invalid.
    pub has_valid_token: bool,
    /// The stored expiry has passed.
    pub is_token_expired: bool,
    /// The state that was read; in HTTP it is the `ETag`.
    #[serde(skip)]
    pub version: RowVersion,
}

/// An integration with its secrets opened: for use inside, never for an answer.
#[derive(Clone)]
pub struct TenantScmIntegration {
    /// Everything that is no secret.
    pub integration: SafeScmIntegration,
    /// The host's own id of the repository, known since the first good check.
    pub provider_repository_id: Option<String>,
    /// The credential.
    pub access_token: Option<AccessToken>,
    /// What it is renewed with.
    pub refresh_token: Option<RefreshToken>,
    /// What deliveries are signed with.
    pub webhook_secret: Option<WebhookSecret>,
    /// Grows whenever the credential changes: a check that began with an older credential has
    /// nothing to say about this one.
    pub credential_version: i64,
    /// When the access token was issued, if that is known: since it was last renewed.
    pub token_issued_at: Option<Timestamp>,
    /// True if the row was soft-deleted: nothing is to be done with it.
    pub is_deleted: bool,
    /// What its secrets were opened for.
    pub opened_for: Purpose,
    /// What the last good check found possible; empty if nothing is known.
    pub operations: Vec<OperationReport>,
}

/// What is needed to create an integration: the body of `POST /`.
#[derive(Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateScmIntegrationDto {
    /// Whose it will be.
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub tenant_id: TenantId,
    /// Which product the repository lives on.
    pub scm_type: ScmType,
    /// What people call it; the repository's path if absent.
    #[serde(default)]
    pub display_name: Option<DisplayName>,
    /// GitHub: organisation or user; must agree with the URL.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")
    )]
    pub github_organization: Option<String>,
    /// GitHub: repository; must agree with the URL.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")
    )]
    pub github_repository: Option<String>,
    /// GitHub: installation of a GitHub App.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")
    )]
    pub github_installation_id: Option<String>,
    /// GitLab: project id, or its path, which must agree with the URL.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")
    )]
    pub gitlab_project_id: Option<String>,
    /// GitLab: group id, or its path, which must agree with the URL.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")
    )]
    pub gitlab_group_id: Option<String>,
    /// Bitbucket: workspace; must agree with the URL.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")
    )]
    pub bitbucket_workspace: Option<String>,
    /// Bitbucket: repository; must agree with the URL.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")
    )]
    pub bitbucket_repository: Option<String>,
    /// The repository, in any form that people use.
    #[cfg_attr(feature = "openapi", schema(min_length = 1))]
    pub repository_url: String,
    /// The branch work starts from; `main` if absent.
    #[serde(default)]
    pub default_branch: Option<crate::BranchName>,
    /// The credential.
    #[serde(default)]
    pub access_token: Option<AccessToken>,
    /// What it is renewed with.
    #[serde(default)]
    pub refresh_token: Option<RefreshToken>,
    /// When the credential ends, if that is known.
    #[serde(default)]
    pub token_expires_at: Option<Timestamp>,
    /// Whether the access token is rotated before it ends; GitLab, and without a refresh token.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub auto_rotate: bool,
    /// Who makes it; only the platform may say so.
    #[serde(default)]
    pub created_by_account_id: Option<AccountId>,
}

impl CreateScmIntegrationDto {
    /// What has to be known; everything else is absent, to be set by name.
    #[must_use]
    pub fn new(tenant_id: TenantId, scm_type: ScmType, repository_url: impl Into<String>) -> Self {
        Self {
            tenant_id,
            scm_type,
            display_name: None,
            github_organization: None,
            github_repository: None,
            github_installation_id: None,
            gitlab_project_id: None,
            gitlab_group_id: None,
            bitbucket_workspace: None,
            bitbucket_repository: None,
            repository_url: repository_url.into(),
            default_branch: None,
            access_token: None,
            refresh_token: None,
            token_expires_at: None,
            auto_rotate: false,
            created_by_account_id: None,
        }
    }
}

/// What can be changed: the body of `PATCH /{id}`. Everything else is immutable.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateScmIntegrationDto {
    /// What people call it; cannot be null.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<DisplayName>, nullable = false))]
    #[serde(default)]
    pub display_name: Patch<DisplayName>,
    /// The branch work starts from; cannot be null.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::BranchName>, nullable = false))]
    #[serde(default)]
    pub default_branch: Patch<crate::BranchName>,
    /// A new credential, or null to erase the stored one; both set the status back to PENDING.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<AccessToken>))]
    #[serde(default)]
    pub access_token: Patch<AccessToken>,
    /// What it is renewed with, or null to erase it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<RefreshToken>))]
    #[serde(default)]
    pub refresh_token: Patch<RefreshToken>,
    /// When the credential ends, or null if that is not known.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Timestamp>))]
    #[serde(default)]
    pub token_expires_at: Patch<Timestamp>,
    /// Whether the access token is rotated before it ends; cannot be null.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, nullable = false))]
    #[serde(default)]
    pub auto_rotate: Patch<bool>,
    /// False pauses, true goes on; cannot be null.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<bool>, nullable = false))]
    #[serde(default)]
    pub is_active: Patch<bool>,
}

/// Which integrations a list shows. Absent filters do not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ScmIntegrationFilters {
    /// Rows of this tenant.
    pub tenant_id: Option<TenantId>,
    /// Rows of this product.
    pub scm_type: Option<ScmType>,
    /// Active rows, or paused and deleted ones. Without it, deleted ones are not shown.
    pub is_active: Option<bool>,
    /// Rows in this state.
    pub verification_status: Option<VerificationStatus>,
    /// Rows whose access token is known to end before this, or to have ended.
    pub expiring_before: Option<Timestamp>,
}
