//! Looking at a webhook, having it tested, and removing it.

use scm_providers::{WebhookInfo, WebhookTest};
use scm_store::StoredWebhook;
use scm_types::{
    Actor, AuditAction, AuditDetail, Caller, IntegrationId, Operation, Role, WebhookHealth,
};
use serde::Serialize;
use url::Url;

use super::WebhookReport;
use crate::{
    ServiceError, Services,
    work::open::{Opened, Work},
};

/// What the credential has to be good for.
pub(super) const OPERATIONS: [Operation; 1] = [Operation::ManageWebhooks];

/// What a test of a webhook came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WebhookTested {
    /// A delivery is on its way, or has arrived.
    Sent,
    /// The host has tried, and says that its delivery failed.
    Failed,
    /// The host sends none when asked; the first change in the repository will tell.
    NotTestable,
}

impl From<WebhookTest> for WebhookTested {
    fn from(test: WebhookTest) -> Self {
        match test {
            WebhookTest::Sent => Self::Sent,
            WebhookTest::Failed => Self::Failed,
            WebhookTest::NotTestable => Self::NotTestable,
        }
    }
}

impl Services {
    /// The webhook of an integration, and how it fares at its host. Needs the role owner.
    ///
    /// Fails with [`ServiceError::NoWebhook`] if none is registered.
    pub async fn webhook(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<WebhookReport, ServiceError> {
        let (actor, opened) = self.opened_for_webhook(caller, id).await?;
        let work = self.work_with(opened, &OPERATIONS).await?;
        let stored = self.stored_webhook(&actor, id).await?;
        let known = stored.webhook_id.as_deref();
        let known = known.ok_or(ServiceError::NoWebhook)?;
        let found = work.provider.webhook(&work.info, known).await?;
        report(&stored, found.as_ref())
    }

    /// Has the host send a test delivery, where it does that. Needs the role owner.
    ///
    /// Fails with [`ServiceError::NoWebhook`] if none is registered, and with
    /// [`ServiceError::WebhookGone`] if the host has it no longer.
    pub async fn test_webhook(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<WebhookTested, ServiceError> {
        let (actor, opened) = self.opened_for_webhook(caller, id).await?;
        let noting = opened.making(self, AuditAction::WebhookTested, AuditDetail::default());
        let tested = self.tested(&actor, id, opened).await;
        noting.ended(&tested, |detail, _| detail).await;
        tested
    }

    async fn tested(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        opened: Opened,
    ) -> Result<WebhookTested, ServiceError> {
        let work = self.work_with(opened, &OPERATIONS).await?;
        let stored = self.stored_webhook(actor, id).await?;
        let known = stored.webhook_id.as_deref();
        let known = known.ok_or(ServiceError::NoWebhook)?;
        let tested = work.provider.test_webhook(&work.info, known).await?;
        Ok(tested.ok_or(ServiceError::WebhookGone)?.into())
    }

    /// Removes the webhook from its host and forgets it; false if the host had it no longer. Needs
    /// the role owner. After an error nothing is forgotten, and the same call goes on.
    ///
    /// Fails with [`ServiceError::NoWebhook`] if none is registered, and with
    /// [`ServiceError::WebhookBusy`] while it is being changed.
    pub async fn remove_webhook(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<bool, ServiceError> {
        let (actor, opened) = self.opened_for_webhook(caller, id).await?;
        let action = AuditAction::WebhookRemoved;
        let noting = opened.making(self, action, AuditDetail::default());
        let removed = self.remove_opened(&actor, id, opened).await;
        match &removed {
            // It was noted with what was stored of it.
            Ok(_) => noting.settled(),
            Err(_) => noting.ended(&removed, |detail, _| detail).await,
        }
        removed
    }

    async fn remove_opened(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        opened: Opened,
    ) -> Result<bool, ServiceError> {
        let work = self.work_with(opened, &OPERATIONS).await?;
        let lock = self.lock_webhook(id).await?;
        let removed = self.remove_locked(actor, id, &work).await;
        self.unlock_webhook(lock).await;
        removed
    }

    async fn remove_locked(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        work: &Work,
    ) -> Result<bool, ServiceError> {
        let stored = self.stored_webhook(actor, id).await?;
        let known = stored.webhook_id.as_deref();
        let known = known.ok_or(ServiceError::NoWebhook)?;
        let url = stored.webhook_url.as_deref().map(Url::parse);
        let removed = match url {
            Some(Ok(url)) => work.provider.remove_webhook(known, &url).await?,
            // An old writer's: without its address it cannot be told from somebody else's.
            Some(Err(_)) | None => false,
        };
        self.integrations.forget_webhook(actor, id, known).await?;
        self.webhook_changed(id).await;
        self.forget_refs(id).await;
        Ok(removed)
    }

    /// The credential of an integration, opened for work on its webhook.
    pub(super) async fn opened_for_webhook(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<(Actor, Opened), ServiceError> {
        let opened = self.opened(caller, Role::Owner, id, &OPERATIONS).await?;
        Ok((caller.actor(), opened))
    }

    pub(super) async fn stored_webhook(
        &self,
        actor: &Actor,
        id: &IntegrationId,
    ) -> Result<StoredWebhook, ServiceError> {
        let stored = self.integrations.find_webhook(actor, id).await?;
        stored.ok_or(ServiceError::NotFound)
    }
}

/// What is stored, and beside it what the host tells.
pub(super) fn report(
    stored: &StoredWebhook,
    found: Option<&WebhookInfo>,
) -> Result<WebhookReport, ServiceError> {
    let (Some(id), Some(url), Some(scheme)) =
        (&stored.webhook_id, &stored.webhook_url, stored.scheme)
    else {
        return Err(ServiceError::NoWebhook);
    };
    let ours = |info: &WebhookInfo| {
        let parsed = (Url::parse(&info.url), Url::parse(url));
        matches!(parsed, (Ok(there), Ok(here)) if there == here)
    };
    Ok(WebhookReport {
        webhook_id: id.clone(),
        webhook_url: url.clone(),
        scheme,
        exists_at_host: found.is_some(),
        is_complete: found.is_some_and(|info| info.active && info.complete && ours(info)),
        health: found.map_or(WebhookHealth::Disabled, |info| info.health),
        last_status: found.and_then(|info| info.last_status),
        previous_secret_until: stored.previous_until,
    })
}
