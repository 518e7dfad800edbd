//! Making the jobs: for all after an outage, for one that was refused, for those that are due.

use std::time::Duration;

use scm_store::{
    CheckDue, CheckTarget, ClaimedJob, JobDue, JobKind, JobPriority, NewJob, StoreError,
};
use scm_types::{IntegrationId, RepoUrl, SafeScmIntegration};

use crate::{
    ServiceError, Services,
    jobs::{host_of, pace},
};

/// Rows that are read at a time.
const ROWS_AT_A_TIME: u64 = 1_000;

impl Services {
    /// Nobody was there to be told: everything with a webhook is looked at, when `settling` is over.
    pub(super) async fn check_everything(&self, settling: Duration) -> Result<u64, ServiceError> {
        let (mut after, mut made) = (None, 0);
        loop {
            let page = self
                .refs
                .targets(CheckDue::All, after.as_ref(), ROWS_AT_A_TIME);
            let (targets, next) = page.await?;
            let due = JobDue::After(settling);
            let jobs = targets.iter().filter_map(|it| self.gap_job(it, due));
            let jobs: Vec<_> = jobs.collect();
            made += jobs.len() as u64;
            self.jobs.enqueue(&jobs).await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(made),
            }
        }
    }

    /// Makes the jobs of those that were not looked at for a while; false if the plan is somebody
    /// else's now.
    pub(crate) async fn plan_gap_checks(
        &self,
        plan: &ClaimedJob,
        interval: Duration,
    ) -> Result<bool, ServiceError> {
        for due in [CheckDue::Never, CheckDue::Since(pace::shortest(interval))] {
            let mut after = None;
            loop {
                let page = self.refs.targets(due, after.as_ref(), ROWS_AT_A_TIME);
                let (targets, next) = page.await?;
                let jobs: Vec<_> = targets
                    .iter()
                    .filter(|it| is_due(it, interval))
                    .filter_map(|it| self.gap_job(it, JobDue::Now))
                    .map(|job| NewJob {
                        priority: JobPriority::Second,
                        ..job
                    })
                    .collect();
                if !self.planned(plan, &jobs).await? {
                    return Ok(false);
                }
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(true)
    }

    /// Looks soon at an integration, if it has a webhook.
    pub(crate) async fn check_soon(
        &self,
        row: &SafeScmIntegration,
        due: JobDue,
    ) -> Result<(), StoreError> {
        if row.webhook_id.is_none() {
            return Ok(());
        }
        self.refs.begin(&row.id).await?;
        let target = CheckTarget {
            id: row.id.clone(),
            tenant: row.tenant_id.clone(),
            scm_type: row.scm_type,
            repository_url: row.repository_url.clone(),
            checked: None,
        };
        match self.gap_job(&target, due) {
            Some(job) => self.jobs.enqueue(&[job]).await,
            None => Ok(()),
        }
    }

    /// Forgets what is known of the refs of an integration that has no webhook any more. What stays
    /// behind is forgotten with the next look at it.
    pub(crate) async fn forget_refs(&self, id: &IntegrationId) {
        if let Err(error) = self.refs.forget(id).await {
            tracing::debug!(%error, %id, "what is known of branches could not be forgotten");
        }
    }

    /// Looks at once at what has this id, if there is such an integration with a webhook.
    pub(super) async fn check_if_there(&self, id: &IntegrationId) -> Result<(), ServiceError> {
        let platform = scm_types::TenantScope::Platform;
        if let Some(row) = self.integrations.find_by_id(&platform, id).await? {
            self.check_soon(&row, JobDue::Now).await?;
        }
        Ok(())
    }

    /// The job for an integration; `None` if its URL is on no configured host.
    fn gap_job(&self, target: &CheckTarget, due: JobDue) -> Option<NewJob> {
        let url = RepoUrl::parse(&target.repository_url, self.registry.web_hosts()).ok()?;
        (url.scm_type() == target.scm_type).then(|| NewJob {
            tenant: Some(target.tenant.clone()),
            host: host_of(&url),
            due,
            ..NewJob::new(JobKind::GapCheck, target.id.as_str())
        })
    }
}

fn is_due(target: &CheckTarget, interval: Duration) -> bool {
    let due = pace::due_after(target.id.as_str(), interval);
    target.checked.is_none_or(|checked| checked >= due)
}
