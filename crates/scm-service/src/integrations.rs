//! Create, list, read, change and delete integrations.
//!
//! - The caller's role is checked before anything is looked up, so that an answer never depends on
//!   whether a foreign row exists.
//! - No code host is called here: a new credential is PENDING until it is verified.

use scm_store::FilledKeys;
use scm_types::{
    Caller, CreateScmIntegrationDto, IntegrationId, Page, PageRequest, Patch, RepoUrl, Role,
    RowVersion, SafeScmIntegration, ScmIntegrationFilters, TenantScope, UpdateScmIntegrationDto,
};

use crate::{FieldError, Precondition, ServiceError, Services, input};

impl Services {
    /// Stores a new connection, sealed, in state PENDING; a deleted one of the same repository
    /// comes back under its old id.
    ///
    /// Needs the role owner, and the platform to attach an installation of the operator's GitHub App.
    /// Fails with every wrong field, with [`ServiceError::ForeignTenant`],
    /// or with [`ServiceError::AlreadyExists`] for the same repository in any spelling.
    pub async fn create(
        &self,
        caller: &Caller,
        dto: CreateScmIntegrationDto,
    ) -> Result<SafeScmIntegration, ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        if !scope.contains(&dto.tenant_id) {
            return Err(ServiceError::ForeignTenant);
        }
        let creator = match &dto.created_by_account_id {
            None => caller.account.clone(),
            Some(given) if caller.is_platform() || *given == caller.account => given.clone(),
            Some(_) => {
                return Err(ServiceError::Invalid(vec![FieldError::new(
                    "createdByAccountId",
                    "comes from the credential of the request; leave it out",
                )]));
            }
        };
        let has_app = |url: &RepoUrl| self.registry.has_app(url);
        // Nothing at the host says which tenant an installation belongs to: whoever named that of
        // somebody else would work on their repositories with the operator's App.
        if dto.github_installation_id.is_some() && !caller.is_platform() && self.registry.any_app()
        {
            return Err(ServiceError::invalid(
                "githubInstallationId",
                "is attached by the platform; send the request as the platform, or give a token",
            ));
        }
        let new = input::new_integration(dto, creator, self.registry.web_hosts(), has_app)?;
        Ok(self.integrations.create(&scope, new).await?)
    }

    /// One page of the caller's integrations, newest first. Needs the role viewer.
    pub async fn list(
        &self,
        caller: &Caller,
        filters: &ScmIntegrationFilters,
        page: &PageRequest,
    ) -> Result<Page<SafeScmIntegration>, ServiceError> {
        let scope = Self::scope(caller, Role::Viewer)?;
        Ok(self.integrations.find_all(&scope, filters, page).await?)
    }

    /// One integration. Needs the role viewer.
    pub async fn get(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<SafeScmIntegration, ServiceError> {
        let scope = Self::scope(caller, Role::Viewer)?;
        self.integrations
            .find_by_id(&scope, id)
            .await?
            .ok_or(ServiceError::NotFound)
    }

    /// Changes the named fields and no others. Needs the role owner.
    ///
    /// A new credential sets the state back to PENDING. With a precondition the row must be in one
    /// of its states, else [`ServiceError::VersionMismatch`].
    pub async fn update(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        changes: &UpdateScmIntegrationDto,
        precondition: Option<&Precondition>,
    ) -> Result<SafeScmIntegration, ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        // Without its token the connection would go on with what `create` keeps to the platform.
        if matches!(changes.access_token, Patch::Null)
            && !caller.is_platform()
            && self.registry.any_app()
        {
            return Err(ServiceError::invalid(
                "accessToken",
                "can be taken away by the platform alone: the connection would go on with the \
                 installation of the operator's App",
            ));
        }
        let expected = self.expected(&scope, id, precondition).await?;
        self.integrations
            .update(&scope, id, changes, expected.as_ref())
            .await?
            .ok_or(ServiceError::NotFound)
    }

    /// Deletes: softly (paused, all secrets erased, comes back with a new `create`) or for good.
    /// Needs the role owner.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        hard: bool,
        precondition: Option<&Precondition>,
    ) -> Result<(), ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        let expected = self.expected(&scope, id, precondition).await?;
        let deleted = if hard {
            self.integrations
                .hard_delete(&scope, id, expected.as_ref())
                .await?
        } else {
            self.integrations
                .soft_delete(&scope, id, expected.as_ref())
                .await?
        };
        if deleted {
            Ok(())
        } else {
            Err(ServiceError::NotFound)
        }
    }

    /// Gives rows of an old writer, which shares the table and knows only the original columns, the
    /// key that makes another spelling of their URL the same repository. For the server's start;
    /// can be run at any time, and again.
    pub async fn adopt_rows(&self) -> Result<FilledKeys, ServiceError> {
        Ok(self
            .integrations
            .fill_repository_keys(self.registry.web_hosts())
            .await?)
    }

    /// The one state that the row must be in for a write to happen; of several acceptable ones it
    /// is the one the row is in now.
    async fn expected(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        precondition: Option<&Precondition>,
    ) -> Result<Option<RowVersion>, ServiceError> {
        match precondition.map(|precondition| precondition.0.as_slice()) {
            None => Ok(None),
            Some([only]) => Ok(Some(*only)),
            Some(several) => {
                let row = self.integrations.find_by_id(scope, id).await?;
                let now = row.ok_or(ServiceError::NotFound)?.version;
                several
                    .contains(&now)
                    .then_some(Some(now))
                    .ok_or(ServiceError::VersionMismatch)
            }
        }
    }
}
