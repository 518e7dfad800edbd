//! Renewing credentials before anybody needs them, and warning of those that nobody renews.
//!
//! When, how and with which fence is [`crate::renewal`]'s; here it is only done in time.

use std::time::Duration;

use scm_store::{ClaimedJob, Ending, JobDue, JobKind, NewJob};
use scm_types::{Actor, IntegrationId, RepoUrl, ServerTask};

use super::{outcome::Outcome, pace, plan::host_of};
use crate::{RenewedAhead, Services};

/// Between two looks for tokens that end.
const WARN_EVERY: Duration = Duration::from_hours(1);

impl Services {
    /// The job for a credential that is to be renewed now.
    pub(super) fn renewal_of(&self, row: &Ending) -> Option<NewJob> {
        let url = RepoUrl::parse(&row.repository_url, self.registry.web_hosts()).ok()?;
        let soonest = row.ends.minus(SOONEST).until(self.clock.now());
        Some(NewJob {
            host: host_of(&url),
            // The first to end first.
            due: JobDue::Since(soonest),
            ..NewJob::new(JobKind::Renew, row.id.as_str())
        })
    }

    /// Renews the credential of an integration, if that is still due.
    pub(super) async fn renew_due(&self, job: &ClaimedJob) -> Outcome {
        let Ok(id) = IntegrationId::parse(job.subject()) else {
            return Outcome::Dropped;
        };
        let actor = Actor::server(ServerTask::Renewal);
        let (word, outcome) = match Box::pin(self.renew_ahead(&actor, &id)).await {
            Ok(RenewedAhead::Renewed) => ("renewed", Outcome::Done),
            Ok(RenewedAhead::NotDue) => ("not_due", Outcome::Dropped),
            // Noted where the renewal is, and not planned again before that has changed.
            Ok(RenewedAhead::NotPossible) => ("not_possible", Outcome::Dropped),
            Ok(RenewedAhead::Later { wait }) => {
                let wait = pace::spread(job.subject(), wait);
                let code = "later";
                ("later", Outcome::Failed { wait, code })
            }
            Err(error) => ("failed", Outcome::failed(job, &error)),
        };
        self.metrics.renewed(word);
        outcome
    }

    /// Warns of the tokens that end soon.
    pub(super) async fn warn_when_due(&self, job: &ClaimedJob) -> Outcome {
        match Box::pin(self.warn_of_expiry()).await {
            Ok(_) => Outcome::PutOff {
                wait: pace::jittered(WARN_EVERY),
                note: None,
            },
            Err(error) => {
                tracing::warn!(%error, "tokens that end soon could not be looked for");
                Outcome::failed(job, &error)
            }
        }
    }
}

/// Before its end by more than this no credential is renewed.
const SOONEST: Duration = Duration::from_hours(24 * 366);
