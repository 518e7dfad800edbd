//! What differs between products below their operations.

use scm_types::{HostKind, Timestamp};

use super::Answer;
use crate::rate_limit::Limit;

/// How a product's API wants to be spoken to.
pub struct Dialect {
    /// Whose it is.
    pub product: HostKind,
    /// Headers of every request.
    pub headers: &'static [(&'static str, &'static str)],
    /// Whether entity tags are used.
    pub conditional: bool,
    /// Whether requests go through octocrab.
    pub octocrab: bool,
    /// Whether the host asks for a pause between the writes of a credential.
    pub paced_writes: bool,
    /// Reads the signs of a rate limit in an answer.
    pub limit: fn(&Answer, Timestamp) -> Limit,
    /// True for a refusal that may be passing trouble, so that it is asked for once more.
    pub doubtful: fn(&Answer) -> bool,
}
