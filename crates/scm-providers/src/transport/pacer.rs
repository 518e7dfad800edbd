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
    pub(crate) fn slot(
        &self,
        key: CredentialKey,
        now: Instant,
        latest: Instant,
    ) -> Result<Instant, Duration> {
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

    #[test]
    fn writes_of_a_credential_come_one_pause_after_the_other() {
        let pacer = Pacer::new(SECOND);
        let (a, b) = (CredentialKey::of(b"a"), CredentialKey::of(b"b"));
        let start = Instant::now();
        let latest = start + SECOND * 2;
        for slot in 0..3 {
            assert_eq!(pacer.slot(a, start, latest), Ok(start + SECOND * slot));
        }
        for _ in 0..2 {
            assert_eq!(pacer.slot(a, start, latest), Err(SECOND * 3));
        }
        assert_eq!(pacer.slot(b, start, latest), Ok(start));
        let later = start + SECOND * 5;
        for slot in 0..2 {
            let slot = later + SECOND * slot; // what has passed is not saved up
            assert_eq!(pacer.slot(a, later, slot), Ok(slot));
        }
    }

    #[test]
    fn credentials_that_do_not_write_are_forgotten() {
        let pacer = Pacer::new(SECOND);
        let mut now = Instant::now();
        for i in 0..2_000_u32 {
            let key = CredentialKey::of(&i.to_be_bytes());
            assert_eq!(pacer.slot(key, now, now), Ok(now));
            now += SECOND / 2;
        }
        assert!(pacer.next.lock().unwrap().len() <= TIDY_FROM);
    }

    #[test]
    fn without_a_pause_there_are_no_slots() {
        let pacer = Pacer::new(Duration::ZERO);
        let (key, now) = (CredentialKey::of(b"a"), Instant::now());
        for _ in 0..3 {
            assert_eq!(pacer.slot(key, now, now), Ok(now));
        }
        assert!(pacer.next.lock().unwrap().is_empty());
    }
}
