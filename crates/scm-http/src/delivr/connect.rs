//! What a path's integration is, and how another one takes its place.

use scm_service::{Precondition, ServiceError, Services};
use scm_types::{
    AccessToken, BranchName, Caller, CreateScmIntegrationDto, PageLimit, PageRequest, Patch,
    SafeScmIntegration, ScmIntegrationFilters, ScmType, TenantId, UpdateScmIntegrationDto,
    VerificationResult,
};

use super::body::Given;
use crate::ApiError;

/// One request at a path.
pub(super) struct Desk<'a> {
    pub(super) services: &'a Services,
    pub(super) caller: &'a Caller,
    pub(super) tenant: &'a TenantId,
}

/// What came of a change.
pub(super) enum Done {
    /// There was none for this repository.
    Created(Box<SafeScmIntegration>),
    /// There was.
    Updated(Box<SafeScmIntegration>),
    /// The host does not accept the credential; nothing was stored.
    Refused(Box<VerificationResult>),
}

impl Desk<'_> {
    /// The path's integration: the newest active one of the tenant, of this product if one is named.
    pub(super) async fn current(
        &self,
        product: Option<ScmType>,
    ) -> Result<SafeScmIntegration, ApiError> {
        let newest = self.active(product, 1).await?.into_iter().next();
        newest.ok_or(ServiceError::NotFound.into())
    }

    async fn active(
        &self,
        product: Option<ScmType>,
        most: u64,
    ) -> Result<Vec<SafeScmIntegration>, ApiError> {
        let filters = ScmIntegrationFilters {
            tenant_id: Some(self.tenant.clone()),
            scm_type: product,
            is_active: Some(true),
            ..ScmIntegrationFilters::default()
        };
        let page = PageRequest {
            limit: PageLimit::new(most).unwrap_or_default(),
            after: None,
        };
        let listed = self.services.list(self.caller, &filters, &page).await?;
        Ok(listed.items)
    }

    /// Makes the named repository the path's integration.
    pub(super) async fn connect(
        &self,
        kind: ScmType,
        url: &str,
        token: AccessToken,
        given: Given,
    ) -> Result<Done, ApiError> {
        let before = self.active(Some(kind), 2).await?;
        let leaving = before
            .first()
            .filter(|row| !self.services.is_same_repository(url, &row.repository_url));
        if leaving.is_some() && before.len() > 1 {
            let text = format!(
                "is another repository than the newest of several {} integrations of the tenant, \
                 and these paths know one of them: use /api/v1/integrations/scm",
                kind.label()
            );
            return Err(ServiceError::invalid("repo", text).into());
        }
        let services = self.services;
        let check = services.verify_credential(self.caller, kind, url, &token, None);
        let check = check.await?;
        if !check.success {
            return Ok(Done::Refused(Box::new(check)));
        }
        let webhook = given.webhook;
        let (row, is_new) = self.store(kind, url, token, given, &check).await?;
        let row = self.checked(row).await?;
        if let Some(leaving) = leaving {
            let deleted = services.delete(self.caller, &leaving.id, false, None).await;
            // Somebody else may have been faster.
            deleted.or_else(|error| match error {
                ServiceError::NotFound => Ok(()),
                error => Err(error),
            })?;
        }
        let row = self.with_webhook(row, webhook).await?;
        Ok(if is_new {
            Done::Created(Box::new(row))
        } else {
            Done::Updated(Box::new(row))
        })
    }

    /// Changes the path's integration where it stands.
    pub(super) async fn change(
        &self,
        row: &SafeScmIntegration,
        given: Given,
        condition: Option<&Precondition>,
    ) -> Result<Done, ApiError> {
        if let Some(token) = &given.token {
            let check = self.services.verify_credential(
                self.caller,
                row.scm_type,
                &row.repository_url,
                token,
                None,
            );
            let check = check.await?;
            if !check.success {
                return Ok(Done::Refused(Box::new(check)));
            }
        }
        let (webhook, renewed) = (given.webhook, given.token.is_some());
        let changes = changes(given);
        let row = self
            .services
            .update(self.caller, &row.id, &changes, condition)
            .await?;
        let row = if renewed {
            self.checked(row).await?
        } else {
            row
        };
        Ok(Done::Updated(Box::new(
            self.with_webhook(row, webhook).await?,
        )))
    }

    /// Stores a checked credential: in the row of that repository if there is one, else in a new one.
    /// True for a new one.
    async fn store(
        &self,
        kind: ScmType,
        url: &str,
        token: AccessToken,
        mut given: Given,
        check: &VerificationResult,
    ) -> Result<(SafeScmIntegration, bool), ApiError> {
        let services = self.services;
        let known = services.find_by_repository(self.caller, self.tenant, url);
        if known.await?.is_none() {
            let mut new = CreateScmIntegrationDto::new(self.tenant.clone(), kind, url);
            new.display_name.clone_from(&given.display_name);
            new.default_branch = given.default_branch.clone().or_else(|| at_host(check));
            new.access_token = Some(token.clone());
            match services.create(self.caller, new).await {
                Ok(row) => return Ok((row, true)),
                // Somebody else was faster; theirs is changed.
                Err(ServiceError::AlreadyExists) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let known = services.find_by_repository(self.caller, self.tenant, url);
        let known = known.await?.ok_or(ServiceError::AlreadyExists)?;
        given.token = Some(token);
        given.is_active = Some(true);
        let changes = changes(given);
        let row = services.update(self.caller, &known.id, &changes, None);
        Ok((row.await?, false))
    }

    /// The row after a check of what is stored now. If that comes to nothing, the row is PENDING, and a
    /// job checks it.
    async fn checked(&self, row: SafeScmIntegration) -> Result<SafeScmIntegration, ApiError> {
        match self.services.verify(self.caller, &row.id).await {
            Ok(checked) => Ok(checked.integration),
            Err(error) => {
                tracing::debug!(%error, id = %row.id, "a stored credential is not checked yet");
                Ok(self.services.get(self.caller, &row.id).await?)
            }
        }
    }

    /// Registers or removes the webhook, as it is wanted.
    async fn with_webhook(
        &self,
        row: SafeScmIntegration,
        wanted: Option<bool>,
    ) -> Result<SafeScmIntegration, ApiError> {
        match wanted {
            Some(true) => {
                let registered = self.services.register_webhook(self.caller, &row.id);
                registered.await?;
            }
            Some(false) if row.webhook_id.is_some() => {
                self.services.remove_webhook(self.caller, &row.id).await?;
            }
            Some(false) | None => return Ok(row),
        }
        Ok(self.services.get(self.caller, &row.id).await?)
    }
}

/// The fields that a row is changed in. A new credential takes the place of a whole old one: nothing
/// that the old one was renewed with stays.
fn changes(given: Given) -> UpdateScmIntegrationDto {
    let renewed = given.token.is_some();
    UpdateScmIntegrationDto {
        display_name: patch(given.display_name),
        default_branch: patch(given.default_branch),
        access_token: patch(given.token),
        refresh_token: if renewed { Patch::Null } else { Patch::Absent },
        token_expires_at: if renewed { Patch::Null } else { Patch::Absent },
        auto_rotate: Patch::Absent,
        is_active: patch(given.is_active),
    }
}

fn patch<T>(given: Option<T>) -> Patch<T> {
    given.map_or(Patch::Absent, Patch::Value)
}

/// The default branch as the host has it.
fn at_host(check: &VerificationResult) -> Option<BranchName> {
    let metadata = check.metadata.as_ref()?;
    BranchName::parse(metadata.default_branch.as_deref()?).ok()
}
