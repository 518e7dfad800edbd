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

    /// Takes the next slots, so many, if the last of them begins by `latest`; else how much too late
    /// it would be.
    pub(crate) fn slots(
        &self,
        key: CredentialKey,
        count: u32,
        now: Instant,
        latest: Instant,
    ) -> Result<Vec<Instant>, Duration> {
        if self.pause.is_zero() || count == 0 {
            return Ok(vec![now; count as usize]);
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= TIDY_FROM {
            next.retain(|_, next| *next > now);
        }
        let first = next.get(&key).copied().unwrap_or(now).max(now);
        let last = first + self.pause * (count - 1);
        if last > latest {
            return Err(last - latest);
        }
        next.insert(key, last + self.pause);
        Ok((0..count).map(|slot| first + self.pause * slot).collect())
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
        let latest = start + SECOND * 3;
        let at = |slots: &[u32]| Ok(slots.iter().map(|slot| start + SECOND * *slot).collect());
        assert_eq!(pacer.slots(a, 1, start, latest), at(&[0]));
        assert_eq!(pacer.slots(a, 2, start, latest), at(&[1, 2]));
        for _ in 0..2 {
            let late = pacer.slots(a, 3, start, latest);
            assert_eq!(late, Err(SECOND * 2), "all of them or none");
        }
        assert_eq!(pacer.slots(a, 1, start, latest), at(&[3]));
        assert_eq!(pacer.slots(b, 1, start, latest), at(&[0]));
        // What has passed is not saved up.
        let later = start + SECOND * 9;
        assert_eq!(pacer.slots(a, 1, later, later), Ok(vec![later]));
        assert_eq!(pacer.slots(a, 1, later, later), Err(SECOND));
    }

    #[test]
    fn credentials_that_do_not_write_are_forgotten() {
        let pacer = Pacer::new(SECOND);
        let mut now = Instant::now();
        for i in 0..2_000_u32 {
            let key = CredentialKey::of(&i.to_be_bytes());
            assert_eq!(pacer.slots(key, 1, now, now), Ok(vec![now]));
            now += SECOND / 2;
        }
        assert!(pacer.next.lock().unwrap().len() <= TIDY_FROM);
    }

    #[test]
    fn without_a_pause_there_are_no_slots() {
        let pacer = Pacer::new(Duration::ZERO);
        let (key, now) = (CredentialKey::of(b"a"), Instant::now());
        for _ in 0..3 {
            assert_eq!(pacer.slots(key, 1, now, now), Ok(vec![now]));
        }
        assert!(pacer.next.lock().unwrap().is_empty());
    }
}
