//! Looking for integrations by something else than their id, and what a host of these operations
//! found out about one by itself.

use scm_store::VerificationOutcome;
use scm_types::{
    Caller, IntegrationId, Patch, RepoUrl, Role, SafeScmIntegration, ScmType, TenantId,
    TenantScope, VerificationStatus,
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

    /// The URL of `owner/name` on the host of this product.
    ///
    /// Fails with [`ServiceError::HostNotConfigured`] if the operator lists none, and with
    /// [`ServiceError::Invalid`] (of `repositoryUrl`) if there are several, so that no credential goes
    /// to a host that it is not for, or (of `repo`) if these are no names of a repository.
    pub fn named_repository(
        &self,
        kind: ScmType,
        owner: &str,
        name: &str,
    ) -> Result<String, ServiceError> {
        let all = self.registry.web_hosts();
        let mut hosts = all.iter().filter(|host| host.kind().scm_type() == kind);
        let host = hosts.next().ok_or(ServiceError::HostNotConfigured)?;
        if hosts.next().is_some() {
            let text = format!(
                "is required: there are several hosts of {} here",
                kind.label()
            );
            return Err(ServiceError::invalid("repositoryUrl", text));
        }
        RepoUrl::named(host, owner, name, all)
            .map(|url| url.as_str().to_owned())
            .map_err(|error| ServiceError::invalid("repo", error))
    }

    /// The two parts of a repository's path: owner (on GitLab the path of a group), and name. `None`
    /// for a URL that this system would not store, as another writer of the table may.
    #[must_use]
    pub fn owner_and_name(&self, repository_url: &str) -> Option<(String, String)> {
        let url = RepoUrl::parse(repository_url, self.registry.web_hosts()).ok()?;
        Some((url.owner(), url.name().to_owned()))
    }

    /// True if this text names the repository of that normal form, in whatever spelling.
    #[must_use]
    pub fn is_same_repository(&self, repository_url: &str, other: &str) -> bool {
        let key = |raw| RepoUrl::parse(raw, self.registry.web_hosts()).map(|url| url.key());
        matches!((key(repository_url), key(other)), (Ok(one), Ok(two)) if one == two)
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
