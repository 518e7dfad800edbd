//! Where the keys come from: they are given, or published at an address.
//!
//! - A published set is fetched again when it is [`AGE`] old, beside the requests, and at once for
//!   a key that it does not have; never sooner than [`FLOOR`] after the last attempt, whatever
//!   tokens come.
//! - While the address does not answer, known keys go on for as long as the settings say, from the
//!   last time that it did.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use scm_providers::transport::Fetcher;
use scm_types::{Clock, Timestamp};
use tokio::sync::Mutex;

use super::{JwtAlgorithm, key::JwtKey};

/// How old a set may be before it is fetched again.
const AGE: Duration = Duration::from_mins(5);

/// The least time between two attempts to fetch it.
const FLOOR: Duration = Duration::from_secs(10);

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The keys are known, and it is none of them.
    Unknown,
    /// The keys are not known: the address has never answered, or not for too long.
    Away,
}

/// Keys, and how to come by others.
pub(super) enum KeySet {
    Given(Vec<Arc<JwtKey>>),
    Published(Arc<Published>),
}

/// A set at an address.
pub(super) struct Published {
    fetcher: Fetcher,
    clock: Arc<dyn Clock>,
    /// How long keys are used since the address last answered.
    life: Duration,
    known: RwLock<Known>,
    /// When it was last tried. Held by the one that fetches.
    tried_at: Mutex<Option<Timestamp>>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Vec<Arc<JwtKey>>,
    fetched_at: Option<Timestamp>,
}

impl Published {
    pub(super) fn new(fetcher: Fetcher, life: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            fetcher,
            clock,
            life,
            known: RwLock::default(),
            tried_at: Mutex::default(),
        }
    }

    fn known(&self) -> Known {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Fetches the set unless that was tried a moment ago, or somebody else has done it while this
    /// one waited.
    async fn fetch(&self, seen: Option<Timestamp>) {
        let mut tried_at = self.tried_at.lock().await;
        let now = self.clock.now();
        if self.known().fetched_at != seen || tried_at.is_some_and(|at| at.until(now) < FLOOR) {
            return;
        }
        *tried_at = Some(now);
        let document = self.fetcher.get().await.map_err(|error| error.to_string());
        let keys = document
            .and_then(|document| super::key::key_set(&document).map_err(|error| error.to_string()));
        match keys {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "fetched the key set of tokens");
                let known = Known {
                    keys: keys.into_iter().map(Arc::new).collect(),
                    fetched_at: Some(now),
                };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
            }
            Err(error) => {
                tracing::warn!(
                    error,
                    "the key set of tokens (auth.jwt.jwks_url) cannot be fetched"
                );
            }
        }
    }
}

impl KeySet {
    /// The key of a token.
    pub(super) async fn key(
        &self,
        id: Option<&str>,
        algorithm: JwtAlgorithm,
    ) -> Result<Arc<JwtKey>, NoKey> {
        let published = match self {
            Self::Given(keys) => return choose(keys, id, algorithm).ok_or(NoKey::Unknown),
            Self::Published(published) => published,
        };
        let now = published.clock.now();
        let mut known = published.known();
        let age = known.fetched_at.map(|at| at.until(now));
        let usable = |known: &Known| {
            known
                .fetched_at
                .is_some_and(|at| at.until(now) < published.life)
        };
        if usable(&known)
            && let Some(key) = choose(&known.keys, id, algorithm)
        {
            if age.is_none_or(|age| age >= AGE) {
                let (published, seen) = (Arc::clone(published), known.fetched_at);
                tokio::spawn(async move { published.fetch(seen).await });
            }
            return Ok(key);
        }
        published.fetch(known.fetched_at).await;
        known = published.known();
        if !usable(&known) {
            return Err(NoKey::Away);
        }
        choose(&known.keys, id, algorithm).ok_or(NoKey::Unknown)
    }
}

/// The key of this id, or the only one that is for the algorithm where the token or the key names
/// none.
fn choose(keys: &[Arc<JwtKey>], id: Option<&str>, algorithm: JwtAlgorithm) -> Option<Arc<JwtKey>> {
    let mut fitting = keys.iter().filter(|key| {
        let same = match (id, key.id.as_deref()) {
            (Some(id), Some(own)) => id == own,
            _ => true,
        };
        same && key.takes(algorithm)
    });
    let first = fitting.next()?;
    // A named one comes before those without a name.
    if let Some(named) = std::iter::once(first)
        .chain(fitting.clone())
        .find(|key| id.is_some() && key.id.as_deref() == id)
    {
        return Some(Arc::clone(named));
    }
    fitting.next().is_none().then(|| Arc::clone(first))
}
