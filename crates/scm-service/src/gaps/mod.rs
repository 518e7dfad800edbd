//! Looking for what deliveries should have told, and did not: after an outage of ours, and once in a
//! while.
//!
//! - A code host that lists failed deliveries is asked to send again those that have not arrived. They
//!   come in by the receiver like all others.
//! - Branches and tags are then compared with what is known of them, at every host. What differs is
//!   told in events that are marked as reconciled, in one transaction with what is known from then on.
//! - What is known moves with every delivery, in the transaction that settles it. So a delivery that
//!   comes late is seen to tell what was told already ([`track`]).
//! - A list may be older than what a delivery has told meanwhile: what was written a moment ago is
//!   left as it is, and looked at again. A list that is not whole changes nothing.
//! - Who was there to be told is [`presence`]'s.

mod ask;
mod check;
mod compare;
mod plan;
mod presence;
mod track;

pub use presence::Presence;
pub(crate) use presence::Refused;
pub(crate) use track::Tracked;
