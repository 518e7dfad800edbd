//! Whether values fit their columns.

use super::NewIntegration;
use crate::StoreError;

/// SQLite keeps no column's length, and MySQL counts characters: the check is here, for all.
pub(super) fn check_lengths(new: &NewIntegration) -> Result<(), StoreError> {
    let key = new.repository.key();
    let fields = [
        ("displayName", Some(new.display_name.as_str()), 255),
        (
            "githubOrganization",
            new.github_organization.as_deref(),
            255,
        ),
        ("githubRepository", new.github_repository.as_deref(), 255),
        (
            "githubInstallationId",
            new.github_installation_id.as_deref(),
            255,
        ),
        ("gitlabProjectId", new.gitlab_project_id.as_deref(), 255),
        ("gitlabGroupId", new.gitlab_group_id.as_deref(), 255),
        (
            "bitbucketWorkspace",
            new.bitbucket_workspace.as_deref(),
            255,
        ),
        (
            "bitbucketRepository",
            new.bitbucket_repository.as_deref(),
            255,
        ),
        ("repositoryUrl", Some(new.repository.as_str()), 512),
        ("repositoryUrl", Some(key.as_str()), 512),
        ("defaultBranch", Some(new.default_branch.as_str()), 255),
    ];
    for (field, value, max) in fields {
        if let Some(value) = value {
            check_length(field, value, max)?;
        }
    }
    Ok(())
}

pub(super) fn check_length(field: &'static str, value: &str, max: usize) -> Result<(), StoreError> {
    // PostgreSQL's text holds everything but NUL.
    if value.contains('\0') || value.chars().count() > max {
        return Err(StoreError::DoesNotFit { field });
    }
    Ok(())
}
