//! Where a delivery can be when a process is killed, and how a test gets to know that it is there.

#[cfg(any(test, debug_assertions, feature = "faults"))]
use std::sync::Arc;

/// A place between the arrival of a delivery and its end.
#[cfg_attr(
    not(any(test, debug_assertions, feature = "faults")),
    expect(unreachable_pub, reason = "public for tests only")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStep {
    /// It is stored; the host has no answer yet.
    Stored,
    /// Somebody has taken it to process it.
    Claimed,
    /// What it tells is known, and what it changes is changed; nothing says so yet.
    Processed,
    /// Its events are told, and it is done.
    Settled,
}

#[cfg(any(test, debug_assertions, feature = "faults"))]
impl DeliveryStep {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Stored, Self::Claimed, Self::Processed, Self::Settled];

    /// What whoever kills a process at this place calls it.
    #[must_use]
    pub fn point(self) -> &'static str {
        match self {
            Self::Stored => "delivery:stored",
            Self::Claimed => "delivery:claimed",
            Self::Processed => "delivery:processed",
            Self::Settled => "delivery:settled",
        }
    }
}

/// Who is told of each step. Nobody but a test.
#[derive(Default)]
pub(crate) struct Watcher {
    #[cfg(any(test, debug_assertions, feature = "faults"))]
    told: Option<Told>,
}

/// What a test does at a step.
#[cfg(any(test, debug_assertions, feature = "faults"))]
pub(crate) type Told = Arc<dyn Fn(DeliveryStep) + Send + Sync>;

#[cfg(any(test, debug_assertions, feature = "faults"))]
impl Watcher {
    pub(crate) fn new(told: Option<Told>) -> Self {
        Self { told }
    }

    pub(super) fn pass(&self, step: DeliveryStep) {
        if let Some(told) = &self.told {
            told(step);
        }
    }
}

#[cfg(not(any(test, debug_assertions, feature = "faults")))]
impl Watcher {
    #[expect(clippy::unused_self, reason = "tests are told")]
    pub(super) fn pass(&self, _step: DeliveryStep) {}
}
