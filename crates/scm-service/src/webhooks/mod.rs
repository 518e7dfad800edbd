//! What code hosts deliver: taken in, processed, told.
//!
//! - A delivery is verified before anything of it is read, and stored before it is answered. What
//!   does not prove itself is refused in one way, whatever is wrong with it.
//! - It is processed later, in the order in which the integration's deliveries came, by whichever
//!   server takes it; what it tells is stored in one transaction with that it was processed.
//! - What a delivery changes of the integration is done before that and can be done twice.
//! - A delivery that is processed after a later one, because it was replayed, tells its events and
//!   changes nothing: it speaks of the past.

mod deliveries;
mod feed;
mod keys;
mod place;
mod process;
mod react;
mod receive;
mod runner;
mod step;

use scm_store::{EventController, InboxController};
use tokio::sync::{Notify, watch};

use self::keys::KeyCache;
use crate::gaps::Refused;

pub use deliveries::DeliveryDetail;
pub use receive::Received;
pub use runner::DeliverySettings;
pub use scm_store::{DeliveryFilter, DeliveryPage, EventPage};
#[cfg(any(test, debug_assertions, feature = "faults"))]
pub use step::DeliveryStep;
#[cfg(any(test, debug_assertions, feature = "faults"))]
pub(crate) use step::Told;
pub(crate) use step::Watcher;

/// What the parts of this have in common.
pub(crate) struct Webhooks {
    pub(crate) inbox: InboxController,
    pub(crate) events: EventController,
    keys: KeyCache,
    /// Whose deliveries had to be refused.
    pub(crate) refused: Refused,
    /// A delivery was stored in this process.
    arrived: Notify,
    /// Counts up when events were told in this process.
    pub(crate) told: watch::Sender<u64>,
    /// True when nobody is to wait for events any more.
    closing: watch::Sender<bool>,
    watcher: Watcher,
}

impl Webhooks {
    pub(crate) fn new(inbox: InboxController, events: EventController, watcher: Watcher) -> Self {
        Self {
            inbox,
            events,
            keys: KeyCache::new(),
            refused: Refused::default(),
            arrived: Notify::new(),
            told: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            watcher,
        }
    }
}
