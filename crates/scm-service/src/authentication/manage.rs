//! Making, listing and revoking API keys.

use scm_store::NewStoredKey;
use scm_types::{
    Access, AccountId, ApiKeyFilter, ApiKeyId, ApiKeyPage, ApiKeySecret, Caller, DisplayName, Role,
    SafeApiKey, TenantId, Timestamp,
};

use crate::{FieldError, ServiceError, Services};

/// A key that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewApiKeyRequest {
    /// Whose key; the caller's own tenant if it is not given. None for a key of the platform.
    pub tenant_id: Option<TenantId>,
    /// What it may do there; `None` for a key of the platform.
    pub role: Option<Role>,
    /// What people call it.
    pub name: DisplayName,
    /// The account that it acts as; the caller's unless the platform gives another.
    pub account_id: Option<AccountId>,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made. The key itself is told this once.
pub struct CreatedApiKey {
    /// What is stored of it.
    pub key: SafeApiKey,
    /// The key.
    pub secret: ApiKeySecret,
}

impl Services {
    /// Makes an API key. Needs the role owner; a key of the platform, or one that acts as another
    /// account, needs the platform.
    ///
    /// Fails with every wrong field, or with [`ServiceError::ForeignTenant`]. What cannot be noted
    /// in the audit log is not made.
    pub async fn create_api_key(
        &self,
        caller: &Caller,
        request: NewApiKeyRequest,
    ) -> Result<CreatedApiKey, ServiceError> {
        let actor = Self::actor(caller, Role::Owner)?;
        let new = self.new_key(caller, request)?;
        let stored = self.keys.store.create(&self.cipher, &actor, &new).await;
        let (key, secret) = stored?;
        // Somebody may have asked for the id before.
        self.keys.forget(&key.id).await;
        Ok(CreatedApiKey { key, secret })
    }

    fn new_key(
        &self,
        caller: &Caller,
        request: NewApiKeyRequest,
    ) -> Result<NewStoredKey, ServiceError> {
        let mut errors = Vec::new();
        let own = caller.access.tenant();
        if let (Some(own), Some(given)) = (own, &request.tenant_id)
            && own != given
        {
            return Err(ServiceError::ForeignTenant);
        }
        let tenant = request.tenant_id.or_else(|| own.cloned());
        let access = match (tenant, request.role) {
            (Some(tenant), Some(role)) => {
                // Nobody gives more than it has; today only owners come here at all.
                if !caller.may(role) {
                    errors.push(FieldError::new("role", "is higher than the caller's own"));
                }
                Some(Access::Tenant { tenant, role })
            }
            (None, None) => Some(Access::Platform),
            (Some(_), None) if own.is_some() => {
                let text = "platform can be given by the platform alone";
                errors.push(FieldError::new("role", text));
                None
            }
            (Some(_), None) => {
                let text = "must not be given for a key of the platform";
                errors.push(FieldError::new("tenantId", text));
                None
            }
            (None, Some(_)) => {
                let text = "is required, but for a key with the role platform";
                errors.push(FieldError::new("tenantId", text));
                None
            }
        };
        let account_id = match request.account_id {
            None => caller.account.clone(),
            Some(given) => {
                if !caller.is_platform() && given != caller.account {
                    let text = "comes from the credential of the request; leave it out";
                    errors.push(FieldError::new("accountId", text));
                }
                given
            }
        };
        if request
            .expires_at
            .is_some_and(|end| end <= self.clock.now())
        {
            errors.push(FieldError::new("expiresAt", "must be in the future"));
        }
        match access {
            Some(access) if errors.is_empty() => Ok(NewStoredKey {
                access,
                name: request.name,
                account_id,
                expires_at: request.expires_at,
            }),
            _ => Err(ServiceError::Invalid(errors)),
        }
    }

    /// One page of the caller's keys, newest first, revoked and expired ones too. Needs the role
    /// owner.
    pub async fn api_keys(
        &self,
        caller: &Caller,
        filter: &ApiKeyFilter,
    ) -> Result<ApiKeyPage, ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        Ok(self.keys.store.list(&scope, filter).await?)
    }

    /// One key. Needs the role owner.
    pub async fn api_key(
        &self,
        caller: &Caller,
        id: &ApiKeyId,
    ) -> Result<SafeApiKey, ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        let found = self.keys.store.find(&scope, id).await?;
        found.ok_or(ServiceError::UnknownApiKey)
    }

    /// Revokes a key, for good: at once here, within ten seconds elsewhere. Gives the key as it is
    /// now. Needs the role owner.
    pub async fn revoke_api_key(
        &self,
        caller: &Caller,
        id: &ApiKeyId,
    ) -> Result<SafeApiKey, ServiceError> {
        let actor = Self::actor(caller, Role::Owner)?;
        let revoked = self.keys.store.revoke(&actor, id).await;
        // Also when the answer was lost: it may have been done.
        self.keys.forget(id).await;
        revoked?.ok_or(ServiceError::UnknownApiKey)
    }
}
