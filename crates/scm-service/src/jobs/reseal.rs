//! Sealing with the current key what an older one seals, so that the older one can be retired.
//!
//! It begins by itself when another key is sealed with, which is when all servers can read with it.
//! It can be interrupted anywhere: what is done is done.

use std::time::Duration;

use scm_store::{
    ClaimedJob, JobController, RewrapError, RewrapOptions, RewrapStep, Rewrapped, StoreError,
    key_usage, rewrap,
};

use super::{outcome::Outcome, pace};
use crate::Services;

/// Between two looks.
const PAUSE: Duration = Duration::from_mins(10);

/// Between two looks at values that do not open: only an operator can do something about them.
const LONG_PAUSE: Duration = Duration::from_hours(24);

/// Before the first look after the first start ever.
pub(super) const FIRST: Duration = Duration::from_mins(1);

impl Services {
    /// Seals anew what needs it.
    pub(super) async fn reseal(&self, job: &ClaimedJob) -> Outcome {
        let done = tokio::select! {
            done = self.reseal_everything() => done,
            () = self.until_lost(job) => return Outcome::Interrupted,
        };
        let wait = match done {
            Ok(Some(done)) if done.unreadable > 0 => {
                tracing::warn!(
                    unreadable = done.unreadable,
                    "stored values do not open; keys rewrap tells which"
                );
                LONG_PAUSE
            }
            Ok(_) => pace::jittered(PAUSE),
            // No server has begun to seal with it, or somebody has retired it.
            Err(RewrapError::NotInUse(_)) => PAUSE,
            Err(error) => {
                tracing::warn!(error = %ErrorChain(&error), "stored values could not be sealed anew");
                let wait = pace::backoff(job.subject(), job.attempts());
                return Outcome::Failed {
                    wait,
                    code: "reseal",
                };
            }
        };
        Outcome::PutOff { wait, note: None }
    }

    /// `None` if there was nothing to do.
    async fn reseal_everything(&self) -> Result<Option<Rewrapped>, RewrapError> {
        let current = self.cipher.ring().current_id().clone();
        let usage = key_usage(&self.database).await?;
        self.metrics.sealed(&usage);
        if usage.besides(&current) == 0 {
            return Ok(None);
        }
        tracing::info!(
            key = current.as_str(),
            values = usage.besides(&current),
            "sealing stored values with the current key"
        );
        let (metrics, mut before) = (self.metrics.clone(), 0);
        let watch = &mut move |step: RewrapStep<'_>| {
            if let RewrapStep::Done(done) = step {
                metrics.resealed(done.resealed - before);
                before = done.resealed;
            }
        };
        let options = RewrapOptions::default();
        let done = rewrap(&self.database, &self.cipher, &options, watch).await?;
        self.metrics.sealed(&key_usage(&self.database).await?);
        tracing::info!(
            resealed = done.resealed,
            unreadable = done.unreadable,
            left = done.left,
            "sealed stored values with the current key"
        );
        Ok(Some(done))
    }

    /// Keeps the lease of a long job; returns when it is lost.
    async fn until_lost(&self, job: &ClaimedJob) {
        let mut failing = 0;
        loop {
            tokio::time::sleep(JobController::LEASE / 4).await;
            match self.jobs.extend(job, JobController::LEASE).await {
                Ok(true) => failing = 0,
                // Twice may be missed; then it may be somebody else's.
                Err(StoreError::Unavailable { .. }) if failing < 2 => failing += 1,
                Ok(false) | Err(_) => return,
            }
        }
    }
}

/// An error with what caused it.
struct ErrorChain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(next) = cause {
            write!(f, ": {next}")?;
            cause = next.source();
        }
        Ok(())
    }
}
