//! A row as it goes out.

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use serde::{Serialize, Serializer};

use super::New;

/// The columns in the order in which they are selected.
pub(super) const COLUMNS: &str = "`id`, `tenantId`, `scmType`, `displayName`, \
    `githubOrganization`, `githubRepository`, `githubInstallationId`, `gitlabProjectId`, \
    `gitlabGroupId`, `bitbucketWorkspace`, `bitbucketRepository`, `repositoryUrl`, \
    `defaultBranch`, `tokenExpiresAt`, `autoRotate`, `webhookId`, `webhookUrl`, `isActive`, \
    `verificationStatus`, `lastVerifiedAt`, `verificationError`, `createdByAccountId`, \
    `createdAt`, `updatedAt`";

/// The row without its secrets.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the columns are what they are"
)]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Safe {
    pub(super) id: String,
    pub(super) tenant_id: String,
    pub(super) scm_type: String,
    pub(super) display_name: String,
    pub(super) github_organization: Option<String>,
    pub(super) github_repository: Option<String>,
    pub(super) github_installation_id: Option<String>,
    pub(super) gitlab_project_id: Option<String>,
    pub(super) gitlab_group_id: Option<String>,
    pub(super) bitbucket_workspace: Option<String>,
    pub(super) bitbucket_repository: Option<String>,
    pub(super) repository_url: String,
    pub(super) default_branch: String,
    pub(super) token_expires_at: Option<Time>,
    pub(super) auto_rotate: bool,
    pub(super) webhook_id: Option<String>,
    pub(super) webhook_url: Option<String>,
    pub(super) is_active: bool,
    pub(super) verification_status: String,
    pub(super) last_verified_at: Option<Time>,
    pub(super) verification_error: Option<String>,
    pub(super) created_by_account_id: String,
    pub(super) created_at: Time,
    pub(super) updated_at: Time,
    pub(super) has_valid_token: bool,
    pub(super) is_token_expired: bool,
}

/// A time with milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Time(pub(super) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl Safe {
    #[expect(clippy::disallowed_methods, reason = "times of a measurement")]
    pub(super) fn new(new: &New, id: String) -> Self {
        let now = Time(Utc::now().trunc_subsecs(3));
        let path = new.repository_url.trim_start_matches("https://github.com/");
        let (owner, name) = path.split_once('/').unwrap_or((path, ""));
        Self {
            id,
            tenant_id: new.tenant_id.clone(),
            scm_type: new.scm_type.clone(),
            display_name: path.to_owned(),
            github_organization: Some(owner.to_owned()),
            github_repository: Some(name.to_owned()),
            github_installation_id: None,
            gitlab_project_id: None,
            gitlab_group_id: None,
            bitbucket_workspace: None,
            bitbucket_repository: None,
            repository_url: new.repository_url.clone(),
            default_branch: "main".to_owned(),
            token_expires_at: None,
            auto_rotate: false,
            webhook_id: None,
            webhook_url: None,
            is_active: true,
            verification_status: "PENDING".to_owned(),
            last_verified_at: None,
            verification_error: None,
            created_by_account_id: "acc-bench".to_owned(),
            created_at: now,
            updated_at: now,
            has_valid_token: true,
            is_token_expired: false,
        }
    }
}
