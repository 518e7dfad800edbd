//! A delivery as it is stored.

use std::sync::atomic::{AtomicU32, Ordering};

/// The columns that differ; the others are the same for all.
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) integration: String,
    pub(super) host_id: String,
    pub(super) digest: String,
    pub(super) size: i32,
    pub(super) payload: String,
}

/// An id of the server's form: in the order in which they are made.
#[expect(clippy::disallowed_methods, reason = "ids of a measurement")]
pub(super) fn id() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let millis = chrono::Utc::now().timestamp_millis();
    format!("{millis:012x}{made:08x}-bare-00000")
}
