//! Release work: what the platform does to a connected repository.
//!
//! - Every operation first asks for the repository itself: one that was replaced by another of the
//!   same name is never touched, one that moved is worked on at its new place.
//! - What the last check found to be denied is refused without a call; what it does not know is
//!   tried.
//! - Writes are *ensure* operations: repeating one that was lost on the way is safe, and nothing
//!   that exists is ever moved, overwritten or removed.

mod compare;
mod notes;
mod open;
mod refs;
mod releases;
mod tags;
mod urls;
mod webhook;

pub use compare::{CherryPicks, Compared};
pub use notes::ReleaseDate;
pub(crate) use open::Work;
pub use refs::NewBranch;
pub use releases::{NewRelease, NotesRequest, PreviousTag, ReleaseNotes, Released};
pub use tags::{InvalidTagCursor, NewTag, TagCursor, TagPage, TagRequest, TagTarget};
pub use urls::{UrlRequest, WebUrls};
pub(crate) use webhook::Receiver;
pub use webhook::{WebhookRegistered, WebhookReport, WebhookRotated, WebhookTested};
