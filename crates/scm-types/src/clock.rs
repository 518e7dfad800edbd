//! Time as a parameter: nothing below the binary asks the machine for it.

use crate::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }
}

/// A clock that stands still until it is moved.
#[cfg(feature = "test")]
#[derive(Debug)]
pub struct FixedClock(std::sync::atomic::AtomicI64);

#[cfg(feature = "test")]
impl FixedClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self(at.as_millis().into())
    }

    /// Sets the clock, forward or back.
    pub fn set(&self, at: Timestamp) {
        self.0
            .store(at.as_millis(), std::sync::atomic::Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        let later = self.now().plus(by).as_millis();
        self.0.store(later, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "test")]
impl Clock for FixedClock {
    #[expect(
        clippy::expect_used,
        reason = "only values that came from a Timestamp are stored"
    )]
    fn now(&self) -> Timestamp {
        let millis = self.0.load(std::sync::atomic::Ordering::SeqCst);
        Timestamp::from_millis(millis).expect("stored from a Timestamp")
    }
}
