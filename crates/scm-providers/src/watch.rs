//! Calls to code hosts, as somebody who counts them sees them.

use std::time::Duration;

use scm_types::HostKind;

use crate::{Limit, ProviderError};

/// Hears of every call to a code host when it has ended. Called on the way of the call: it must not
/// wait for anything.
pub trait CallWatch: Send + Sync {
    /// A call has ended.
    fn ended(&self, call: &EndedCall<'_>);
}

/// A call that has ended. Nothing of it names a host, a repository or a credential.
#[derive(Debug)]
pub struct EndedCall<'a> {
    /// The product that was called.
    pub product: HostKind,
    /// What came of it.
    pub outcome: CallOutcome<'a>,
    /// How long it took, without pauses and repetitions; zero for one that was not sent.
    pub took: Duration,
    /// How much of the credential's limit is left, from 0 to 1, if the host tells.
    pub left: Option<f64>,
}

/// What came of a call.
#[derive(Debug, Clone, Copy)]
pub enum CallOutcome<'a> {
    /// The host answered with this status.
    Answered(u16),
    /// There was no answer.
    Failed(&'a ProviderError),
    /// It was not sent, for the credential's limit is used up.
    HeldBack,
}

impl CallOutcome<'_> {
    /// The word for metrics: `2xx` to `5xx`, the error's code, or `held_back`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Answered(status) => match status / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                _ => "5xx",
            },
            Self::Failed(error) => error.code(),
            Self::HeldBack => "held_back",
        }
    }
}

/// The part of a limit that is left, if its whole is known.
pub(crate) fn left(limit: Limit) -> Option<f64> {
    match limit {
        Limit::Left {
            calls,
            of: Some(of),
            ..
        } if of > 0 => Some((f64::from(calls) / f64::from(of)).min(1.0)),
        Limit::Exhausted { .. } => Some(0.0),
        _ => None,
    }
}
