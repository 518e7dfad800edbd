//! From what a request says to what can be stored: the repository URL read, checked against the
//! kind and the configured hosts, and the provider columns filled from it.

#[cfg(test)]
mod tests;

use scm_store::NewIntegration;
use scm_types::{
    BranchName, CreateScmIntegrationDto, DisplayName, HostKind, RepoUrl, RepoUrlError, RowVersion,
    ScmType, WebHosts,
};

use crate::{FieldError, ServiceError};

/// The longest value of a provider column, in characters.
const COLUMN: usize = 255;

/// The states of a row that the caller accepts (`If-Match`). Empty: none of them can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition(pub Vec<RowVersion>);

/// Reads a repository URL that has to be on a configured host of `kind`.
pub(crate) fn repository(
    raw: &str,
    kind: ScmType,
    hosts: &WebHosts,
) -> Result<RepoUrl, FieldError> {
    let problem = |message: String| FieldError::new("repositoryUrl", message);
    let url =
        RepoUrl::parse(raw, hosts).map_err(|error: RepoUrlError| problem(error.to_string()))?;
    if url.scm_type() != kind {
        let (is, said) = (url.scm_type().label(), kind);
        return Err(problem(format!(
            "is a {is} repository, but scmType is {said}"
        )));
    }
    Ok(url)
}

/// The columns that name a repository in its provider's own terms.
#[derive(Default)]
struct ProviderColumns {
    github_organization: Option<String>,
    github_repository: Option<String>,
    github_installation_id: Option<String>,
    gitlab_project_id: Option<String>,
    gitlab_group_id: Option<String>,
    bitbucket_workspace: Option<String>,
    bitbucket_repository: Option<String>,
}

/// One given provider column: checked against what the URL says, `None` if it is not given.
fn agreed(
    field: &'static str,
    given: Option<&String>,
    url_says: &str,
    errors: &mut Vec<FieldError>,
) -> String {
    if let Some(given) = given
        && !given.eq_ignore_ascii_case(url_says)
    {
        errors.push(FieldError::new(
            field,
            "contradicts repositoryUrl; leave it out",
        ));
    }
    url_says.to_owned()
}

/// A GitLab id: a number stands as it is (a check compares the project's), a path has to agree.
fn agreed_or_number(
    field: &'static str,
    given: Option<&String>,
    url_says: &str,
    errors: &mut Vec<FieldError>,
) -> String {
    match given {
        Some(number) if is_number(number) => number.clone(),
        other => agreed(field, other, url_says, errors),
    }
}

pub(crate) fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn provider_columns(
    dto: &CreateScmIntegrationDto,
    url: &RepoUrl,
    errors: &mut Vec<FieldError>,
) -> ProviderColumns {
    let foreign = |errors: &mut Vec<FieldError>, fields: &[(&'static str, &Option<String>)]| {
        for (field, value) in fields {
            if value.is_some() {
                errors.push(FieldError::new(
                    *field,
                    format!("does not belong to a {} integration", dto.scm_type.label()),
                ));
            }
        }
    };
    let github = [
        ("githubOrganization", &dto.github_organization),
        ("githubRepository", &dto.github_repository),
        ("githubInstallationId", &dto.github_installation_id),
    ];
    let gitlab = [
        ("gitlabProjectId", &dto.gitlab_project_id),
        ("gitlabGroupId", &dto.gitlab_group_id),
    ];
    let bitbucket = [
        ("bitbucketWorkspace", &dto.bitbucket_workspace),
        ("bitbucketRepository", &dto.bitbucket_repository),
    ];
    for (field, value) in github.iter().chain(&gitlab).chain(&bitbucket) {
        if value
            .as_ref()
            .is_some_and(|value| value.chars().count() > COLUMN)
        {
            errors.push(FieldError::new(
                *field,
                "must be at most 255 characters long",
            ));
        }
    }
    let (owner, name, path) = (url.owner(), url.name(), url.path());
    let mut columns = ProviderColumns::default();
    match url.kind() {
        HostKind::Github => {
            foreign(errors, &gitlab);
            foreign(errors, &bitbucket);
            let (organization, repository) = (
                dto.github_organization.as_ref(),
                dto.github_repository.as_ref(),
            );
            columns.github_organization =
                Some(agreed("githubOrganization", organization, &owner, errors));
            columns.github_repository = Some(agreed("githubRepository", repository, name, errors));
            if dto
                .github_installation_id
                .as_deref()
                .is_some_and(|id| !is_number(id))
            {
                errors.push(FieldError::new("githubInstallationId", "must be a number"));
            }
            columns
                .github_installation_id
                .clone_from(&dto.github_installation_id);
        }
        HostKind::Gitlab => {
            foreign(errors, &github);
            foreign(errors, &bitbucket);
            let (project, group) = (dto.gitlab_project_id.as_ref(), dto.gitlab_group_id.as_ref());
            columns.gitlab_project_id =
                Some(agreed_or_number("gitlabProjectId", project, &path, errors));
            columns.gitlab_group_id =
                Some(agreed_or_number("gitlabGroupId", group, &owner, errors));
        }
        HostKind::Bitbucket | HostKind::BitbucketDataCenter => {
            foreign(errors, &github);
            foreign(errors, &gitlab);
            let (workspace, repository) = (
                dto.bitbucket_workspace.as_ref(),
                dto.bitbucket_repository.as_ref(),
            );
            columns.bitbucket_workspace =
                Some(agreed("bitbucketWorkspace", workspace, &owner, errors));
            columns.bitbucket_repository =
                Some(agreed("bitbucketRepository", repository, name, errors));
        }
    }
    let parts = [&columns.gitlab_project_id, &columns.gitlab_group_id]
        .into_iter()
        .chain([&columns.github_organization, &columns.github_repository])
        .chain([&columns.bitbucket_workspace, &columns.bitbucket_repository]);
    if parts.flatten().any(|part| part.chars().count() > COLUMN) {
        let text = "has a part of more than 255 characters in its path";
        errors.push(FieldError::new("repositoryUrl", text));
    }
    columns
}

/// Whether an App's installation can stand in for the token that is not given.
fn check_installation(dto: &CreateScmIntegrationDto, has_app: bool, errors: &mut Vec<FieldError>) {
    if dto.github_installation_id.is_none() {
        let text = "can be left out only with the installation of a GitHub App; give \
                    githubInstallationId or a token";
        errors.push(FieldError::new("accessToken", text));
    } else if !has_app {
        let text = "can be left out only where a GitHub App is configured for the host; none is";
        errors.push(FieldError::new("accessToken", text));
    }
    let of_a_token = [
        ("refreshToken", dto.refresh_token.is_some()),
        ("tokenExpiresAt", dto.token_expires_at.is_some()),
    ];
    for (field, given) in of_a_token {
        if given {
            errors.push(FieldError::new(
                field,
                "belongs to an accessToken; give both or none",
            ));
        }
    }
}

/// Whether a token can be rotated: personal, project and group tokens of GitLab can.
pub(crate) fn check_rotation(kind: ScmType, refreshed: bool) -> Result<(), FieldError> {
    let problem = if kind != ScmType::Gitlab {
        "is for GitLab alone, whose access tokens can replace themselves"
    } else if refreshed {
        "does not go with a refreshToken: such a token is refreshed, and cannot replace itself"
    } else {
        return Ok(());
    };
    Err(FieldError::new("autoRotate", problem))
}

/// The repository's path, shortened to what the column holds.
fn default_display_name(url: &RepoUrl) -> Result<DisplayName, FieldError> {
    let path: String = url.path().chars().take(DisplayName::MAX).collect();
    DisplayName::parse(&path).map_err(|error| FieldError::new("displayName", error))
}

/// Everything checked that can be checked without asking anybody.
pub(crate) fn new_integration(
    dto: CreateScmIntegrationDto,
    creator: scm_types::AccountId,
    hosts: &WebHosts,
    has_app: impl Fn(&RepoUrl) -> bool,
) -> Result<NewIntegration, ServiceError> {
    let url = repository(&dto.repository_url, dto.scm_type, hosts)
        .map_err(|error| ServiceError::Invalid(vec![error]))?;
    let mut errors = Vec::new();
    let columns = provider_columns(&dto, &url, &mut errors);
    if dto.access_token.is_none() {
        check_installation(&dto, has_app(&url), &mut errors);
    }
    if dto.auto_rotate {
        let refreshed = dto.refresh_token.is_some();
        errors.extend(check_rotation(dto.scm_type, refreshed).err());
    }
    let display_name = match dto.display_name {
        Some(name) => Some(name),
        None => default_display_name(&url)
            .map_err(|error| errors.push(error))
            .ok(),
    };
    let default_branch = match dto.default_branch {
        Some(branch) => Some(branch),
        None => BranchName::parse("main").ok(),
    };
    match (display_name, default_branch) {
        (Some(display_name), Some(default_branch)) if errors.is_empty() => Ok(NewIntegration {
            tenant_id: dto.tenant_id,
            display_name,
            repository: url,
            github_organization: columns.github_organization,
            github_repository: columns.github_repository,
            github_installation_id: columns.github_installation_id,
            gitlab_project_id: columns.gitlab_project_id,
            gitlab_group_id: columns.gitlab_group_id,
            bitbucket_workspace: columns.bitbucket_workspace,
            bitbucket_repository: columns.bitbucket_repository,
            default_branch,
            access_token: dto.access_token,
            refresh_token: dto.refresh_token,
            token_expires_at: dto.token_expires_at,
            auto_rotate: dto.auto_rotate,
            created_by_account_id: creator,
        }),
        _ => Err(ServiceError::Invalid(errors)),
    }
}
