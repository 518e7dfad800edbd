//! Taking other keys while the program runs, beside others that do the same at their own time.
//!
//! - A key is sealed with only when its canary is in the database, and the canary is written only
//!   when the key has been in use for reading for so long that everybody else has it too. Until
//!   then values go on being sealed with the key before it.
//! - A ring that could not open what is stored is refused; the one that is held stays.
//! - A key whose canary was there and is gone was retired by somebody: it is not sealed with again,
//!   and its canary is not written again, before the program is started anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::DatabaseConnection;

use crate::{
    CanaryError, Cipher, KeyId, KeyRing, StoreError,
    canary::{self, bounded},
    key_usage,
    query::Bounded,
};

/// What the keys that were taken are used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// New values are sealed with the ring's current key.
    Current,
    /// The ring's current key opens values already; new ones are sealed with `sealing` until
    /// everybody else can open them.
    Settling {
        /// The ring's current key.
        next: KeyId,
        /// The key that is sealed with.
        sealing: KeyId,
    },
    /// The ring's current key was retired by somebody. New values are sealed with `sealing`, or not
    /// at all if there is no key for that.
    Retired {
        /// The ring's current key.
        key: KeyId,
        /// The key that is sealed with.
        sealing: Option<KeyId>,
    },
}

/// Why keys were not taken. Those that are held stay.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// A key is missing, or is another one under its name, and values need it.
    #[error(
        "the key {key} is not among them any more, or is another one, and {values} stored values \
         need it; put it back"
    )]
    StillNeeded {
        /// The key.
        key: KeyId,
        /// How many values are sealed with it.
        values: u64,
    },
    /// The keys are not those of the database.
    #[error(transparent)]
    Canary(#[from] CanaryError),
}

impl From<StoreError> for KeyChangeError {
    fn from(error: StoreError) -> Self {
        Self::Canary(error.into())
    }
}

/// Gives a cipher the keys that it is to use.
pub struct KeyChanges {
    db: Bounded,
    cipher: Arc<Cipher>,
    settle: Duration,
    /// Since when each key of the ring has been there to read with.
    since: BTreeMap<KeyId, Instant>,
    /// Keys whose canary this process has seen.
    seen: BTreeSet<KeyId>,
}

impl KeyChanges {
    /// A cipher with these keys. `settle` is how long a new key is only read with: longer than
    /// anybody else who shares the database takes to notice it.
    ///
    /// Where nothing was ever sealed, the current key is used at once. Fails if the keys are not
    /// those of the database.
    pub async fn start(
        db: &DatabaseConnection,
        ring: KeyRing,
        settle: Duration,
    ) -> Result<(Self, KeyState), KeyChangeError> {
        let cipher = Arc::new(Cipher::new(ring.duplicate()));
        let mut changes = Self {
            db: bounded(db),
            cipher,
            settle,
            since: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        let state = changes.take(ring).await?;
        Ok((changes, state))
    }

    /// The cipher that is given the keys.
    #[must_use]
    pub fn cipher(&self) -> Arc<Cipher> {
        Arc::clone(&self.cipher)
    }

    /// Takes a ring, or looks again with the same one: to be called every few seconds, for what the
    /// others do is seen in the canaries.
    pub async fn take(&mut self, mut ring: KeyRing) -> Result<KeyState, KeyChangeError> {
        let canaries = canary::open_all(&canary::read(&self.db).await?, &ring)?;
        self.refuse_loss(&ring).await?;
        self.seen.extend(canaries.iter().cloned());

        let current = ring.current_id().clone();
        if canaries.contains(&current) {
            self.exchange(ring, true);
            return Ok(KeyState::Current);
        }
        let retired = self.seen.contains(&current);
        // What is sealed with now, or what somebody began to seal with last.
        let held = self.cipher.ring();
        let sealing = canaries
            .iter()
            .find(|id| *id == held.current_id())
            .or_else(|| canaries.first());
        let Some(sealing) = sealing.cloned() else {
            if retired {
                self.exchange(ring, false);
                return Ok(KeyState::Retired {
                    key: current,
                    sealing: None,
                });
            }
            return self.begin(ring, &current).await;
        };
        if !retired && self.is_settled(&current, &held, &ring) {
            return self.begin(ring, &current).await;
        }
        // Every canary was opened with a key of this ring.
        ring.promote(&sealing).ok();
        self.exchange(ring, true);
        Ok(if retired {
            KeyState::Retired {
                key: current,
                sealing: Some(sealing),
            }
        } else {
            KeyState::Settling {
                next: current,
                sealing,
            }
        })
    }

    /// Looks again with the keys that are held, where those that were given cannot be taken: a key
    /// that somebody retired meanwhile must not be sealed with all the same.
    pub async fn look(&mut self) -> Result<KeyState, KeyChangeError> {
        let held = self.cipher.ring().duplicate();
        self.take(held).await
    }

    /// Refuses a ring that lacks a key of the held one which values are sealed with.
    async fn refuse_loss(&self, ring: &KeyRing) -> Result<(), KeyChangeError> {
        let held = self.cipher.ring();
        let lost: Vec<_> = held
            .ids()
            .filter(|id| ring.key(id) != held.key(id))
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        let usage = key_usage::count(&self.db).await?;
        for key in lost {
            let values = usage.of(key);
            if values > 0 {
                let key = key.clone();
                return Err(KeyChangeError::StillNeeded { key, values });
            }
        }
        Ok(())
    }

    fn is_settled(&self, key: &KeyId, held: &KeyRing, ring: &KeyRing) -> bool {
        held.key(key) == ring.key(key)
            && self
                .since
                .get(key)
                .is_some_and(|since| since.elapsed() >= self.settle)
    }

    /// Begins to seal with the current key: its canary first, then the key.
    async fn begin(&mut self, ring: KeyRing, current: &KeyId) -> Result<KeyState, KeyChangeError> {
        canary::ensure(&self.db, &ring, current).await?;
        self.seen.insert(current.clone());
        self.exchange(ring, true);
        Ok(KeyState::Current)
    }

    fn exchange(&mut self, ring: KeyRing, sealing: bool) {
        let now = Instant::now();
        let held = self.cipher.ring();
        self.since
            .retain(|id, _| ring.contains(id) && held.key(id) == ring.key(id));
        for id in ring.ids() {
            self.since.entry(id.clone()).or_insert(now);
        }
        self.cipher.exchange(ring, sealing);
    }
}
