//! What is left of a limit until it starts anew.

use std::time::Duration;

use scm_types::Timestamp;

/// What background calls leave to users: one part in so many of the limit.
const USERS_SHARE: u32 = 5;
/// Ends of windows that lie closer together are the same one's: the servers of a host do not agree
/// on the second.
const SLACK: Duration = Duration::from_secs(5);

/// What a host says is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) calls: u32,
    /// How many there are in all, if that is told.
    pub(super) of: Option<u32>,
    pub(super) until: Timestamp,
}

impl Window {
    /// How many calls are left to those that nobody waits for: while a fifth of the limit is left.
    /// Where the host does not tell how many there are in all, nobody is kept from the last one.
    pub(super) fn in_background(self) -> u32 {
        let users = self.of.map_or(1, |of| of.div_ceil(USERS_SHARE).max(1));
        self.calls.saturating_add(1).saturating_sub(users)
    }
}

/// What is left after another answer told it.
pub(super) fn lowest(known: Option<Window>, told: Window, now: Timestamp) -> Option<Window> {
    let told = Some(told).filter(|told| told.until > now);
    let (Some(known), Some(told)) = (known, told) else {
        return known.or(told);
    };
    Some(if known.until.plus(SLACK) < told.until {
        told // a new window
    } else if told.until.plus(SLACK) < known.until {
        known // a straggler of an old one
    } else {
        // Its end as it was told first, so that ends which slide do not make it endless.
        Window {
            calls: known.calls.min(told.calls),
            of: told.of.or(known.of),
            ..known
        }
    })
}
