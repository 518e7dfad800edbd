//! From an integration's id to its repository, ready to be worked on.

use scm_providers::{Known, Provider, ProviderError, Registry};
use scm_types::{
    AccessToken, Actor, AuditAction, AuditDetail, Caller, HostKind, IntegrationId, Operation,
    OperationState, Purpose, RepoUrl, RepoUrlError, RepositoryInfo, Role, SafeScmIntegration,
    TenantId, TenantScmIntegration,
};

use crate::{
    ServiceError, Services,
    audit::Noting,
    jobs::is_in_background,
    renewal::{Ready, has_credential, is_refusal},
};

/// A repository that can be worked on.
pub(crate) struct Work {
    pub(crate) provider: Box<dyn Provider>,
    pub(crate) info: RepositoryInfo,
    pub(crate) url: RepoUrl,
    /// Whose repository it is.
    pub(crate) tenant: TenantId,
    access: Access,
}

/// What a repository is opened with.
struct Access {
    token: AccessToken,
    known: Known,
    in_background: bool,
}

impl Access {
    fn new(ready: &Ready, actor: &Actor) -> Self {
        Self {
            token: ready.token.clone(),
            known: ready.known(),
            in_background: is_in_background(actor),
        }
    }

    fn open(&self, registry: &Registry, url: &RepoUrl) -> Result<Box<dyn Provider>, ProviderError> {
        let open = if self.in_background {
            Registry::open_in_background
        } else {
            Registry::open
        };
        open(registry, url, &self.token, self.known.clone())
    }
}

impl Work {
    /// Another handle, for an operation of its own: each has its time.
    pub(crate) fn again(&self, services: &Services) -> Result<Box<dyn Provider>, ServiceError> {
        Ok(self.access.open(&services.registry, &self.url)?)
    }
}

/// An integration whose credential was opened.
pub(super) struct Opened {
    actor: Actor,
    row: TenantScmIntegration,
}

impl Opened {
    /// Something that is to be made, and noted however that ends.
    pub(super) fn making(
        &self,
        services: &Services,
        action: AuditAction,
        detail: AuditDetail,
    ) -> Noting {
        services.noting(&self.actor, &self.row.integration, action, detail)
    }
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
        let opened = self.opened(caller, role, id, operations).await?;
        self.work_with(opened, operations).await
    }

    /// Opens the credential of an integration for operations; what for is noted with that.
    pub(super) async fn opened(
        &self,
        caller: &Caller,
        role: Role,
        id: &IntegrationId,
        operations: &[Operation],
    ) -> Result<Opened, ServiceError> {
        let actor = Self::actor(caller, role)?;
        let purpose = purpose_of(operations);
        let row = self
            .integrations
            .find_with_secrets(&actor, id, purpose)
            .await?;
        let row = row.ok_or(ServiceError::NotFound)?;
        Ok(Opened { actor, row })
    }

    /// Opens the repository with a credential that was opened for the same operations.
    pub(super) async fn work_with(
        &self,
        Opened { actor, row }: Opened,
        operations: &[Operation],
    ) -> Result<Work, ServiceError> {
        let url = self.repository_url(&row.integration)?;
        if !has_credential(&row) {
            return Err(ServiceError::NoCredential);
        }
        if !row.integration.is_active {
            return Err(ServiceError::Paused);
        }
        refuse_denied(&row, operations, url.kind())?;
        let ready = self.fresh(&actor, row, &url).await?;
        let mut access = Access::new(&ready, &actor);
        let mut provider = access.open(&self.registry, &url)?;
        let mut found = provider.info().await;
        if found.as_ref().is_err_and(is_refusal)
            && let Some(next) = self.after_refusal(&actor, &ready, &url).await?
        {
            access = Access::new(&next, &actor);
            provider = access.open(&self.registry, &url)?;
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
            tenant: ready.row.integration.tenant_id,
            access,
        })
    }

    /// Opens the repository of any integration for the server's own work.
    pub(crate) async fn work_of_server(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        purpose: Purpose,
    ) -> Result<Work, ServiceError> {
        let row = self.integrations.find_with_secrets(actor, id, purpose);
        let row = row.await?.ok_or(ServiceError::NotFound)?;
        let actor = actor.clone();
        self.work_with(Opened { actor, row }, &[]).await
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

/// What the credential is opened for: the last of the operations is what all others lead to.
fn purpose_of(operations: &[Operation]) -> Purpose {
    match operations.last() {
        Some(Operation::CreateBranch) => Purpose::CreateBranch,
        Some(Operation::CreateTag) => Purpose::CreateTag,
        Some(Operation::CreateRelease) => Purpose::CreateRelease,
        Some(Operation::ManageWebhooks) => Purpose::ManageWebhook,
        Some(Operation::ReadRepository) | None => Purpose::Read,
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
