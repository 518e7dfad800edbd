//! Keys of the database, kept in memory for a moment, so that a request costs no round trip.
//!
//! - What is kept is used for [`LIFE`] at the most. Behind [`FRESH`] it is read again beside the
//!   request that uses it. So a revoked key ends everywhere within [`LIFE`], and at once in the
//!   process that revoked it; and while the database is away, keys that were just used go on for as
//!   long.
//! - Also kept is that there is no such key: who guesses costs no more than who has one.
//! - That a key was used is written once a minute at the most, beside the request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use scm_store::{ApiKeyController, ApiKeyMatch, StoreError};
use scm_types::{ApiKeyId, Caller, SafeApiKey, Timestamp};
use tokio::sync::Semaphore;

use super::{AuthenticationError, fixed};
use crate::Services;

/// The most keys that are kept.
const CAPACITY: u64 = 10_000;

/// How long a key is used without a thought.
const FRESH: Duration = Duration::from_secs(5);

/// How long a key is used without having been read again.
const LIFE: Duration = Duration::from_secs(10);

/// How often it is written that a key was used, in milliseconds.
const NOTED_EVERY: i64 = 60_000;

/// How many such writes are on their way at the most; what is too many is written a little later.
const NOTING: usize = 4;

/// The stored keys and what is kept of them.
pub(crate) struct StoredKeys {
    pub(super) store: ApiKeyController,
    kept: Cache<ApiKeyId, Arc<Kept>>,
    /// Grows whenever a key changes here: what was read before that is not kept.
    changes: AtomicU64,
    noting: Arc<Semaphore>,
}

/// What was found of an id.
struct Kept {
    found: Option<ApiKeyMatch>,
    read_at: Timestamp,
    is_read_again: AtomicBool,
    /// When it was last written that the key was used, in milliseconds.
    noted_at: AtomicI64,
}

impl Kept {
    fn new(found: Option<ApiKeyMatch>, read_at: Timestamp) -> Self {
        let used = found.as_ref().and_then(ApiKeyMatch::last_used_at);
        Self {
            found,
            read_at,
            is_read_again: AtomicBool::new(false),
            noted_at: AtomicI64::new(used.map_or(i64::MIN, Timestamp::as_millis)),
        }
    }
}

impl StoredKeys {
    pub(crate) fn new(store: ApiKeyController) -> Self {
        // Only so that nothing lies around: whether it is used still is told by the clock.
        let kept = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(12 * LIFE);
        Self {
            store,
            kept: kept.build(),
            changes: AtomicU64::new(0),
            noting: Arc::new(Semaphore::new(NOTING)),
        }
    }

    /// Has a key read again before it is used again.
    pub(super) async fn forget(&self, id: &ApiKeyId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.kept.invalidate(id).await;
    }
}

impl Services {
    /// The caller of a stored key, or why it is none.
    pub(super) async fn stored_caller(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Result<Caller, &'static str>, AuthenticationError> {
        let Some(id) = fixed::id_of(token).and_then(|id| ApiKeyId::parse(id).ok()) else {
            return Ok(Err("it is no API key"));
        };
        let kept = self.kept_key(&id, now).await;
        let kept = kept.map_err(|error| away(&error))?;
        let Some(key) = ApiKeyMatch::recognised(kept.found.as_ref(), token) else {
            return Ok(Err(
                "there is no such key, it is revoked, or its secret is wrong",
            ));
        };
        if key.expires_at.is_some_and(|end| end <= now) {
            return Ok(Err("the key has expired"));
        }
        self.note_use(&kept, key, now);
        Ok(Ok(Caller::new(key.account_id.clone(), key.access.clone())))
    }

    async fn kept_key(&self, id: &ApiKeyId, now: Timestamp) -> Result<Arc<Kept>, Arc<StoreError>> {
        let cache = &self.keys.kept;
        loop {
            if let Some(kept) = cache.get(id).await {
                let age = kept.read_at.until(now);
                if age < LIFE {
                    if age >= FRESH && !kept.is_read_again.swap(true, Ordering::SeqCst) {
                        tokio::spawn(self.clone().read_again(id.clone(), Arc::clone(&kept)));
                    }
                    return Ok(kept);
                }
                cache.invalidate(id).await;
            }
            let changes = self.keys.changes.load(Ordering::SeqCst);
            let kept = cache
                .try_get_with(id.clone(), self.read_key(id, now))
                .await?;
            if self.keys.changes.load(Ordering::SeqCst) == changes {
                return Ok(kept);
            }
            // A key was revoked while this one was read: it may have been this one.
            cache.invalidate(id).await;
        }
    }

    async fn read_key(&self, id: &ApiKeyId, now: Timestamp) -> Result<Arc<Kept>, StoreError> {
        let found = match self.keys.store.lookup(&self.cipher, id).await {
            Ok(found) => found,
            Err(error @ (StoreError::Unreadable { .. } | StoreError::Corrupt { .. })) => {
                tracing::error!(key = id.as_str(), %error, "an API key cannot be used");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Arc::new(Kept::new(found, now)))
    }

    async fn read_again(self, id: ApiKeyId, kept: Arc<Kept>) {
        let changes = self.keys.changes.load(Ordering::SeqCst);
        let now = self.clock.now();
        match self.read_key(&id, now).await {
            Ok(fresh) => {
                let noted = kept.noted_at.load(Ordering::Relaxed);
                fresh.noted_at.fetch_max(noted, Ordering::Relaxed);
                self.keys.kept.insert(id.clone(), fresh).await;
                if self.keys.changes.load(Ordering::SeqCst) != changes {
                    self.keys.kept.invalidate(&id).await;
                }
            }
            Err(error) => {
                tracing::warn!(key = id.as_str(), %error, "an API key could not be read again");
                // The next request tries again.
                kept.is_read_again.store(false, Ordering::SeqCst);
            }
        }
    }

    fn note_use(&self, kept: &Kept, key: &SafeApiKey, now: Timestamp) {
        let at = now.as_millis();
        let noted = kept.noted_at.load(Ordering::Relaxed);
        if at.saturating_sub(noted) < NOTED_EVERY {
            return;
        }
        let Ok(permit) = Arc::clone(&self.keys.noting).try_acquire_owned() else {
            return;
        };
        let mine = kept
            .noted_at
            .compare_exchange(noted, at, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_err() {
            return;
        }
        let (keys, id) = (Arc::clone(&self.keys), key.id.clone());
        tokio::spawn(async move {
            if let Err(error) = keys.store.used(&id, now).await {
                tracing::warn!(key = id.as_str(), %error, "the use of a key could not be noted");
            }
            drop(permit);
        });
    }
}

/// A failure that several requests met.
fn away(error: &StoreError) -> AuthenticationError {
    match error {
        StoreError::Unavailable { source } => AuthenticationError::Store(StoreError::Unavailable {
            source: source.clone(),
        }),
        StoreError::Database { source } => AuthenticationError::Store(StoreError::Database {
            source: source.clone(),
        }),
        // Looking a key up meets no others.
        _ => AuthenticationError::Refused,
    }
}
