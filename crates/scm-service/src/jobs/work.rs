//! One job: doing it, and settling what came of it.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use scm_store::{ClaimedJob, JobKind};
use scm_trace::SpanKind;
use tokio::{sync::watch, time::Instant};

use super::{JobSettings, outcome::Outcome, pace};
use crate::Services;

/// How far the server has come with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Phase {
    Running,
    /// What can be interrupted at any time is.
    Stopping,
    /// Everything is.
    Over,
}

/// A job that has ended.
pub(super) struct Ended {
    pub(super) kind: JobKind,
    pub(super) host: String,
    pub(super) outcome: Outcome,
}

impl Services {
    /// Does a job and settles it, unless `phase` comes to `last` before that: then it is given back.
    /// One that panics has failed like any other.
    pub(super) async fn carry_out(
        self,
        job: ClaimedJob,
        settings: JobSettings,
        mut phase: watch::Receiver<Phase>,
        last: Phase,
    ) -> Ended {
        let (kind, host) = (job.kind(), job.host().to_owned());
        let begun = Instant::now();
        let name = format!("job {}", kind.as_str());
        let work = Box::pin(self.do_job(&job, &settings));
        let work = self.traced(name, SpanKind::Internal, work, |span, outcome| {
            span.set("scm.job.outcome", outcome.as_str());
            if let Outcome::Failed { code, .. } = outcome {
                span.fail(*code);
            }
        });
        let work = AssertUnwindSafe(Box::pin(work)).catch_unwind();
        let outcome = tokio::select! {
            outcome = work => outcome.unwrap_or_else(|_| {
                tracing::error!(kind = kind.as_str(), "background work panicked");
                let wait = pace::backoff(job.subject(), job.attempts());
                Outcome::Failed { wait, code: "panic" }
            }),
            _ = phase.wait_for(|phase| *phase >= last) => Outcome::Interrupted,
        };
        self.settle(job, outcome, begun.elapsed()).await;
        Ended {
            kind,
            host,
            outcome,
        }
    }

    async fn do_job(&self, job: &ClaimedJob, settings: &JobSettings) -> Outcome {
        match job.kind() {
            JobKind::Plan => self.plan(job, settings).await,
            JobKind::Verify => self.verify_due(job, settings).await,
            JobKind::Renew => self.renew_due(job).await,
            JobKind::WebhookRemoval => self.remove_webhook_later(job).await,
            JobKind::Reseal => self.reseal(job).await,
            JobKind::Adopt => self.adopt(job).await,
            JobKind::ExpiryWarning => self.warn_when_due(job).await,
            JobKind::GapCheck => self.check_for_gap(job).await,
            // Locks: whoever has one does the work.
            JobKind::WebhookChange | JobKind::EventPush => Outcome::Interrupted,
        }
    }

    /// Writes what becomes of a job.
    pub(super) async fn settle(&self, job: ClaimedJob, outcome: Outcome, took: Duration) {
        let kind = job.kind();
        self.metrics.ended(kind, outcome.as_str(), took);
        let settled = match outcome {
            Outcome::Done | Outcome::Dropped | Outcome::GivenUp => self.jobs.finish(job).await,
            Outcome::PutOff { wait, note } => self.jobs.put_off(job, wait, note).await,
            Outcome::Failed { wait, code } => self.jobs.fail(job, wait, code).await,
            Outcome::Interrupted => self.jobs.give_back(job).await,
        };
        let kind = kind.as_str();
        match settled {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(
                    kind,
                    "a job took longer than its lease; somebody else has it now"
                );
            }
            Err(error) => {
                tracing::warn!(%error, kind, "a job could not be settled; its lease ends by itself");
            }
        }
    }

    /// Counts all connections, for the metrics: a look at the whole table, which is not for often.
    pub(super) async fn sample_connections(&self) {
        match self.integrations.count_all().await {
            Ok(counts) => self.metrics.connected(&counts),
            Err(error) => tracing::debug!(%error, "connections could not be counted"),
        }
    }

    /// Counts what there is to do, for the metrics.
    pub(super) async fn sample(&self) {
        match self.jobs.count().await {
            Ok(counts) => self.metrics.queued(&counts),
            Err(error) => tracing::debug!(%error, "background work could not be counted"),
        }
        match self.webhooks.inbox.count().await {
            Ok(count) => self.metrics.waiting(count),
            Err(error) => tracing::debug!(%error, "deliveries could not be counted"),
        }
        match self.expiring().await {
            Ok(counts) => {
                for count in counts {
                    let within_days = count.within_days;
                    self.metrics.expiring(within_days, true, count.renewable);
                    self.metrics.expiring(within_days, false, count.other);
                }
            }
            Err(error) => tracing::debug!(%error, "tokens that end soon could not be counted"),
        }
    }
}
