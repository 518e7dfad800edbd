//! What deliveries are verified with, kept in memory for a moment, so that a delivery costs one
//! INSERT.
//!
//! - Also kept is that there is nothing to verify with: who guesses ids costs no more than who signs
//!   wrongly.
//! - What is kept may be outdated. Before a delivery is refused for it, it is compared with what is
//!   stored, once a second at most; who is refused at the same moment waits for the one that looks,
//!   and goes on with what that finds.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;
use scm_store::{StoreError, WebhookKeys};
use scm_types::{Actor, IntegrationId, ServerTask, Timestamp};
use tokio::sync::Mutex;

use crate::Services;

/// The most integrations that keys are kept of.
const CAPACITY: u64 = 10_000;

/// How long keys are used without being read again.
const LIFE: Duration = Duration::from_secs(30);

/// How long a refusal rests on what is kept.
const SETTLED: Duration = Duration::from_secs(1);

/// Keys by integration.
pub(super) struct KeyCache(Cache<IntegrationId, Arc<Kept>>);

/// What was found; nothing where no delivery can be genuine.
pub(super) struct Kept {
    pub(super) keys: Option<WebhookKeys>,
    read_at: Timestamp,
    /// When it was last known to be what is stored. Held by the one that looks.
    known_at: Mutex<Timestamp>,
}

impl KeyCache {
    pub(super) fn new() -> Self {
        let cache = Cache::builder().max_capacity(CAPACITY).time_to_live(LIFE);
        Self(cache.build())
    }

    /// Lets the next delivery read them again.
    pub(super) async fn forget(&self, id: &IntegrationId) {
        self.0.invalidate(id).await;
    }
}

impl Services {
    /// The keys of an integration. A secret that does not open is none: the operator is told by the
    /// log, and nobody else anything.
    pub(super) async fn keys_of(&self, id: &IntegrationId) -> Result<Arc<Kept>, Arc<StoreError>> {
        let cache = &self.webhooks.keys.0;
        let now = self.clock.now();
        if let Some(kept) = cache.get(id).await {
            if kept.read_at.until(now) < LIFE {
                return Ok(kept);
            }
            cache.invalidate(id).await;
        }
        cache.try_get_with(id.clone(), self.read_keys(id)).await
    }

    async fn read_keys(&self, id: &IntegrationId) -> Result<Arc<Kept>, StoreError> {
        let now = self.clock.now();
        let actor = Actor::server(ServerTask::Delivery);
        let keys = match self.integrations.webhook_keys(&actor, id).await {
            Ok(keys) => keys,
            Err(error @ (StoreError::Unreadable { .. } | StoreError::Corrupt { .. })) => {
                tracing::error!(
                    integration = id.as_str(),
                    %error,
                    "deliveries of a webhook are refused, for its secret cannot be read"
                );
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Arc::new(Kept {
            keys,
            read_at: now,
            known_at: Mutex::new(now),
        }))
    }

    /// Other keys than these, if these were outdated when a delivery failed by them.
    pub(super) async fn newer_keys(
        &self,
        id: &IntegrationId,
        kept: &Arc<Kept>,
    ) -> Result<Option<Arc<Kept>>, Arc<StoreError>> {
        let mut known_at = kept.known_at.lock().await;
        // Somebody has looked meanwhile, and found others.
        let newest = self.keys_of(id).await?;
        if !Arc::ptr_eq(&newest, kept) {
            return Ok(Some(newest));
        }
        let now = self.clock.now();
        if known_at.until(now) < SETTLED {
            return Ok(None);
        }
        *known_at = now;
        if let Some(keys) = &kept.keys
            && self.integrations.are_webhook_keys_current(id, keys).await?
        {
            return Ok(None);
        }
        self.webhooks.keys.forget(id).await;
        self.keys_of(id).await.map(Some)
    }
}
