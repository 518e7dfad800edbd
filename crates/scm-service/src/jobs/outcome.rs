//! How a job ended, and what becomes of it.

use std::{collections::BTreeMap, time::Duration};

use scm_providers::ProviderError;
use scm_store::{ClaimedJob, JobKind};

use super::pace;
use crate::ServiceError;

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is nothing left to do.
    Done,
    /// It was not needed any more.
    Dropped,
    /// It will be needed again, or has to be looked at twice.
    PutOff {
        /// Not before so long.
        wait: Duration,
        /// What whoever does it next has to know.
        note: Option<&'static str>,
    },
    /// It did not succeed.
    Failed {
        /// Not again before so long.
        wait: Duration,
        /// What went wrong.
        code: &'static str,
    },
    /// It will never succeed; somebody has been told.
    GivenUp,
    /// It was not carried out to its end.
    Interrupted,
}

impl Outcome {
    /// The word for metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Dropped => "dropped",
            Self::PutOff { .. } => "put_off",
            Self::Failed { .. } => "failed",
            Self::GivenUp => "given_up",
            Self::Interrupted => "interrupted",
        }
    }

    /// A failure, with a pause that doubles with each and is as long as the host asks at least.
    pub(crate) fn failed(job: &ClaimedJob, error: &ServiceError) -> Self {
        Self::failed_as(job, error, error.code().as_str())
    }

    /// The same with another word for it.
    pub(super) fn failed_as(job: &ClaimedJob, error: &ServiceError, code: &'static str) -> Self {
        let asked = match error {
            ServiceError::Provider(error) => ProviderError::retry_after(error),
            _ => None,
        };
        let pause = pace::backoff(job.subject(), job.attempts());
        let wait = pause.max(pace::spread(job.subject(), asked.unwrap_or_default()));
        Self::Failed { wait, code }
    }
}

/// How many jobs ended, and how: `done`, `dropped`, `put_off`, `failed`, `given_up` or
/// `interrupted`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobReport(BTreeMap<(JobKind, &'static str), u64>);

impl JobReport {
    /// How many jobs of a kind ended so.
    #[must_use]
    pub fn of(&self, kind: JobKind, outcome: &str) -> u64 {
        let of = |((k, o), _): &(&(JobKind, &str), &u64)| *k == kind && *o == outcome;
        self.0.iter().find(of).map_or(0, |(_, jobs)| *jobs)
    }

    pub(super) fn add(&mut self, kind: JobKind, outcome: Outcome) {
        *self.0.entry((kind, outcome.as_str())).or_default() += 1;
    }
}
