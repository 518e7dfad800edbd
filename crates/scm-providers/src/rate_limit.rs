//! How much each credential may still ask.
//!
//! - A call that is known to be over its limit is refused here and never sent; going on in spite of
//!   a limit can get an account banned.
//! - Credentials are told apart by a keyed hash; neither they nor a plain hash of them are kept.
//! - A bounded number of credentials is remembered; a forgotten one is merely told again.

use std::{
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};

use moka::{future::Cache, ops::compute::Op};
use ring::{hmac, rand::SystemRandom};
use scm_types::{Clock, Timestamp};

use crate::ProviderError;

const MAX_CREDENTIALS: u64 = 10_000;
/// Longer than any pause that is kept.
const FORGET_AFTER: Duration = Duration::from_hours(25);
/// A growing pause ends here.
const MAX_GROWN: Duration = Duration::from_hours(1);
/// The shortest pause.
const MIN: Duration = Duration::from_secs(1);

/// Stands for a credential on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CredentialKey([u8; 16]);

impl CredentialKey {
    /// The key of host and credential.
    pub(crate) fn of(credential: &[u8]) -> Self {
        // The same within the process, useless outside it.
        static KEY: LazyLock<Option<hmac::Key>> =
            LazyLock::new(|| hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok());
        let key = KEY.as_ref();
        let fallback;
        let key = if let Some(key) = key {
            key
        } else {
            fallback = hmac::Key::new(hmac::HMAC_SHA256, b"no randomness");
            &fallback
        };
        let tag = hmac::sign(key, credential);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&tag.as_ref()[..16]);
        Self(bytes)
    }
}

/// What an answer says about the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Nothing in the way.
    Clear,
    /// Answered, but it was the last one until then.
    Exhausted {
        /// When the limit starts anew.
        until: Timestamp,
    },
    /// Refused, with a time.
    Refused {
        /// How long to wait.
        wait: Duration,
    },
    /// Refused without a time: the pause starts here and doubles with each further refusal, up to
    /// an hour.
    RefusedGrowing {
        /// The first pause.
        first: Duration,
    },
}

#[derive(Debug, Clone, Copy, Default)]
struct Budget {
    closed_until: Option<Timestamp>,
    refusals: u32,
}

/// The budgets of all credentials. Takes no memory before the first limit.
pub(crate) struct Budgets {
    clock: Arc<dyn Clock>,
    known: OnceLock<Cache<CredentialKey, Budget>>,
}

impl Budgets {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            known: OnceLock::new(),
        }
    }

    /// Refuses a call that is known to be over the limit.
    pub(crate) async fn check(&self, key: CredentialKey) -> Result<(), ProviderError> {
        let Some(known) = self.known.get() else {
            return Ok(());
        };
        let closed_until = known.get(&key).await.and_then(|budget| budget.closed_until);
        let wait = closed_until.map_or(Duration::ZERO, |until| self.clock.now().until(until));
        if wait.is_zero() {
            Ok(())
        } else {
            Err(ProviderError::RateLimited {
                retry_after: wait.max(MIN),
            })
        }
    }

    /// Takes note of an answer; `Some` is how long to wait if it was a refusal.
    pub(crate) async fn note(&self, key: CredentialKey, limit: Limit) -> Option<Duration> {
        if limit == Limit::Clear && self.known.get().is_none() {
            return None;
        }
        let now = self.clock.now();
        let known = self.known.get_or_init(|| {
            Cache::builder()
                .max_capacity(MAX_CREDENTIALS)
                .time_to_live(FORGET_AFTER)
                .build()
        });
        let mut told = None;
        known
            .entry(key)
            .and_compute_with(|entry| {
                let before = entry.map(moka::Entry::into_value);
                let (after, wait) = advance(before.unwrap_or_default(), limit, now);
                told = wait;
                std::future::ready(match (after, before) {
                    (Some(after), _) => Op::Put(after),
                    (None, Some(_)) => Op::Remove,
                    (None, None) => Op::Nop,
                })
            })
            .await;
        told
    }
}

/// The budget after an answer, `None` if there is nothing to remember, and the wait of a refusal.
fn advance(before: Budget, limit: Limit, now: Timestamp) -> (Option<Budget>, Option<Duration>) {
    // What comes while it is closed was under way before: calls made together count once, and a
    // wait is never shortened.
    let is_closed = before.closed_until.is_some_and(|until| until > now);
    let refused = |wait: Duration| {
        let until = now.plus(wait);
        let until = before
            .closed_until
            .map_or(until, |before| before.max(until));
        let after = Budget {
            closed_until: Some(until),
            refusals: before.refusals.saturating_add(u32::from(!is_closed)),
        };
        (Some(after), Some(now.until(until)))
    };
    match limit {
        Limit::Clear if is_closed => (Some(before), None),
        Limit::Clear => (None, None),
        Limit::Exhausted { until } => {
            let after = Budget {
                closed_until: before.closed_until.max(Some(until)),
                refusals: if is_closed { before.refusals } else { 0 },
            };
            (Some(after), None)
        }
        Limit::Refused { wait } => refused(wait.max(MIN)),
        Limit::RefusedGrowing { .. } if is_closed => refused(Duration::ZERO),
        Limit::RefusedGrowing { first } => {
            let grown = first.saturating_mul(1 << before.refusals.min(12));
            refused(grown.min(MAX_GROWN).max(MIN))
        }
    }
}

/// The wait until a point in seconds since the epoch, and a second more; at most a day.
pub(crate) fn until_epoch(seconds: i64, now: Timestamp) -> Option<Timestamp> {
    let reset = Timestamp::from_millis(seconds.checked_mul(1_000)?)?;
    let day = now.plus(Duration::from_hours(24));
    Some(reset.plus(MIN).min(day))
}

#[cfg(test)]
mod tests {
    use scm_types::FixedClock;

    use super::*;

    fn start() -> (Arc<FixedClock>, Budgets, CredentialKey) {
        let at = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
        let clock = Arc::new(FixedClock::at(at));
        let budgets = Budgets::new(Arc::clone(&clock) as Arc<dyn Clock>);
        (clock, budgets, CredentialKey::of(b"a"))
    }

    #[tokio::test]
    async fn a_refusal_closes_until_its_time_and_only_for_its_credential() {
        let (clock, budgets, key) = start();
        let wait = Duration::from_secs(42);
        assert_eq!(budgets.note(key, Limit::Refused { wait }).await, Some(wait));
        let refused = budgets.check(key).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(wait));
        assert!(budgets.check(CredentialKey::of(b"b")).await.is_ok());
        clock.advance(wait);
        assert!(budgets.check(key).await.is_ok());
    }

    #[tokio::test]
    async fn the_last_answer_is_good_and_the_next_call_is_refused() {
        let (clock, budgets, key) = start();
        let until = clock.now().plus(Duration::from_secs(10));
        assert_eq!(budgets.note(key, Limit::Exhausted { until }).await, None);
        assert!(budgets.check(key).await.is_err());
        clock.advance(Duration::from_secs(10));
        assert!(budgets.check(key).await.is_ok());
    }

    #[tokio::test]
    async fn refusals_without_a_time_double_to_an_hour_and_start_anew_after_an_answer() {
        let (clock, budgets, key) = start();
        let first = Duration::from_mins(1);
        let growing = Limit::RefusedGrowing { first };
        for want in [60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            let wait = budgets.note(key, growing).await.unwrap();
            assert_eq!(wait.as_secs(), want);
            clock.advance(wait);
        }
        assert_eq!(budgets.note(key, Limit::Clear).await, None);
        assert_eq!(budgets.note(key, growing).await, Some(first));
    }

    #[tokio::test]
    async fn refusals_of_calls_that_were_under_way_together_count_once() {
        let (clock, budgets, key) = start();
        let first = Duration::from_mins(1);
        let growing = Limit::RefusedGrowing { first };
        for _ in 0..8 {
            assert_eq!(budgets.note(key, growing).await, Some(first));
        }
        clock.advance(Duration::from_secs(20));
        let left = Duration::from_secs(40);
        assert_eq!(budgets.note(key, growing).await, Some(left));
        clock.advance(left);
        assert_eq!(budgets.note(key, growing).await, Some(first * 2));
    }

    #[tokio::test]
    async fn a_straggler_does_not_shorten_a_wait() {
        let (clock, budgets, key) = start();
        let (hour, second) = (Duration::from_hours(1), Duration::from_secs(1));
        let refused = |wait| Limit::Refused { wait };
        assert_eq!(budgets.note(key, refused(hour)).await, Some(hour));
        assert_eq!(budgets.note(key, refused(second)).await, Some(hour));
        let until = clock.now().plus(second);
        budgets.note(key, Limit::Exhausted { until }).await;
        clock.advance(second);
        let error = budgets.check(key).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(hour.checked_sub(second).unwrap()));
        // The other way round the longer one counts, too.
        let day = Duration::from_hours(24);
        assert_eq!(budgets.note(key, refused(day)).await, Some(day));
    }

    #[tokio::test]
    async fn a_last_good_answer_under_way_does_not_reset_the_growth() {
        let (clock, budgets, key) = start();
        let first = Duration::from_mins(1);
        let growing = Limit::RefusedGrowing { first };
        budgets.note(key, growing).await;
        let until = clock.now().plus(Duration::from_secs(5));
        budgets.note(key, Limit::Exhausted { until }).await;
        clock.advance(first);
        assert_eq!(budgets.note(key, growing).await, Some(first * 2));
    }

    #[tokio::test]
    async fn a_late_good_answer_does_not_lift_a_newer_refusal() {
        let (_, budgets, key) = start();
        let wait = Duration::from_secs(30);
        budgets.note(key, Limit::Refused { wait }).await;
        budgets.note(key, Limit::Clear).await;
        assert!(budgets.check(key).await.is_err());
    }

    #[test]
    fn resets_are_believed_for_a_day() {
        let now = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
        let epoch = now.as_millis() / 1_000;
        let wait = |seconds| until_epoch(seconds, now).map(|at| now.until(at).as_secs());
        assert_eq!(wait(epoch + 60), Some(61));
        assert_eq!(wait(epoch - 60), Some(0));
        assert_eq!(wait(epoch + 10_000_000), Some(86_400));
        assert_eq!(wait(i64::MAX), None);
    }
}
