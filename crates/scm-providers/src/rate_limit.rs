//! How much each credential may still ask.
//!
//! - A call that is known to be over its limit is refused here and never sent; going on in spite of
//!   a limit can get an account banned.
//! - Where a host tells how many calls are left, that is kept until its limit starts anew, and a
//!   sequence of calls that they are not enough for is refused before it begins. Answers come in any
//!   order, so within such a window the lowest number counts.
//! - Calls that nobody waits for leave a fifth of a credential's limit to those that somebody waits
//!   for.
//! - Credentials are told apart by a keyed hash; neither they nor a plain hash of them are kept.
//! - A bounded number of credentials is remembered; a forgotten one is merely told again.

#[cfg(test)]
mod tests;
mod window;

use std::{
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};

use moka::{future::Cache, ops::compute::Op};
use ring::{hmac, rand::SystemRandom};
use scm_types::{Clock, Timestamp};

use crate::{
    ProviderError,
    transport::{Answer, parse_retry_after},
};
use window::{Window, lowest};

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
    /// Answered, and so many are left until then.
    Left {
        /// How many more calls there are.
        calls: u32,
        /// How many there are in all, if the host tells.
        of: Option<u32>,
        /// When the limit starts anew.
        until: Timestamp,
    },
    /// Answered, but it was the last one until then.
    Exhausted {
        /// When the limit starts anew.
        until: Timestamp,
    },
    /// Answered, and little is left; the host tells neither how much nor until when.
    Near {
        /// How long that is believed.
        wait: Duration,
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
    window: Option<Window>,
    /// Until when little is left, where no window is told.
    near_until: Option<Timestamp>,
}

/// The budgets of all credentials. Takes no memory before the first limit that is told.
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

    /// Refuses a call that nobody waits for, if what is known to be left is for those that somebody
    /// waits for.
    pub(crate) async fn check_background(&self, key: CredentialKey) -> Result<(), ProviderError> {
        let Some(known) = self.known.get() else {
            return Ok(());
        };
        let Some(budget) = known.get(&key).await else {
            return Ok(());
        };
        let window = budget.window.filter(|window| window.in_background() == 0);
        let until = window.map(|window| window.until).max(budget.near_until);
        let wait = until.map_or(Duration::ZERO, |until| self.clock.now().until(until));
        if wait.is_zero() {
            return Ok(());
        }
        Err(ProviderError::RateLimited {
            retry_after: wait.max(MIN),
        })
    }

    /// Sets calls aside; fails if it is known that fewer are left, or none.
    pub(crate) async fn reserve(
        &self,
        key: CredentialKey,
        calls: u32,
    ) -> Result<(), ProviderError> {
        self.check(key).await?;
        self.set_aside(key, calls, |window| window.calls).await
    }

    /// The same for calls that nobody waits for.
    pub(crate) async fn reserve_background(
        &self,
        key: CredentialKey,
        calls: u32,
    ) -> Result<(), ProviderError> {
        self.check(key).await?;
        self.check_background(key).await?;
        self.set_aside(key, calls, Window::in_background).await
    }

    async fn set_aside(
        &self,
        key: CredentialKey,
        calls: u32,
        left: fn(Window) -> u32,
    ) -> Result<(), ProviderError> {
        let Some(known) = self.known.get() else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut outcome = Ok(());
        known
            .entry(key)
            .and_compute_with(|entry| {
                let mut budget = entry.map(moka::Entry::into_value);
                let window = budget.as_mut().and_then(|budget| budget.window.as_mut());
                let op = match window.filter(|window| window.until > now) {
                    Some(window) if left(*window) < calls => {
                        let retry_after = now.until(window.until).max(MIN);
                        outcome = Err(ProviderError::RateLimited { retry_after });
                        None
                    }
                    Some(window) => {
                        window.calls -= calls;
                        budget
                    }
                    None => None,
                };
                std::future::ready(op.map_or(Op::Nop, Op::Put))
            })
            .await;
        outcome
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
    let before = Budget {
        window: before.window.filter(|window| window.until > now),
        ..before
    };
    let refused = |wait: Duration| {
        let until = now.plus(wait);
        let until = before
            .closed_until
            .map_or(until, |before| before.max(until));
        let after = Budget {
            closed_until: Some(until),
            refusals: before.refusals.saturating_add(u32::from(!is_closed)),
            ..before
        };
        (Some(after), Some(now.until(until)))
    };
    let answered = |window: Option<Window>| {
        let near_until = before.near_until.filter(|until| *until > now);
        let kept = if is_closed { before } else { Budget::default() };
        let after = Budget {
            window,
            near_until,
            ..kept
        };
        (is_closed || window.is_some() || near_until.is_some()).then_some(after)
    };
    match limit {
        Limit::Clear => (answered(before.window), None),
        Limit::Left { calls, of, until } => {
            let told = Window { calls, of, until };
            (answered(lowest(before.window, told, now)), None)
        }
        Limit::Near { wait } => {
            let after = Budget {
                near_until: Some(now.plus(wait)),
                ..answered(before.window).unwrap_or_default()
            };
            (Some(after), None)
        }
        Limit::Exhausted { until } => {
            let spent = Window {
                calls: 0,
                of: None,
                until,
            };
            let after = Budget {
                closed_until: before.closed_until.max(Some(until)),
                refusals: if is_closed { before.refusals } else { 0 },
                window: lowest(before.window, spent, now),
                ..before
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

/// The limit of a host that tells of it only by refusing, with 429; `first` is the first pause where
/// it names no time.
pub(crate) fn by_refusal(answer: &Answer, now: Timestamp, first: Duration) -> Limit {
    if answer.status.as_u16() != 429 {
        return Limit::Clear;
    }
    let wait = answer.header("retry-after");
    let wait = wait.and_then(|value| parse_retry_after(value, now));
    wait.map_or(Limit::RefusedGrowing { first }, |wait| Limit::Refused {
        wait,
    })
}

/// A number of calls that a host says are left.
pub(crate) fn remaining(calls: i64) -> Option<u32> {
    (calls >= 0).then(|| u32::try_from(calls).unwrap_or(u32::MAX))
}

/// The wait until a point in seconds since the epoch, and a second more; at most a day.
pub(crate) fn until_epoch(seconds: i64, now: Timestamp) -> Option<Timestamp> {
    let reset = Timestamp::from_millis(seconds.checked_mul(1_000)?)?;
    let day = now.plus(Duration::from_hours(24));
    Some(reset.plus(MIN).min(day))
}
