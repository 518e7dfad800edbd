//! Removing the webhook of an integration that is deleted.
//!
//! - With the integration its credential goes, and nobody could remove the webhook any more. So
//!   before the deletion a job is made that holds what is needed, sealed, and that is the deleter's
//!   own for a minute: whoever is killed in between leaves a job that somebody else does.
//! - The deletion waits for the host for a short time only. What it does not come to, the job does,
//!   with pauses up to six hours, for a week at the most.
//! - When nothing more can be done, the job goes, and the credential with it.

use std::time::Duration;

use scm_providers::{Known, Provider};
use scm_store::{ClaimedJob, JobKind, NewJob, StoreError};
use scm_types::{
    AccessToken, Actor, AuditAction, AuditOutcome, AuditRecord, IntegrationId, Purpose, RepoUrl,
    SafeScmIntegration, ServerTask, TenantId, TenantScmIntegration,
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};
use url::Url;
use zeroize::{Zeroize, Zeroizing};

use super::{is_in_background, outcome::Outcome, pace, plan::host_of};
use crate::{ServiceError, Services};

/// How long a deletion waits for the host.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a job is its maker's: longer than a deletion takes.
const OWN: Duration = Duration::from_mins(1);

/// After this a webhook is left where it is.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(7 * 24);

/// What a removal needs: a credential, or the installation of an App to get one with.
#[derive(Serialize, Deserialize)]
struct Removal {
    repository: String,
    repository_id: Option<String>,
    webhook: String,
    url: String,
    token: Option<String>,
    installation: Option<String>,
}

impl Drop for Removal {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

/// A webhook whose integration is about to be deleted.
pub(crate) struct Leaving {
    job: ClaimedJob,
    removal: Removal,
}

impl Services {
    /// Makes sure that the webhook of an integration is removed if that is deleted now; `None` if
    /// it has none that could be removed.
    pub(crate) async fn leaving_webhook(
        &self,
        actor: &Actor,
        id: &IntegrationId,
    ) -> Result<Option<Leaving>, ServiceError> {
        let row = self.integrations.find_by_id(&actor.scope, id).await?;
        let Some(row) = row.filter(|row| row.webhook_id.is_some() && row.webhook_url.is_some())
        else {
            return Ok(None);
        };
        let opened = self
            .integrations
            .find_with_secrets(actor, id, Purpose::ManageWebhook);
        let opened = match opened.await {
            Ok(opened) => opened,
            // What cannot be read can be deleted all the same.
            Err(error @ (StoreError::Unreadable { .. } | StoreError::Corrupt { .. })) => {
                tracing::warn!(%error, %id, "the webhook of a deleted integration is left as it is");
                None
            }
            Err(error) => return Err(error.into()),
        };
        let removal = opened.and_then(removal_of);
        let (Some(removal), Ok(url)) = (removal, self.repository_url(&row)) else {
            return Ok(None);
        };
        let payload = serde_json::to_string(&removal).map(Zeroizing::new);
        let Ok(payload) = payload else {
            return Ok(None);
        };
        let job = NewJob {
            tenant: Some(row.tenant_id),
            host: host_of(&url),
            payload: Some(payload),
            ..NewJob::new(JobKind::WebhookRemoval, format!("{id}:{}", removal.webhook))
        };
        let job = self.jobs.enqueue_claimed(job, OWN).await?;
        Ok(job.map(|job| Leaving { job, removal }))
    }

    /// The integration was deleted: removes its webhook, now or later.
    pub(crate) async fn remove_left_webhook(&self, actor: &Actor, leaving: Leaving) {
        let Leaving { job, removal } = leaving;
        let begun = Instant::now();
        let removed = self.remove_at_host(actor, &removal);
        let outcome = match timeout(PATIENCE, removed).await {
            Ok(removed) => self.removed(actor, &job, removed).await,
            Err(_) => Outcome::Failed {
                wait: pace::backoff(job.subject(), 0),
                code: "timeout",
            },
        };
        self.settle(job, outcome, begun.elapsed()).await;
    }

    /// The integration was not deleted: its webhook stays.
    pub(crate) async fn keep_webhook(&self, leaving: Leaving) {
        let dropped = Outcome::Dropped;
        self.settle(leaving.job, dropped, Duration::ZERO).await;
    }

    /// Does the job of one that was not removed at once.
    pub(super) async fn remove_webhook_later(&self, job: &ClaimedJob) -> Outcome {
        let actor = Actor::server(ServerTask::WebhookRemoval);
        let removal = match self.jobs.payload(job) {
            Ok(payload) => payload.and_then(|text| serde_json::from_str::<Removal>(&text).ok()),
            // Its key may come back.
            Err(error) if job.age() < GIVEN_UP_AFTER => {
                return Outcome::failed(job, &error.into());
            }
            Err(_) => None,
        };
        let Some(removal) = removal else {
            return given_up(job, "unreadable");
        };
        match self.still_wanted(&actor, job, &removal).await {
            Ok(true) => return Outcome::Dropped,
            Ok(false) => {}
            Err(error) => return Outcome::failed(job, &error),
        }
        let removed = Box::pin(self.remove_at_host(&actor, &removal)).await;
        self.removed(&actor, job, removed).await
    }

    /// True if the integration is there with this very webhook: whoever was about to delete it did
    /// not.
    async fn still_wanted(
        &self,
        actor: &Actor,
        job: &ClaimedJob,
        removal: &Removal,
    ) -> Result<bool, ServiceError> {
        let Some(id) = integration_of(job) else {
            return Ok(false);
        };
        let row = self.integrations.find_by_id(&actor.scope, &id).await?;
        let has_it = |row: &SafeScmIntegration| {
            row.webhook_id.as_deref() == Some(removal.webhook.as_str())
                && (row.is_active || row.has_valid_token)
        };
        Ok(row.as_ref().is_some_and(has_it))
    }

    async fn remove_at_host(&self, actor: &Actor, removal: &Removal) -> Result<bool, ServiceError> {
        let url = RepoUrl::parse(&removal.repository, self.registry.web_hosts())
            .map_err(|_| ServiceError::HostNotConfigured)?;
        let address = Url::parse(&removal.url).map_err(|_| ServiceError::UnusableUrl)?;
        let known = Known {
            expires_at: None,
            repository_id: removal.repository_id.clone(),
        };
        let token = match (&removal.token, &removal.installation) {
            (Some(token), _) => AccessToken::parse(token.as_str()).ok(),
            (None, Some(installation)) => {
                let id = removal.repository_id.as_deref();
                let made = self.registry.installation_token(&url, installation, id);
                Some(made.await?.access_token)
            }
            (None, None) => None,
        };
        let token = token.ok_or(ServiceError::NoCredential)?;
        let provider: Box<dyn Provider> = if is_in_background(actor) {
            self.registry.open_in_background(&url, &token, known)?
        } else {
            self.registry.open(&url, &token, known)?
        };
        Ok(provider.remove_webhook(&removal.webhook, &address).await?)
    }

    /// What an attempt comes to; what is certain is noted in the audit log.
    async fn removed(
        &self,
        actor: &Actor,
        job: &ClaimedJob,
        removed: Result<bool, ServiceError>,
    ) -> Outcome {
        let action = AuditAction::WebhookRemoved;
        let (record, outcome) = match removed {
            Ok(_) => (AuditRecord::done(action), Outcome::Done),
            Err(error) if is_final(&error) || job.age() >= GIVEN_UP_AFTER => (
                AuditRecord::not_done(action, AuditOutcome::Failed, error.code().as_str()),
                given_up(job, error.code().as_str()),
            ),
            Err(error) => return Outcome::failed(job, &error),
        };
        if let (Some(tenant), Some(id)) = (job.tenant(), integration_of(job))
            && let Err(error) = self.audit.note(actor, tenant, &id, &record).await
        {
            tracing::error!(%error, %id, "the removal of a webhook could not be noted in the audit log");
        }
        outcome
    }
}

/// What it takes to remove the webhook of a row; nothing if it has no credential any more.
fn removal_of(row: TenantScmIntegration) -> Option<Removal> {
    let installation = row.integration.github_installation_id;
    let token = row.access_token.map(|token| token.expose().to_owned());
    if row.is_deleted || (token.is_none() && installation.is_none()) {
        return None;
    }
    Some(Removal {
        repository: row.integration.repository_url,
        repository_id: row.provider_repository_id,
        webhook: row.integration.webhook_id?,
        url: row.integration.webhook_url?,
        installation: installation.filter(|_| token.is_none()),
        token,
    })
}

/// The integration that a job is about.
fn integration_of(job: &ClaimedJob) -> Option<IntegrationId> {
    let (id, _) = job.subject().split_once(':')?;
    IntegrationId::parse(id).ok()
}

/// True if another attempt would end the same.
fn is_final(error: &ServiceError) -> bool {
    match error {
        ServiceError::Provider(error) => error.is_definite(),
        ServiceError::UnusableUrl | ServiceError::NoCredential => true,
        _ => false,
    }
}

fn given_up(job: &ClaimedJob, code: &'static str) -> Outcome {
    let tenant = job.tenant().map(TenantId::as_str);
    let subject = job.subject();
    tracing::warn!(
        subject,
        tenant,
        code,
        "the webhook of a deleted integration could not be removed and is left at its host"
    );
    Outcome::GivenUp
}
