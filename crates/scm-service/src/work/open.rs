//! From an integration's id to its repository, ready to be worked on.

use scm_providers::Provider;
use scm_types::{
    Caller, HostKind, IntegrationId, Operation, OperationState, RepoUrl, RepoUrlError,
    RepositoryInfo, Role, SafeScmIntegration, TenantScmIntegration,
};

use crate::{
    ServiceError, Services,
    renewal::{has_credential, is_refusal},
};

/// A repository that can be worked on.
pub(super) struct Work {
    pub(super) provider: Box<dyn Provider>,
    pub(super) info: RepositoryInfo,
    pub(super) url: RepoUrl,
}

impl Services {
    /// Opens the repository of an integration for operations, of which reading is always one.
    pub(super) async fn work(
        &self,
        caller: &Caller,
        role: Role,
        id: &IntegrationId,
        operations: &[Operation],
    ) -> Result<Work, ServiceError> {
        let scope = Self::scope(caller, role)?;
        let row = self.integrations.find_with_secrets(&scope, id).await?;
        let row = row.ok_or(ServiceError::NotFound)?;
        let url = self.repository_url(&row.integration)?;
        if !has_credential(&row) {
            return Err(ServiceError::NoCredential);
        }
        if !row.integration.is_active {
            return Err(ServiceError::Paused);
        }
        refuse_denied(&row, operations, url.kind())?;
        let ready = self.fresh(&scope, row, &url).await?;
        let mut provider = self.registry.open(&url, &ready.token, ready.known())?;
        let mut found = provider.info().await;
        if found.as_ref().is_err_and(is_refusal)
            && let Some(next) = self.after_refusal(&scope, &ready, &url).await?
        {
            provider = self.registry.open(&url, &next.token, next.known())?;
            found = provider.info().await;
            if found.as_ref().is_err_and(is_refusal) {
                self.refused_again(&next).await;
            }
        }
        let info = found?;
        if ready
            .row
            .provider_repository_id
            .as_ref()
            .is_some_and(|known| *known != info.id)
        {
            return Err(ServiceError::RepositoryReplaced);
        }
        Ok(Work {
            provider,
            info,
            url,
        })
    }

    /// The repository of a row. An old writer checks nothing: a GitHub row with a GitLab URL would
    /// send its token there.
    pub(crate) fn repository_url(&self, row: &SafeScmIntegration) -> Result<RepoUrl, ServiceError> {
        let url = RepoUrl::parse(&row.repository_url, self.registry.web_hosts());
        let url = url.map_err(|error| match error {
            RepoUrlError::UnknownHost { .. } => ServiceError::HostNotConfigured,
            _ => ServiceError::UnusableUrl,
        })?;
        if url.scm_type() != row.scm_type {
            return Err(ServiceError::HostNotConfigured);
        }
        Ok(url)
    }
}

/// Refuses what the last check found to be denied.
fn refuse_denied(
    row: &TenantScmIntegration,
    operations: &[Operation],
    kind: HostKind,
) -> Result<(), ServiceError> {
    // Where there are no releases, release notes are the message of a tag.
    let has_releases = matches!(kind, HostKind::Github | HostKind::Gitlab);
    let needed = operations.iter().map(|operation| match operation {
        Operation::CreateRelease if !has_releases => Operation::CreateTag,
        operation => *operation,
    });
    for operation in needed.chain([Operation::ReadRepository]) {
        let denied = row
            .operations
            .iter()
            .find(|report| report.operation == operation && report.state == OperationState::Denied);
        if let Some(report) = denied {
            return Err(ServiceError::Denied {
                operation,
                missing: report.missing.clone(),
            });
        }
    }
    Ok(())
}
