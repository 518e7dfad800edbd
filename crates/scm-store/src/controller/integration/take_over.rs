//! Rows of the old server's table, each with the id and the times that it had there.
//!
//! One INSERT with its row of the audit log: a row is taken over as a whole or not at all. What is here
//! already, in whatever state, is left as it is; repeating changes nothing.

use scm_types::{
    Actor, AuditAction, AuditRecord, IntegrationId, Timestamp, VerificationStatus, WebhookSecret,
};
use sea_orm::{Condition, EntityTrait, QueryFilter, QuerySelect};

use super::{NewIntegration, ScmIntegrationController, find::of_repository, fit, scope::same};
use crate::{
    StoreError,
    entity::tenant_scm_integration::{Column, Entity, Model},
};

/// What the old server knew of a row beyond what a new one begins with.
pub struct OldState {
    /// False while it was switched off there.
    pub is_active: bool,
    /// What its last check said, by its own rules.
    pub verification_status: VerificationStatus,
    /// When that was.
    pub last_verified_at: Option<Timestamp>,
    /// Why it was not VALID.
    pub verification_error: Option<String>,
    /// The webhook's id at the host.
    pub webhook_id: Option<String>,
    /// The address the webhook calls.
    pub webhook_url: Option<String>,
    /// What deliveries are signed with.
    pub webhook_secret: Option<WebhookSecret>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A row to be taken over.
pub struct TakeOver {
    /// The id that it had, and keeps.
    pub id: IntegrationId,
    /// What it connects.
    pub integration: NewIntegration,
    /// What was known of it.
    pub state: OldState,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenOver {
    /// It is here now.
    Made,
    /// It was here: a row of this id, or of the same tenant and repository.
    There,
    /// Its id is that of another tenant's or another repository's row.
    Taken,
}

impl ScmIntegrationController {
    /// Takes a row over, unless it is here already. One that was deleted here since stays deleted.
    ///
    /// Fails with [`StoreError::OutsideScope`] if the tenant is outside the scope, with
    /// [`StoreError::DoesNotFit`] if a value is too long, and with [`StoreError::Reference`] if foreign
    /// keys are on and the tenant or account does not exist.
    pub async fn take_over(&self, actor: &Actor, old: &TakeOver) -> Result<TakenOver, StoreError> {
        let new = &old.integration;
        if !actor.scope.contains(&new.tenant_id) {
            return Err(StoreError::OutsideScope);
        }
        check(old)?;
        let insert = self.insertion(self.old_model(old)?);
        let record = AuditRecord::done(AuditAction::IntegrationImported);
        let made = self
            .noted((&new.tenant_id, &old.id), actor, &insert, &record)
            .await
            .map_err(StoreError::from_driver);
        match made {
            Ok(_) => Ok(TakenOver::Made),
            // Nobody removes rows while it is done but by hand: then it is the next time's.
            Err(StoreError::Conflict) => Ok(self.there(old).await?.unwrap_or(TakenOver::Taken)),
            Err(error) => Err(error),
        }
    }

    /// What [`Self::take_over`] would do, without doing it.
    pub async fn would_take_over(&self, old: &TakeOver) -> Result<TakenOver, StoreError> {
        check(old)?;
        Ok(self.there(old).await?.unwrap_or(TakenOver::Made))
    }

    /// What stands in the way of a row; `None` if nothing does.
    async fn there(&self, old: &TakeOver) -> Result<Option<TakenOver>, StoreError> {
        let new = &old.integration;
        let its_repository = || of_repository(self.backend(), &new.tenant_id, &new.repository);
        let its_id = || same(self.backend(), Column::Id, old.id.as_str());
        if self.is_any(its_repository()).await? {
            return Ok(Some(TakenOver::There));
        }
        // Its repository was moved or renamed since: it is the same integration.
        let tenant = same(self.backend(), Column::TenantId, new.tenant_id.as_str());
        if self.is_any(its_id().add(tenant)).await? {
            return Ok(Some(TakenOver::There));
        }
        let taken = self.is_any(its_id()).await?;
        Ok(taken.then_some(TakenOver::Taken))
    }

    async fn is_any(&self, which: Condition) -> Result<bool, StoreError> {
        let select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(which)
            .limit(1);
        Ok(self.one(select).await?.is_some())
    }

    fn old_model(&self, old: &TakeOver) -> Result<Model, StoreError> {
        let (new, state) = (&old.integration, &old.state);
        let secret = state.webhook_secret.as_ref().map(WebhookSecret::expose);
        let webhook_secret = self.sealed(&old.id, &new.tenant_id, Column::WebhookSecret, secret)?;
        Ok(Model {
            webhook_id: state.webhook_id.clone(),
            webhook_url: state.webhook_url.clone(),
            webhook_secret,
            is_active: state.is_active,
            verification_status: state.verification_status.to_string(),
            last_verified_at: state.last_verified_at.map(Timestamp::to_utc),
            verification_error: state.verification_error.clone(),
            created_at: state.created_at.to_utc(),
            updated_at: state.updated_at.to_utc(),
            ..self.model(&old.id, new, self.now())?
        })
    }
}

/// Whether values fit their columns.
fn check(old: &TakeOver) -> Result<(), StoreError> {
    fit::check_lengths(&old.integration)?;
    let state = &old.state;
    let fields = [
        ("webhookId", &state.webhook_id, 255),
        ("webhookUrl", &state.webhook_url, 512),
        // MySQL's TEXT has 65,535 bytes.
        ("verificationError", &state.verification_error, 16_000),
    ];
    for (field, value, max) in fields {
        if let Some(value) = value {
            fit::check_length(field, value, max)?;
        }
    }
    Ok(())
}
