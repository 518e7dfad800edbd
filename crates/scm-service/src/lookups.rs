//! Looking for integrations by something else than their id, and what a host of these operations
//! found out about one by itself.

use scm_store::VerificationOutcome;
use scm_types::{
    Caller, IntegrationId, Patch, RepoUrl, Role, SafeScmIntegration, TenantId, TenantScope,
    VerificationStatus,
};

use crate::{ServiceError, Services};

impl Services {
    /// The tenant's integration for this repository, in whatever spelling; `None` if there is none,
    /// it was deleted, or the caller does not reach the tenant. Needs the role viewer.
    pub async fn find_by_repository(
        &self,
        caller: &Caller,
        tenant: &TenantId,
        repository_url: &str,
    ) -> Result<Option<SafeScmIntegration>, ServiceError> {
        let scope = Self::scope(caller, Role::Viewer)?;
        let url = RepoUrl::parse(repository_url, self.registry.web_hosts())
            .map_err(|error| ServiceError::invalid("repositoryUrl", error))?;
        let found = self.integrations.find_by_repository(&scope, tenant, &url);
        Ok(found.await?)
    }

    /// True if the caller reaches an integration of this id, deleted or not. Needs the role viewer.
    pub async fn exists(&self, caller: &Caller, id: &IntegrationId) -> Result<bool, ServiceError> {
        let scope = Self::scope(caller, Role::Viewer)?;
        Ok(self.integrations.exists(&scope, id).await?)
    }

    /// How many active integrations a tenant has; none of a tenant that the caller does not reach.
    /// Needs the role viewer.
    pub async fn count(&self, caller: &Caller, tenant: &TenantId) -> Result<u64, ServiceError> {
        if !Self::scope(caller, Role::Viewer)?.contains(tenant) {
            return Ok(0);
        }
        let tenant = TenantScope::Tenant(tenant.clone());
        Ok(self.integrations.count(&tenant).await?)
    }

    /// Notes a status that the caller found by a check of its own. Needs the role owner.
    ///
    /// What an earlier check found possible is forgotten. Fails with
    /// [`ServiceError::CredentialChanged`] if a new credential came in at this moment.
    pub async fn set_verification_status(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        status: VerificationStatus,
        error: Option<String>,
    ) -> Result<SafeScmIntegration, ServiceError> {
        let actor = Self::actor(caller, Role::Owner)?;
        let version = self.integrations.credential_version(&actor.scope, id);
        let outcome = VerificationOutcome {
            status,
            error,
            credential_version: version.await?.ok_or(ServiceError::NotFound)?,
            token_expires_at: Patch::Absent,
            provider_repository_id: None,
            operations: None,
        };
        let stored = self
            .integrations
            .update_verification_status(&actor, id, &outcome)
            .await?;
        stored.ok_or(ServiceError::NotFound)
    }
}
