//! Pauses between the writes of a credential, over all its sessions.
//!
//! - Every write has a slot; the next one begins a pause later. A slot whose writer gave up stays
//!   empty.
//! - Kept are only the slots that lie ahead.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::rate_limit::CredentialKey;

/// From how many credentials on those without a slot ahead are forgotten.
const TIDY_FROM: usize = 256;

/// Gives out slots.
pub(crate) struct Pacer {
    pause: Duration,
    /// When the next slot of a credential begins.
    next: Mutex<HashMap<CredentialKey, Instant>>,
}

impl Pacer {
    pub(crate) fn new(pause: Duration) -> Self {
        Self {
            pause,
            next: Mutex::default(),
        }
    }

    /// Takes the next slot, if it begins by `latest`; else how long it takes until there is one.
    pub(crate) fn slot(&self, key: CredentialKey, latest: Instant) -> Result<Instant, Duration> {
        let now = Instant::now();
        if self.pause.is_zero() {
            return Ok(now);
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= TIDY_FROM {
            next.retain(|_, next| *next > now);
        }
        let slot = next.get(&key).copied().unwrap_or(now).max(now);
        if slot > latest {
            return Err(slot - now);
        }
        next.insert(key, slot + self.pause);
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn writes_of_a_credential_come_one_pause_after_the_other() {
        let pacer = Pacer::new(SECOND);
        let (a, b) = (CredentialKey::of(b"a"), CredentialKey::of(b"b"));
        let (start, latest) = (Instant::now(), Instant::now() + SECOND * 2);
        for slot in 0..3 {
            assert_eq!(pacer.slot(a, latest), Ok(start + SECOND * slot));
        }
        assert_eq!(pacer.slot(a, latest), Err(SECOND * 3));
        assert_eq!(pacer.slot(a, latest), Err(SECOND * 3), "no slot was taken");
        assert_eq!(pacer.slot(b, latest), Ok(start));
        tokio::time::advance(SECOND * 5).await;
        let now = start + SECOND * 5;
        assert_eq!(
            pacer.slot(a, now),
            Ok(now),
            "what has passed is not saved up"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_that_do_not_write_are_forgotten() {
        let pacer = Pacer::new(SECOND);
        for i in 0..2_000_u32 {
            let key = CredentialKey::of(&i.to_be_bytes());
            assert!(pacer.slot(key, Instant::now()).is_ok());
            tokio::time::advance(SECOND / 2).await;
        }
        assert!(pacer.next.lock().unwrap().len() <= TIDY_FROM);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pause_there_are_no_slots() {
        let pacer = Pacer::new(Duration::ZERO);
        let key = CredentialKey::of(b"a");
        for _ in 0..3 {
            assert_eq!(pacer.slot(key, Instant::now()), Ok(Instant::now()));
        }
        assert!(pacer.next.lock().unwrap().is_empty());
    }
}
