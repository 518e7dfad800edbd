//! Registering a webhook, and giving it a new secret.

use std::time::Duration;

use scm_providers::{ProviderError, RegisteredWebhook, WantedWebhook, new_webhook_secret};
use scm_store::{ClaimedJob, JobDue, JobKind, NewWebhook, StoredWebhook, WebhookChange};
use scm_types::{
    Actor, AuditAction, AuditDetail, Caller, HostKind, IntegrationId, RepoUrl, SignatureScheme,
    WebhookSecret,
};
use tokio::time::sleep;
use url::Url;

use super::{
    WebhookRegistered, WebhookRotated,
    look::{OPERATIONS, report},
};
use crate::{
    ServiceError, Services,
    work::open::{Opened, Work},
};

/// Longer than a change takes.
const LOCK: Duration = Duration::from_mins(2);

/// How often, and how long apart, it is looked whether a delivery has confirmed a new secret.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

impl Services {
    /// Makes sure that the code host delivers to this server: exactly one webhook of the repository
    /// has our address. One that is there is adopted and gets a fresh secret; one that is ours and
    /// as it should be stays as it is. Needs the role owner.
    ///
    /// Fails with [`ServiceError::NoPublicUrl`] if this server has no public address, with
    /// [`ServiceError::WebhookBusy`] while another change is under way, and with
    /// [`ServiceError::Provider`] if the host did not do it; the same call then goes on.
    pub async fn register_webhook(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<WebhookRegistered, ServiceError> {
        let (actor, opened) = self.opened_for_webhook(caller, id).await?;
        let action = AuditAction::WebhookRegistered;
        let noting = opened.making(self, action, AuditDetail::default());
        let registered = self.register_opened(&actor, id, opened).await;
        match &registered {
            // What it took was noted with what was stored of it.
            Ok(_) => {
                noting.settled();
                self.look_at_all_refs(&actor, id).await;
            }
            Err(_) => noting.ended(&registered, |detail, _| detail).await,
        }
        registered
    }

    /// From now on deliveries tell what changes; what there is now is to be known. If that cannot be
    /// noted, it is with the first delivery.
    async fn look_at_all_refs(&self, actor: &Actor, id: &IntegrationId) {
        let looked = match self.integrations.find_by_id(&actor.scope, id).await {
            Ok(Some(row)) => self.check_soon(&row, JobDue::Now).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = looked {
            tracing::warn!(%error, %id, "what a repository holds will be looked at later");
        }
    }

    async fn register_opened(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        opened: Opened,
    ) -> Result<WebhookRegistered, ServiceError> {
        let url = self.receiver.url(id).ok_or(ServiceError::NoPublicUrl)?;
        let work = self.work_with(opened, &OPERATIONS).await?;
        let lock = self.lock_webhook(id).await?;
        let registered = self.register_locked(actor, id, &work, &url).await;
        self.unlock_webhook(lock).await;
        registered
    }

    /// Gives the webhook of an integration a new secret, has the host send a delivery with it where
    /// it does that, and waits a moment for that delivery. Needs the role owner.
    ///
    /// A change that was begun and of which nobody knows whether the host made it is gone on with.
    /// Fails like [`Self::register_webhook`], with [`ServiceError::NoWebhook`] if none is registered,
    /// and with [`ServiceError::WebhookGone`] if the host has it no longer.
    pub async fn rotate_webhook(
        &self,
        caller: &Caller,
        id: &IntegrationId,
    ) -> Result<WebhookRotated, ServiceError> {
        let (actor, opened) = self.opened_for_webhook(caller, id).await?;
        let action = AuditAction::WebhookRotated;
        let noting = opened.making(self, action, AuditDetail::default());
        let rotated = self.rotate_opened(&actor, id, opened).await;
        match &rotated {
            Ok(_) => noting.settled(),
            Err(_) => noting.ended(&rotated, |detail, _| detail).await,
        }
        self.confirmed(&actor, id, &rotated?).await
    }

    async fn rotate_opened(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        opened: Opened,
    ) -> Result<Work, ServiceError> {
        let url = self.receiver.url(id).ok_or(ServiceError::NoPublicUrl)?;
        let work = self.work_with(opened, &OPERATIONS).await?;
        let lock = self.lock_webhook(id).await?;
        let rotated = self.rotate_locked(actor, id, &work, &url).await;
        self.unlock_webhook(lock).await;
        rotated.map(|()| work)
    }

    /// The right to change the webhook of an integration.
    pub(super) async fn lock_webhook(
        &self,
        id: &IntegrationId,
    ) -> Result<ClaimedJob, ServiceError> {
        let held = self.jobs.hold(JobKind::WebhookChange, id.as_str(), LOCK);
        held.await?.ok_or(ServiceError::WebhookBusy)
    }

    pub(super) async fn unlock_webhook(&self, lock: ClaimedJob) {
        if let Err(error) = self.jobs.finish(lock).await {
            tracing::warn!(%error, "the lock of a webhook could not be given back; it ends by itself");
        }
    }

    async fn register_locked(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        work: &Work,
        url: &Url,
    ) -> Result<WebhookRegistered, ServiceError> {
        let stored = self.stored_webhook(actor, id).await?;
        if let Some(webhook) = standing(&stored, work, url).await? {
            return Ok(WebhookRegistered {
                webhook,
                existing: true,
            });
        }
        let action = AuditAction::WebhookRegistered;
        let (change, secret) = self.begun(actor, id, &stored, action, &work.url).await?;
        let wanted = WantedWebhook {
            url: url.clone(),
            secret,
        };
        let known = stored.webhook_id.as_deref();
        let made = work.provider.ensure_webhook(&work.info, &wanted, known);
        let made = made.await;
        let made = self.settled(actor, id, change, made).await?;
        let (webhook, _) = self.looked(actor, id, work).await?;
        Ok(WebhookRegistered {
            webhook,
            existing: made.existing,
        })
    }

    async fn rotate_locked(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        work: &Work,
        url: &Url,
    ) -> Result<(), ServiceError> {
        let stored = self.stored_webhook(actor, id).await?;
        let known = stored.webhook_id.as_deref();
        let known = known.ok_or(ServiceError::NoWebhook)?;
        let action = AuditAction::WebhookRotated;
        let (change, secret) = self.begun(actor, id, &stored, action, &work.url).await?;
        let wanted = WantedWebhook {
            url: url.clone(),
            secret,
        };
        let set = work
            .provider
            .set_webhook_secret(&work.info, known, &wanted)
            .await;
        let set = match set {
            Ok(None) => {
                self.taken_back(actor, id, change, "webhook_gone").await;
                return Err(ServiceError::WebhookGone);
            }
            Ok(Some(set)) => Ok(set),
            Err(error) => Err(error),
        };
        self.settled(actor, id, change, set).await.map(|_| ())
    }

    /// A new secret, stored; or the one of a change whose end nobody knows.
    async fn begun(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        stored: &StoredWebhook,
        action: AuditAction,
        repository: &RepoUrl,
    ) -> Result<(WebhookChange, WebhookSecret), ServiceError> {
        if let Some((change, secret)) = stored.open_change(action) {
            return Ok((change, secret));
        }
        let secret = new_webhook_secret().map_err(|_| ServiceError::NoRandomness)?;
        let url = self.receiver.url(id).ok_or(ServiceError::NoPublicUrl)?;
        let new = NewWebhook {
            secret: &secret,
            url: url.as_str(),
            scheme: usual_scheme(repository.kind()),
        };
        let change = self
            .integrations
            .begin_webhook_change(actor, id, stored, action, new)
            .await?;
        // The host may use it before it has answered.
        self.webhook_changed(id).await;
        Ok((change.ok_or(ServiceError::WebhookBusy)?, secret))
    }

    /// What the host has done is noted; what it surely has not is taken back.
    async fn settled(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        change: WebhookChange,
        made: Result<RegisteredWebhook, ProviderError>,
    ) -> Result<RegisteredWebhook, ServiceError> {
        match made {
            Ok(made) => {
                let noted = self
                    .integrations
                    .finish_webhook_change(actor, id, &change, &made.id, made.scheme)
                    .await?;
                // The lock kept other changes out: the integration was deleted, or has a new state.
                noted.then_some(made).ok_or(ServiceError::WebhookBusy)
            }
            Err(error) => {
                if !may_be_done(&error) {
                    let code = error.code();
                    self.taken_back(actor, id, change, code).await;
                }
                Err(error.into())
            }
        }
    }

    async fn taken_back(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        change: WebhookChange,
        code: &'static str,
    ) {
        let back = self
            .integrations
            .abandon_webhook_change(actor, id, &change, code)
            .await;
        if let Err(error) = back {
            // Both secrets are accepted, and the next change goes on with this one.
            tracing::warn!(%error, %id, "a new secret of a webhook could not be taken back");
        }
    }

    /// Has a delivery sent with the new secret, and waits a moment for it.
    async fn confirmed(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        work: &Work,
    ) -> Result<WebhookRotated, ServiceError> {
        let (webhook, stored) = self.looked(actor, id, work).await?;
        let tested = work
            .provider
            .test_webhook(&work.info, &webhook.webhook_id)
            .await;
        let is_tested = match tested {
            Ok(Some(scm_providers::WebhookTest::Sent)) => true,
            Ok(_) => false,
            Err(error) => {
                // The secret is set: the next delivery of the repository will tell.
                tracing::debug!(%error, %id, "a test delivery could not be asked for");
                false
            }
        };
        let mut confirmed = stored.previous_until.is_none();
        for _ in 0..LOOKS {
            if confirmed || !is_tested {
                break;
            }
            sleep(PAUSE).await;
            let scope = &actor.scope;
            confirmed = self.integrations.is_webhook_confirmed(scope, id).await?;
        }
        let previous_secret_until = webhook.previous_secret_until.filter(|_| !confirmed);
        Ok(WebhookRotated {
            webhook: super::WebhookReport {
                previous_secret_until,
                ..webhook
            },
            confirmed,
        })
    }

    async fn looked(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        work: &Work,
    ) -> Result<(super::WebhookReport, StoredWebhook), ServiceError> {
        let stored = self.stored_webhook(actor, id).await?;
        let known = stored.webhook_id.as_deref();
        let known = known.ok_or(ServiceError::NoWebhook)?;
        let found = work.provider.webhook(&work.info, known).await?;
        Ok((report(&stored, found.as_ref())?, stored))
    }
}

/// How a product signs as a rule.
fn usual_scheme(kind: HostKind) -> SignatureScheme {
    match kind {
        HostKind::Github => SignatureScheme::Github,
        HostKind::Gitlab => SignatureScheme::GitlabSignature,
        HostKind::Bitbucket => SignatureScheme::Bitbucket,
        HostKind::BitbucketDataCenter => SignatureScheme::BitbucketDataCenter,
    }
}

/// The webhook, if nothing is to be done to it.
async fn standing(
    stored: &StoredWebhook,
    work: &Work,
    url: &Url,
) -> Result<Option<super::WebhookReport>, ServiceError> {
    let Some(known) = &stored.webhook_id else {
        return Ok(None);
    };
    if stored.secrets.is_empty() || stored.webhook_url.as_deref() != Some(url.as_str()) {
        return Ok(None);
    }
    let found = work.provider.webhook(&work.info, known).await?;
    let webhook = report(stored, found.as_ref());
    Ok(webhook.ok().filter(|webhook| webhook.is_complete))
}

/// Whether the host may have made a change that it answered so.
fn may_be_done(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Unavailable { .. } | ProviderError::Moved
    )
}
