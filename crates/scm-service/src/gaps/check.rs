//! One look for what was missed: asking again, then comparing.

use std::{collections::BTreeSet, time::Duration};

use scm_store::{ClaimedJob, Conclusion, FoundEvents, RefController, RefTally};
use scm_types::{
    Actor, EventRepository, FullRef, IntegrationId, Purpose, RepositoryInfo, ScmEvent, ServerTask,
};
use tokio::time::Instant;

use super::{
    ask::Asking,
    compare::{Difference, Listed, difference, is_fresh},
};
use crate::{ServiceError, Services, jobs::Outcome, work::Work};

/// What a job is marked with that has asked for all deliveries.
const ASKED: &str = "asked";

/// How long deliveries have to arrive that were asked for, or that wait for being processed.
const PAUSE: Duration = Duration::from_mins(1);

/// How long a host may go on giving the list that it gave before. GitLab does so for 30 seconds.
const LIST_AGE: Duration = Duration::from_mins(1);

/// How often it is decided anew when deliveries come in between.
const TRIES: u32 = 5;

/// What a look came to.
enum Looked {
    /// There is nothing to look for any more.
    Dropped,
    /// A paused integration: what happens there is not told.
    Paused,
    /// Deliveries are on their way; there may be more to ask for.
    Asked(bool),
    /// Deliveries are being processed.
    Busy,
    /// There are more branches or tags than are kept.
    TooMany,
    /// Everything is known for the first time.
    Baseline,
    /// So many events were told; what was told a moment before is to be looked at again, if this is
    /// true.
    Compared(usize, bool),
}

impl Looked {
    /// The word for metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Paused => "paused",
            Self::Asked(_) => "asked",
            Self::Busy => "busy",
            Self::TooMany => "too_many",
            Self::Baseline => "baseline",
            Self::Compared(0, _) => "same",
            Self::Compared(..) => "reconciled",
        }
    }
}

impl Services {
    /// Looks whether an integration was told everything.
    pub(crate) async fn check_for_gap(&self, job: &ClaimedJob) -> Outcome {
        let Ok(id) = IntegrationId::parse(job.subject()) else {
            return Outcome::Dropped;
        };
        let has_asked = job.note() == Some(ASKED);
        let looked = match Box::pin(self.look_for_gap(&id, has_asked)).await {
            Ok(looked) => looked,
            // Changed while it was looked at.
            Err(ServiceError::NotFound | ServiceError::Deleted | ServiceError::Paused) => {
                Looked::Dropped
            }
            Err(error) => {
                self.metrics.gap_checked("failed");
                tracing::debug!(%id, code = error.code().as_str(), "what was missed could not be looked for");
                return Outcome::failed(job, &error);
            }
        };
        self.metrics.gap_checked(looked.as_str());
        let later = |note| Outcome::PutOff { wait: PAUSE, note };
        match looked {
            Looked::Dropped => Outcome::Dropped,
            Looked::Asked(true) => later(None),
            Looked::Busy => later(has_asked.then_some(ASKED)),
            Looked::Asked(false) | Looked::Compared(_, true) => later(Some(ASKED)),
            Looked::Paused | Looked::TooMany | Looked::Baseline | Looked::Compared(_, false) => {
                Outcome::Done
            }
        }
    }

    async fn look_for_gap(
        &self,
        id: &IntegrationId,
        has_asked: bool,
    ) -> Result<Looked, ServiceError> {
        let target = self.integrations.delivery_target(id).await?;
        let target = target.filter(|target| !target.is_deleted);
        let found =
            target.and_then(|it| Some((it.integration.webhook_id?, it.integration.is_active)));
        let Some((webhook, is_active)) = found else {
            self.refs.forget(id).await?;
            return Ok(Looked::Dropped);
        };
        let tally = self.tally_of(id).await?;
        if !is_active {
            let unwatched = Conclusion::Unwatched;
            self.refs.conclude(id, tally.version, &unwatched).await?;
            return Ok(Looked::Paused);
        }
        let actor = Actor::server(ServerTask::GapCheck);
        let work = self.work_of_server(&actor, id, Purpose::GapCheck).await?;
        if !has_asked {
            let asking = self.ask_again(&actor, id, &work, &webhook, tally.checked);
            if let Asking::Asked(is_more) = asking.await? {
                return Ok(Looked::Asked(is_more));
            }
        }
        self.compare_refs(id, &work).await
    }

    async fn tally_of(&self, id: &IntegrationId) -> Result<RefTally, ServiceError> {
        if let Some(tally) = self.refs.tally(id).await? {
            return Ok(tally);
        }
        self.refs.begin(id).await?;
        self.refs.tally(id).await?.ok_or(ServiceError::NotFound)
    }

    async fn compare_refs(&self, id: &IntegrationId, work: &Work) -> Result<Looked, ServiceError> {
        if self.webhooks.inbox.has_pending(id).await? {
            return Ok(Looked::Busy);
        }
        let begun = Instant::now();
        let Some(listed) = self.list_refs(id, work).await? else {
            return self.too_many(id).await;
        };
        for _ in 0..TRIES {
            if self.webhooks.inbox.has_pending(id).await? {
                return Ok(Looked::Busy);
            }
            let tally = self.tally_of(id).await?;
            let known = self.refs.all_known(id).await?;
            let list_age = begun.elapsed() + LIST_AGE;
            let found = difference(&known, &listed, list_age, tally.baseline);
            if let Some(looked) = self.conclude(id, work, &tally, found).await? {
                return Ok(looked);
            }
        }
        Ok(Looked::Busy)
    }

    /// Branches and tags, and those known ones that are in neither of two lists; `None` if there are
    /// too many. Lists shift while they are read: one alone may miss something that is there.
    async fn list_refs(
        &self,
        id: &IntegrationId,
        work: &Work,
    ) -> Result<Option<Listed>, ServiceError> {
        let list = async || {
            let list = work.again(self)?;
            let list = list.refs(&work.info, RefController::CAP).await?;
            Ok::<_, ServiceError>((!list.truncated).then(|| Listed::new(list)))
        };
        let Some(mut listed) = list().await? else {
            return Ok(None);
        };
        let known = self.refs.all_known(id).await?;
        let missing: BTreeSet<FullRef> = known
            .into_iter()
            .filter(|it| it.record.present && !is_fresh(it, LIST_AGE))
            .map(|it| it.name)
            .filter(|name| !listed.refs.contains_key(name))
            .collect();
        if missing.is_empty() {
            return Ok(Some(listed));
        }
        let Some(second) = list().await? else {
            return Ok(None);
        };
        for name in missing {
            match second.refs.get(&name) {
                Some(commit) => {
                    listed.refs.insert(name, commit.clone());
                }
                None => {
                    listed.missing.insert(name);
                }
            }
        }
        Ok(Some(listed))
    }

    /// Writes what was found; `None` if something else is known by now.
    async fn conclude(
        &self,
        id: &IntegrationId,
        work: &Work,
        tally: &RefTally,
        found: Difference,
    ) -> Result<Option<Looked>, ServiceError> {
        let repository = repository(&work.info);
        let events: Vec<ScmEvent> = found
            .events
            .into_iter()
            .map(|kind| ScmEvent {
                kind,
                repository: Some(repository.clone()),
                actor: None,
                reconciled: true,
            })
            .collect();
        let conclusion = Conclusion::Known {
            refs: &found.refs,
            found: FoundEvents {
                tenant: &work.tenant,
                events: &events,
            },
        };
        if !self.refs.conclude(id, tally.version, &conclusion).await? {
            return Ok(None);
        }
        if !events.is_empty() {
            tracing::info!(%id, events = events.len(), "told what deliveries had not");
            self.metrics.reconciled(events.len() as u64);
            self.webhooks.told.send_modify(|told| *told += 1);
        }
        Ok(Some(if tally.baseline {
            Looked::Compared(events.len(), found.unsettled)
        } else {
            Looked::Baseline
        }))
    }

    async fn too_many(&self, id: &IntegrationId) -> Result<Looked, ServiceError> {
        let tally = self.tally_of(id).await?;
        let most = RefController::CAP;
        if !tally.too_many {
            tracing::warn!(
                %id, most,
                "a repository has more branches or tags than are compared: what deliveries do not \
                 tell of it is not noticed"
            );
        }
        let too_many = Conclusion::TooMany;
        self.refs.conclude(id, tally.version, &too_many).await?;
        Ok(Looked::TooMany)
    }
}

fn repository(info: &RepositoryInfo) -> EventRepository {
    EventRepository {
        provider_repository_id: info.id.clone(),
        path: format!("{}/{}", info.owner, info.name),
        url: info.web_url.clone(),
    }
}
