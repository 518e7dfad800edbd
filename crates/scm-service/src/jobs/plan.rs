//! Finding what is due and making the jobs for it.
//!
//! - It can be run by anybody at any time, and again: a job that is there stays as it is, and one
//!   too many is dropped when it reads its integration.
//! - It goes by the servers' clocks, for that is what `lastVerifiedAt` is from. A clock that is five
//!   minutes ahead makes a job five minutes early, which the one who does it takes for due all the
//!   same; one that is behind makes it five minutes late. The lease of the plan itself is the
//!   database's.
//! - It takes the memory of one page, however much is due.

use std::time::Duration;

use scm_store::{
    ClaimedJob, DueIntegration, DueRequest, JobController, JobDue, JobKind, JobPriority, NewJob,
    StoreError,
};
use scm_types::{RepoUrl, Timestamp, VerificationStatus};

use super::{JobSettings, outcome::Outcome, pace};
use crate::{ServiceError, Services};

/// Between two plans; shorter than anything that is planned is waited for.
const PAUSE: Duration = Duration::from_mins(5);

/// Rows that are read at a time.
const ROWS_AT_A_TIME: u64 = 1_000;

/// How far the clocks of servers may be apart, and more: what one has planned as due is due for
/// another, too.
const SLACK: Duration = Duration::from_mins(10);

/// The statuses in their order, and what comes first in the queue.
const ORDER: [(VerificationStatus, JobPriority); 4] = [
    (VerificationStatus::Pending, JobPriority::First),
    (VerificationStatus::Valid, JobPriority::Second),
    (VerificationStatus::Invalid, JobPriority::Last),
    (VerificationStatus::Expired, JobPriority::Last),
];

impl Services {
    /// Makes the jobs for all that is due.
    pub(super) async fn plan(&self, job: &ClaimedJob, settings: &JobSettings) -> Outcome {
        match self.plan_everything(job, settings).await {
            Ok(true) => Outcome::PutOff {
                wait: pace::jittered(PAUSE),
                note: None,
            },
            Ok(false) => Outcome::Interrupted,
            Err(error) => {
                tracing::warn!(%error, "background work could not be planned");
                Outcome::failed(job, &error)
            }
        }
    }

    /// False if the plan is somebody else's now.
    async fn plan_everything(
        &self,
        job: &ClaimedJob,
        settings: &JobSettings,
    ) -> Result<bool, ServiceError> {
        let planned = self.plan_renewals(job).await? && self.plan_checks(job, settings).await?;
        match settings.gap_interval {
            Some(interval) if planned => self.plan_gap_checks(job, interval).await,
            _ => Ok(planned),
        }
    }

    async fn plan_renewals(&self, job: &ClaimedJob) -> Result<bool, ServiceError> {
        let mut after = None;
        loop {
            let page = self.due_ahead(after, ROWS_AT_A_TIME).await?;
            let jobs: Vec<_> = page
                .items
                .iter()
                .filter_map(|row| self.renewal_of(row))
                .collect();
            if !self.planned(job, &jobs).await? {
                return Ok(false);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(true),
            }
        }
    }

    async fn plan_checks(
        &self,
        job: &ClaimedJob,
        settings: &JobSettings,
    ) -> Result<bool, ServiceError> {
        let now = self.clock.now();
        let checked_by = now.minus(pace::shortest(settings.verify_interval));
        for (status, priority) in ORDER {
            for verified_by in [None, Some(checked_by)] {
                let mut request = DueRequest {
                    status,
                    verified_by,
                    after: None,
                    limit: ROWS_AT_A_TIME,
                };
                loop {
                    let page = self.jobs.due_integrations(&request).await?;
                    let jobs: Vec<_> = page
                        .items
                        .iter()
                        .filter(|row| is_due(row, now, settings))
                        .filter_map(|row| self.check_of(row, priority, now))
                        .collect();
                    if !self.planned(job, &jobs).await? {
                        return Ok(false);
                    }
                    match page.next {
                        Some(next) => request.after = Some(next),
                        None => break,
                    }
                }
            }
        }
        Ok(true)
    }

    /// Makes the jobs of a page; false if the plan is somebody else's now.
    pub(crate) async fn planned(
        &self,
        plan: &ClaimedJob,
        jobs: &[NewJob],
    ) -> Result<bool, StoreError> {
        self.jobs.enqueue(jobs).await?;
        self.jobs.extend(plan, JobController::LEASE).await
    }

    /// The job for an integration; `None` if it cannot be checked at all, because its URL is on no
    /// configured host.
    fn check_of(
        &self,
        row: &DueIntegration,
        priority: JobPriority,
        now: Timestamp,
    ) -> Option<NewJob> {
        let url = RepoUrl::parse(&row.repository_url, self.registry.web_hosts()).ok()?;
        (url.scm_type() == row.scm_type).then(|| NewJob {
            tenant: Some(row.tenant.clone()),
            host: host_of(&url),
            priority,
            due: JobDue::Since(row.verified.unwrap_or(row.created).until(now)),
            ..NewJob::new(JobKind::Verify, row.id.as_str())
        })
    }

    /// Whether a connection that was last checked at this time is to be checked now, for whoever
    /// has claimed it.
    pub(super) fn is_still_due(
        &self,
        id: &str,
        verified: Option<Timestamp>,
        settings: &JobSettings,
    ) -> bool {
        let latest = self.clock.now().plus(SLACK);
        verified.is_none_or(|at| pace::due_at(id, at, settings.verify_interval) <= latest)
    }
}

fn is_due(row: &DueIntegration, now: Timestamp, settings: &JobSettings) -> bool {
    row.verified
        .is_none_or(|at| pace::due_at(row.id.as_str(), at, settings.verify_interval) <= now)
}

/// What stands for a repository's host in a job.
pub(crate) fn host_of(url: &RepoUrl) -> String {
    url.host().base_url().to_owned()
}
