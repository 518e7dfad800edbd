//! What each host accepts and can do, for `GET /providers`.

use scm_types::{HostKind, Operation, ScmType, TokenKind, WebHost};
use serde::Serialize;

/// A configured host as the API describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderDescription {
    /// The product, as the API names it.
    pub scm_type: ScmType,
    /// The product and dialect, as the configuration names it.
    pub kind: HostKind,
    /// The host as it stands in repository URLs.
    pub host: String,
    /// Its web address.
    pub web_url: String,
    /// What may be given as `accessToken`.
    pub credentials: &'static [CredentialDescription],
    /// What can be done with its repositories.
    pub capabilities: &'static [Operation],
}

/// One kind of credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CredentialDescription {
    /// The kind, as a check reports it.
    pub kind: TokenKind,
    /// Its name at the host.
    pub name: &'static str,
    /// How to give it.
    pub how_to_give: &'static str,
    /// The scopes or permissions that everything needs.
    pub scopes: &'static [&'static str],
}

const WITH_RELEASES: &[Operation] = &[
    Operation::ReadRepository,
    Operation::CreateBranch,
    Operation::CreateTag,
    Operation::CreateRelease,
    Operation::ManageWebhooks,
];

const WITHOUT_RELEASES: &[Operation] = &[
    Operation::ReadRepository,
    Operation::CreateBranch,
    Operation::CreateTag,
    Operation::ManageWebhooks,
];

const GITHUB: &[CredentialDescription] = &[
    CredentialDescription {
        kind: TokenKind::GithubFineGrainedPat,
        name: "Fine-grained personal access token",
        how_to_give: "the token as it is (github_pat_…)",
        scopes: &[
            "Metadata: read",
            "Contents: read and write",
            "Webhooks: read and write",
        ],
    },
    CredentialDescription {
        kind: TokenKind::GithubClassicPat,
        name: "Personal access token (classic)",
        how_to_give: "the token as it is (ghp_…)",
        scopes: &["repo", "admin:repo_hook"],
    },
    CredentialDescription {
        kind: TokenKind::GithubOauth,
        name: "Token of an OAuth app",
        how_to_give: "the token as it is (gho_…)",
        scopes: &["repo", "admin:repo_hook"],
    },
    CredentialDescription {
        kind: TokenKind::GithubAppUser,
        name: "Token of a GitHub App for a user",
        how_to_give: "the token as it is (ghu_…)",
        scopes: &[
            "Metadata: read",
            "Contents: read and write",
            "Webhooks: read and write",
        ],
    },
    CredentialDescription {
        kind: TokenKind::GithubInstallation,
        name: "Token of a GitHub App for an installation",
        how_to_give: "the token as it is (ghs_…); it ends after an hour",
        scopes: &[
            "Metadata: read",
            "Contents: read and write",
            "Webhooks: read and write",
        ],
    },
];

const GITLAB: &[CredentialDescription] = &[
    CredentialDescription {
        kind: TokenKind::GitlabAccessToken,
        name: "Personal, project or group access token",
        how_to_give: "the token as it is (glpat-…), with the role Maintainer for webhooks",
        scopes: &["api"],
    },
    CredentialDescription {
        kind: TokenKind::GitlabOauth,
        name: "OAuth token",
        how_to_give: "the token as it is",
        scopes: &["api"],
    },
];

const BITBUCKET: &[CredentialDescription] = &[
    CredentialDescription {
        kind: TokenKind::BitbucketApiToken,
        name: "API token of a user",
        how_to_give: "the Atlassian account's e-mail address, a colon, the token: \
                      dev@example.com:ATATT3x…",
        scopes: &[
            "read:user:bitbucket",
            "read:repository:bitbucket",
            "write:repository:bitbucket",
            "read:webhook:bitbucket",
            "write:webhook:bitbucket",
            "delete:webhook:bitbucket",
        ],
    },
    CredentialDescription {
        kind: TokenKind::BitbucketAccessToken,
        name: "Repository, project or workspace access token",
        how_to_give: "the token as it is (ATCTT3x…)",
        scopes: &["repository:write", "webhook"],
    },
    CredentialDescription {
        kind: TokenKind::BitbucketOauth,
        name: "Token of an OAuth consumer",
        how_to_give: "the token as it is",
        scopes: &["account", "repository:write", "webhook"],
    },
];

const DATA_CENTER: &[CredentialDescription] = &[
    CredentialDescription {
        kind: TokenKind::DataCenterAccessToken,
        name: "HTTP access token of a user, a project or a repository",
        how_to_give: "the token as it is (BBDC-…); a user's also after the user name and a colon",
        scopes: &["Repository: admin"],
    },
    CredentialDescription {
        kind: TokenKind::DataCenterPassword,
        name: "Name and password of a user",
        how_to_give: "the user name, a colon, the password; the user needs the permission admin on \
                      the repository for webhooks",
        scopes: &[],
    },
];

impl ProviderDescription {
    /// The description of a host.
    #[must_use]
    pub fn of(web: &WebHost) -> Self {
        let (credentials, capabilities): (&'static [_], &'static [_]) = match web.kind() {
            HostKind::Github => (GITHUB, WITH_RELEASES),
            HostKind::Gitlab => (GITLAB, WITH_RELEASES),
            HostKind::Bitbucket => (BITBUCKET, WITHOUT_RELEASES),
            HostKind::BitbucketDataCenter => (DATA_CENTER, WITHOUT_RELEASES),
        };
        Self {
            scm_type: web.kind().scm_type(),
            kind: web.kind(),
            host: web.as_str().to_owned(),
            web_url: web.base_url().to_owned(),
            credentials,
            capabilities,
        }
    }
}
