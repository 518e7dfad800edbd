//! Create, list, read, change and delete integrations.
//!
//! - The caller's role is checked before anything is looked up, so that an answer never depends on
//!   whether a foreign row exists.
//! - No code host is called here but for removing the webhook of what is deleted: a new credential
//!   is PENDING until it is verified.

use scm_store::{FilledKeys, JobDue, StoreError};
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
        let actor = Self::actor(caller, Role::Owner)?;
        if !actor.scope.contains(&dto.tenant_id) {
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
        Ok(self.integrations.create(&actor, new).await?)
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
        let actor = Self::actor(caller, Role::Owner)?;
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
        let rotates = match changes.auto_rotate {
            Patch::Value(rotates) => rotates,
            // What is stored goes on; a refresh token beside it would be of another kind.
            Patch::Absent | Patch::Null => {
                changes.refresh_token.value().is_some() && self.rotates(&actor.scope, id).await?
            }
        };
        if rotates {
            self.check_rotation(&actor.scope, id, changes).await?;
        }
        let expected = self.expected(&actor.scope, id, precondition).await?;
        let updated = self
            .integrations
            .update(&actor, id, changes, expected.as_ref())
            .await?
            .ok_or(ServiceError::NotFound)?;
        if !changes.is_active.is_absent()
            && let Err(error) = self.pause_ended_or_began(&updated).await
        {
            tracing::warn!(%error, %id, "what happens in a pause may be told behind it");
        }
        Ok(updated)
    }

    /// What happens in a pause is not told, neither then nor when it is over: behind it is begun with
    /// what there is then.
    async fn pause_ended_or_began(&self, row: &SafeScmIntegration) -> Result<(), StoreError> {
        self.refs.forget_baseline(&row.id).await?;
        if row.is_active {
            self.check_soon(row, JobDue::Now).await?;
        }
        Ok(())
    }

    /// Deletes: softly (paused, all secrets erased, comes back with a new `create`) or for good.
    /// Needs the role owner.
    ///
    /// Its webhook is removed from the code host: now, if that answers within seconds, else later.
    pub async fn delete(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        hard: bool,
        precondition: Option<&Precondition>,
    ) -> Result<(), ServiceError> {
        let actor = Self::actor(caller, Role::Owner)?;
        let expected = self.expected(&actor.scope, id, precondition).await?;
        let webhook = Box::pin(self.leaving_webhook(&actor, id)).await?;
        let deleted = if hard {
            self.integrations
                .hard_delete(&actor, id, expected.as_ref())
                .await
        } else {
            self.integrations
                .soft_delete(&actor, id, expected.as_ref())
                .await
        };
        match (webhook, &deleted) {
            (Some(webhook), Ok(true)) => {
                Box::pin(self.remove_left_webhook(&actor, webhook)).await;
            }
            // It may have been deleted although nobody said so: whoever does the job looks.
            (Some(_), Err(StoreError::Unavailable { .. })) | (None, _) => {}
            (Some(webhook), _) => self.keep_webhook(webhook).await,
        }
        if deleted? {
            self.webhook_changed(id).await;
            self.forget_refs(id).await;
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

    /// Whether the token of an integration can be rotated, as it will be after these changes. A
    /// refresh token that is stored at the same moment goes before the rotation, which then does
    /// nothing.
    async fn rotates(&self, scope: &TenantScope, id: &IntegrationId) -> Result<bool, ServiceError> {
        let row = self.integrations.find_by_id(scope, id).await?;
        Ok(row.is_some_and(|row| row.auto_rotate))
    }

    async fn check_rotation(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        changes: &UpdateScmIntegrationDto,
    ) -> Result<(), ServiceError> {
        let row = self.integrations.find_by_id(scope, id).await?;
        let row = row.ok_or(ServiceError::NotFound)?;
        let refreshed = match &changes.refresh_token {
            Patch::Value(_) => true,
            Patch::Null => false,
            Patch::Absent => self.integrations.has_refresh_token(scope, id).await?,
        };
        input::check_rotation(row.scm_type, refreshed)
            .map_err(|error| ServiceError::Invalid(vec![error]))
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
