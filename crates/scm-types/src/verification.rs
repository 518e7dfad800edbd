//! What a check of a connection finds out, and the result that the original API knows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{CommitSha, InvalidEnum, Timestamp};

/// Whether a connection works, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationStatus {
    /// Not checked since the credential was stored.
    Pending,
    /// The last definite check was good.
    Valid,
    /// The host refused the credential, or the repository cannot be seen with it.
    Invalid,
    /// The credential is known to have expired.
    Expired,
}

impl VerificationStatus {
    /// Every member, in the order of the table's enum.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Valid, Self::Invalid, Self::Expired];

    /// The word used in JSON and in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Valid => "VALID",
            Self::Invalid => "INVALID",
            Self::Expired => "EXPIRED",
        }
    }
}

impl fmt::Display for VerificationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for VerificationStatus {
    type Err = InvalidEnum;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == raw)
            .ok_or(InvalidEnum {
                expected: &["PENDING", "VALID", "INVALID", "EXPIRED"],
            })
    }
}

/// Who can see a repository. Bitbucket has no internal repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Those who were let in.
    Private,
    /// Everybody signed in to the host.
    Internal,
}

/// What a credential is, as far as its shape and its answers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// GitHub `ghp_`, or a token of the older 40-digit form.
    GithubClassicPat,
    /// GitHub `github_pat_`.
    GithubFineGrainedPat,
    /// GitHub `gho_`: an OAuth app's token.
    GithubOauth,
    /// GitHub `ghu_`: a GitHub App's token for a user.
    GithubAppUser,
    /// GitHub `ghs_`: a GitHub App's token for an installation.
    GithubInstallation,
    /// GitLab personal, project or group access token.
    GitlabAccessToken,
    /// GitLab OAuth token.
    GitlabOauth,
    /// Bitbucket API token of a user, given as `email:token`.
    BitbucketApiToken,
    /// Bitbucket repository, project or workspace access token.
    BitbucketAccessToken,
    /// Bitbucket OAuth consumer's token.
    BitbucketOauth,
    /// Bitbucket Data Center HTTP access token of a user, a project or a repository.
    DataCenterAccessToken,
    /// Bitbucket Data Center `user:password`.
    DataCenterPassword,
    /// Not told by shape or answer.
    Unknown,
}

/// What is known of the credential itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenReport {
    /// What it is.
    pub kind: TokenKind,
    /// Its scopes, where the host tells them.
    pub scopes: Option<Vec<String>>,
    /// When it ends; `None` if it never does or the host does not tell.
    pub expires_at: Option<Timestamp>,
}

/// The account behind a credential. Access tokens of a repository or workspace have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// The host's own id.
    pub id: String,
    /// The name people know.
    pub login: String,
}

/// A repository as its host describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryInfo {
    /// The host's own id; survives a rename.
    pub id: String,
    /// Owner, group path or workspace, in the host's spelling.
    pub owner: String,
    /// The last part of the path, in the host's spelling.
    pub name: String,
    /// Who can see it.
    pub visibility: Visibility,
    /// The default branch; `None` while the repository is empty.
    pub default_branch: Option<String>,
    /// True if it takes no writes any more.
    pub archived: bool,
    /// Its page.
    pub web_url: Option<String>,
    /// Its path now, if that is not the one asked for: it was renamed or moved.
    pub moved_to: Option<String>,
}

/// What the credential may do with the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// The host does not tell.
    Unknown,
    /// Read only.
    Read,
    /// Read and write.
    Write,
    /// Everything, settings and webhooks included.
    Admin,
}

/// Whether the credential may manage the repository's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum HookAccess {
    /// The list of hooks could be read with a credential of sufficient rights.
    Yes,
    /// The host refused.
    No,
    /// The host did not say.
    Unknown,
}

/// A branch as its host lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct BranchInfo {
    /// The short name, without `refs/heads/`.
    pub name: String,
    /// The commit it points at.
    pub commit_sha: CommitSha,
    /// True if the host protects it; Bitbucket does not tell (`false`).
    pub protected: bool,
    /// True for the repository's default branch.
    pub default: bool,
}

/// Something the platform does with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Read branches, tags and commits.
    ReadRepository,
    /// Create a branch.
    CreateBranch,
    /// Create a tag.
    CreateTag,
    /// Create a release page.
    CreateRelease,
    /// Create, change and remove a webhook.
    ManageWebhooks,
}

/// What is known of an operation before it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// The host's answers say that it will work.
    Allowed,
    /// The host's answers say that it will not.
    Denied,
    /// Only trying tells.
    Unknown,
}

/// One operation of the capability report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct OperationReport {
    /// The operation.
    pub operation: Operation,
    /// Whether it will work.
    pub state: OperationState,
    /// The scope, role or property that is missing, if it is denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub missing: Option<String>,
}

/// Everything a check found out about a working connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionReport {
    /// The credential.
    pub token: TokenReport,
    /// The account behind it, if it has one that may be read.
    pub account: Option<AccountRef>,
    /// The repository.
    pub repository: RepositoryInfo,
    /// What the credential may do with it.
    pub permission: Permission,
    /// Whether webhooks can be managed.
    pub hooks: HookAccess,
    /// Whether there is any webhook yet; `None` if the list could not be read.
    pub has_webhooks: Option<bool>,
    /// The first page of branches.
    pub branches: Vec<BranchInfo>,
    /// Each operation of the platform.
    pub operations: Vec<OperationReport>,
}

/// The result of a check as the original API gives it, with the report beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct VerificationResult {
    /// True exactly if `status` is VALID.
    pub success: bool,
    /// What the check came to.
    pub status: VerificationStatus,
    /// Why it is not VALID.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<String>,
    /// What was found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub metadata: Option<VerificationMetadata>,
}

/// What a good check found out: the members of the original first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct VerificationMetadata {
    /// The last part of the repository's path.
    pub repository_name: String,
    /// Owner, group path or workspace.
    pub owner_name: String,
    /// Who can see the repository.
    pub visibility: Visibility,
    /// Whether the repository has any webhook; absent if the list could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub has_webhooks: Option<bool>,
    /// Names on the first page of branches.
    pub branches: Vec<String>,
    /// The host's own id of the repository.
    pub repository_id: String,
    /// The path the repository has now, if it was renamed or moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub moved_to: Option<String>,
    /// The default branch; `null` while the repository is empty.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub default_branch: Option<String>,
    /// True if the repository takes no writes any more.
    pub archived: bool,
    /// The repository's page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub web_url: Option<String>,
    /// The account behind the credential; absent for tokens without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub account: Option<AccountRef>,
    /// What the credential is.
    pub token_kind: TokenKind,
    /// The credential's scopes, where the host tells them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub scopes: Option<Vec<String>>,
    /// When the credential ends; `null` if it does not or the host does not tell.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub token_expires_at: Option<Timestamp>,
    /// What the credential may do with the repository.
    pub permission: Permission,
    /// Whether webhooks can be managed.
    pub hook_access: HookAccess,
    /// Each operation of the platform.
    pub operations: Vec<OperationReport>,
}

impl From<ConnectionReport> for VerificationMetadata {
    fn from(report: ConnectionReport) -> Self {
        Self {
            repository_name: report.repository.name,
            owner_name: report.repository.owner,
            visibility: report.repository.visibility,
            has_webhooks: report.has_webhooks,
            branches: report
                .branches
                .into_iter()
                .map(|branch| branch.name)
                .collect(),
            repository_id: report.repository.id,
            moved_to: report.repository.moved_to,
            default_branch: report.repository.default_branch,
            archived: report.repository.archived,
            web_url: report.repository.web_url,
            account: report.account,
            token_kind: report.token.kind,
            scopes: report.token.scopes,
            token_expires_at: report.token.expires_at,
            permission: report.permission,
            hook_access: report.hooks,
            operations: report.operations,
        }
    }
}
