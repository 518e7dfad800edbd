//! Pauses between repetitions: doubling, and drawn so that many callers do not come back at once.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use ring::rand::{SecureRandom, SystemRandom};

/// Draws pauses.
pub(crate) struct Backoff {
    base: Duration,
    state: AtomicU64,
}

impl Backoff {
    /// With a seed the pauses are the same in every run.
    pub(crate) fn new(base: Duration, seed: Option<u64>) -> Self {
        let seed = seed.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            // Without randomness the pauses are merely less spread.
            let _ = SystemRandom::new().fill(&mut bytes);
            u64::from_le_bytes(bytes)
        });
        Self {
            base,
            state: AtomicU64::new(seed),
        }
    }

    /// The pause before repetition `attempt`, counted from 0: between half of base × 2^attempt and
    /// all of it.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        let ceiling = self.base.saturating_mul(1 << attempt.min(16));
        let share = self.draw() >> 48; // 16 bits
        let share = u32::try_from(share).unwrap_or_default();
        ceiling / 2 + ceiling / 2 * share / (1 << 16)
    }

    // SplitMix64 (Steele, Lea, Flood 2014): good enough to spread callers, not for secrets.
    fn draw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self
            .state
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_spread_and_repeat_with_a_seed() {
        let base = Duration::from_millis(100);
        let pauses = |seed| {
            let backoff = Backoff::new(base, Some(seed));
            (0..4)
                .map(|attempt| backoff.pause(attempt))
                .collect::<Vec<_>>()
        };
        for (attempt, pause) in (0_u32..).zip(pauses(7)) {
            let ceiling = base * (1 << attempt);
            assert!(
                pause >= ceiling / 2 && pause <= ceiling,
                "{attempt}: {pause:?}"
            );
        }
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
        assert!(Backoff::new(base, None).pause(u32::MAX) > base);
    }
}
