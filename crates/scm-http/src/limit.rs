//! How often somebody may do something: the generic cell rate algorithm, one number for each key.
//!
//! - What is refused costs nothing: who is asked to wait and waits is let in.
//! - The memory is bounded. When it is full, keys that have waited long enough go first.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
};

use scm_types::Timestamp;

/// Keys that are kept, over all shards.
const CAPACITY: usize = 65_536;
const SHARDS: usize = 16;

/// So much in a minute, evenly, and as much at once.
pub(crate) struct Limiter<K> {
    limit: u32,
    /// How long one takes, in microseconds.
    each: i64,
    hasher: RandomState,
    /// By key, when all that it did is worn off, in microseconds.
    shards: [Mutex<HashMap<K, i64>>; SHARDS],
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// How much is allowed at once.
    pub(crate) limit: u32,
    /// How much is left of it.
    pub(crate) remaining: u32,
    /// In how many seconds all of it is there again.
    pub(crate) reset: u64,
    /// In how many seconds to come back; `None` if it is allowed now.
    pub(crate) wait: Option<u64>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    pub(crate) fn per_minute(limit: NonZeroU32) -> Self {
        Self {
            limit: limit.get(),
            each: (60_000_000 / i64::from(limit.get())).max(1),
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Takes one, if there is one left.
    pub(crate) fn take(&self, key: &K, now: Timestamp) -> Taken {
        let now = now.as_millis().saturating_mul(1_000);
        let all = self.each * i64::from(self.limit);
        let shard = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get(shard) else {
            return self.told(0, None);
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        // Never further away than all of it: the clock may have gone back.
        let worn_off = shard.get(key).copied().unwrap_or(now);
        let worn_off = worn_off.clamp(now, now.saturating_add(all));
        let then = worn_off + self.each;
        let over = then - now - all;
        if over > 0 {
            return self.told(worn_off - now, Some(over));
        }
        if shard.len() >= CAPACITY / SHARDS && !shard.contains_key(key) {
            make_room(&mut shard, now);
        }
        shard.insert(key.clone(), then);
        self.told(then - now, None)
    }

    fn told(&self, used: i64, over: Option<i64>) -> Taken {
        let taken = used.div_euclid(self.each) + i64::from(used.rem_euclid(self.each) > 0);
        let taken = u32::try_from(taken).unwrap_or(self.limit);
        Taken {
            limit: self.limit,
            remaining: self.limit.saturating_sub(taken),
            reset: seconds(used),
            wait: over.map(|over| seconds(over).max(1)),
        }
    }
}

/// Whole seconds, upwards.
fn seconds(micros: i64) -> u64 {
    u64::try_from(micros.max(0))
        .unwrap_or_default()
        .div_ceil(1_000_000)
}

fn make_room<K: Hash + Eq + Clone>(shard: &mut HashMap<K, i64>, now: i64) {
    shard.retain(|_, worn_off| *worn_off > now);
    if shard.len() >= CAPACITY / SHARDS {
        // All of them are at work: some start anew, by chance.
        let some: Vec<_> = shard.keys().take(CAPACITY / SHARDS / 8).cloned().collect();
        for key in some {
            shard.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis).unwrap()
    }

    #[test]
    fn as_much_at_once_and_then_evenly() {
        let limiter = Limiter::per_minute(NonZeroU32::new(3).unwrap());
        let take = |millis| {
            let taken = limiter.take(&"a", at(millis));
            (taken.remaining, taken.reset, taken.wait)
        };
        assert_eq!(take(0), (2, 20, None));
        assert_eq!(take(0), (1, 40, None));
        assert_eq!(take(0), (0, 60, None));
        for _ in 0..100 {
            assert_eq!(take(0), (0, 60, Some(20)), "what is refused costs nothing");
        }
        assert_eq!(take(19_999), (0, 41, Some(1)));
        assert_eq!(take(20_000), (0, 60, None));
        assert_eq!(take(20_001), (0, 60, Some(20)));
        assert_eq!(take(200_000), (2, 20, None));
        assert_eq!(
            limiter.take(&"b", at(200_000)).remaining,
            2,
            "others do not matter"
        );
        assert_eq!(
            take(0).2,
            Some(20),
            "a clock that goes back locks nobody out for long"
        );
    }

    #[test]
    fn the_memory_is_bounded() {
        let limiter = Limiter::per_minute(NonZeroU32::new(1).unwrap());
        for key in 0..(2 * CAPACITY) {
            limiter.take(&key, at(0));
        }
        let kept: usize = limiter
            .shards
            .iter()
            .map(|shard| shard.lock().unwrap().len())
            .sum();
        assert!((CAPACITY / 2..=CAPACITY).contains(&kept), "{kept}");
    }
}
