//! From the errors of the HTTP clients to ours.
//!
//! - A request counts as sent from the moment a connection stands: what happens after that says
//!   nothing about whether the host has acted on it.
//! - The text kept for the log is made of the innermost causes; reqwest's own errors, which name
//!   the URL, are left out.

use std::{error::Error, io};

use crate::{Outage, ProviderError, egress::Denied};

/// How far a request had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No status yet.
    Head,
    /// In the middle of the answer.
    Body,
}

/// A call without an answer that could be used.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong.
    pub(crate) error: ProviderError,
    /// True if the host may have done what it was asked; false if it has got nothing, or has said
    /// that it did nothing.
    pub(crate) may_be_done: bool,
}

impl Failure {
    /// Nothing was done for certain.
    pub(crate) fn not_done(error: ProviderError) -> Self {
        Self {
            error,
            may_be_done: false,
        }
    }

    /// Nobody here knows what was done.
    pub(crate) fn unknown(error: ProviderError) -> Self {
        Self {
            error,
            may_be_done: true,
        }
    }

    /// What went wrong until the head of an answer came.
    pub(crate) fn before_head(error: &(dyn Error + 'static)) -> Self {
        let connecting = |error: &(dyn Error + 'static)| {
            error.is::<Denied>()
                || error
                    .downcast_ref::<reqwest::Error>()
                    .is_some_and(|error| error.is_connect() || error.is_builder())
        };
        Self {
            may_be_done: !chain(error).any(connecting),
            error: classify(error, Phase::Head),
        }
    }
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// What a failure below HTTP means.
pub(crate) fn classify(error: &(dyn Error + 'static), phase: Phase) -> ProviderError {
    let mut outage = match phase {
        Phase::Head => Outage::Unreachable,
        Phase::Body => Outage::Truncated,
    };
    let mut causes = Vec::new();
    for error in chain(error) {
        if error.is::<Denied>() {
            return ProviderError::EgressDenied;
        }
        if error.is::<rustls::Error>() {
            outage = Outage::Tls;
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::TimedOut
        {
            outage = Outage::Timeout;
        }
        if let Some(error) = error.downcast_ref::<reqwest::Error>() {
            if error.is_timeout() {
                outage = Outage::Timeout;
            }
        } else if !error.is::<octocrab::Error>() {
            causes.push(error.to_string());
        }
    }
    causes.dedup();
    ProviderError::Unavailable {
        outage,
        retry_after: None,
        source: Some(causes.join(": ").into()),
    }
}

/// The error and its causes. An I/O error hides the one it carries, so that is asked for.
fn chain<'a>(first: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(first), |error| next_cause(*error)).take(16)
}

fn next_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// True for trouble that may be over in a moment.
pub(crate) fn is_passing(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Unavailable {
            outage: Outage::Timeout
                | Outage::Unreachable
                | Outage::Truncated
                | Outage::Status(500 | 502..=504 | 520..=530 | 555),
            ..
        }
    )
}
