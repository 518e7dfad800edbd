//! Where a renewal can die, and how a test makes it: the task stops there for good and gives nothing
//! back, as it is when a process is killed.

#[cfg(any(test, debug_assertions, feature = "faults"))]
use std::sync::Arc;

use super::Renewals;

/// A place in a renewal.
#[cfg_attr(
    not(any(test, debug_assertions, feature = "faults")),
    expect(unreachable_pub, reason = "public for tests only")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalStep {
    /// The lease is taken.
    Acquired,
    /// It is noted that the host is called; it has not been yet.
    InFlight,
    /// The host has answered; nothing is stored of it.
    Answered,
    /// The new credential is stored; the lease is not given back.
    Stored,
}

#[cfg(any(test, debug_assertions, feature = "faults"))]
impl RenewalStep {
    /// What whoever kills a process at this place calls it.
    #[must_use]
    pub fn point(self) -> &'static str {
        match self {
            Self::Acquired => "renewal:acquired",
            Self::InFlight => "renewal:in-flight",
            Self::Answered => "renewal:answered",
            Self::Stored => "renewal:stored",
        }
    }
}

/// Says whether to stop at a step.
#[cfg(any(test, debug_assertions, feature = "faults"))]
pub(super) type Stop = Arc<dyn Fn(RenewalStep) -> bool + Send + Sync>;

#[cfg(any(test, debug_assertions, feature = "faults"))]
impl Renewals {
    pub(crate) fn set_stop(&mut self, stop: impl Fn(RenewalStep) -> bool + Send + Sync + 'static) {
        self.stop = Some(Arc::new(stop));
    }

    pub(super) async fn pass(&self, step: RenewalStep) {
        if self.stop.as_ref().is_some_and(|stop| stop(step)) {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(any(test, debug_assertions, feature = "faults")))]
impl Renewals {
    #[expect(clippy::unused_async, reason = "waits where tests make it")]
    pub(super) async fn pass(&self, _step: RenewalStep) {}
}
