//! Processing deliveries for as long as a server runs.
//!
//! Any number of servers share the work: an integration's deliveries are done by whoever holds the
//! oldest one. An integration that has many takes one of the places and no more.

use std::{collections::HashSet, future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use scm_types::IntegrationId;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::process::STEP_BACK;
use crate::{Presence, ServiceError, Services};

/// How deliveries are processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverySettings {
    /// How many integrations' deliveries are processed at the same time.
    pub concurrency: usize,
    /// How often it is looked for what other servers have stored, and for what is due again.
    pub poll: Duration,
    /// How long what is being processed has to end when the server stops.
    pub grace: Duration,
    /// How long deliveries and events are kept.
    pub retention: Duration,
    /// How long a server may not be heard of before it is taken for dead, and it is looked for what
    /// was missed since then.
    pub silence: Duration,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            concurrency: 4,
            poll: Duration::from_secs(2),
            grace: Duration::from_secs(10),
            retention: Duration::from_hours(14 * 24),
            silence: Duration::from_mins(2),
        }
    }
}

/// How often what is too old is removed, and how much of it at a time.
const SWEEP: Duration = Duration::from_mins(10);
const SWEPT: u64 = 5_000;

/// How long taking leave may take.
const LEAVING: Duration = Duration::from_secs(3);

/// What is being processed.
struct Running {
    tasks: JoinSet<IntegrationId>,
    busy: HashSet<IntegrationId>,
    stopping: watch::Sender<bool>,
}

impl Services {
    /// Processes deliveries until `shutdown` is over, beside as many other servers as there are.
    ///
    /// Never fails: what goes wrong is in the log, and is tried again.
    pub async fn run_deliveries(
        &self,
        settings: DeliverySettings,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        tokio::pin!(shutdown);
        let mut running = Running {
            tasks: JoinSet::new(),
            busy: HashSet::new(),
            stopping: watch::Sender::new(false),
        };
        let sweeping = self.sweep_at_times(settings.retention);
        tokio::pin!(sweeping);
        let leaving = watch::Sender::new(false);
        let presence = Presence::new(self, settings.silence);
        // A task of its own: what is begun there is not given up with a turn of the loop.
        let mut present = tokio::spawn(presence.stay(leaving.subscribe()));
        loop {
            let look = async {
                if let Err(error) = self.start_due(&mut running, &settings).await {
                    tracing::warn!(%error, "deliveries could not be looked for; it is tried again");
                }
                tokio::select! {
                    Some(ended) = running.tasks.join_next() => running.ended(ended.ok()),
                    () = self.webhooks.arrived.notified() => {}
                    () = sleep(settings.poll) => {}
                }
            };
            tokio::select! {
                () = &mut shutdown => break,
                () = &mut sweeping => {}
                () = look => {}
            }
        }
        // Those that are still answered are answered; whoever comes now may not be.
        leaving.send_replace(true);
        running.stopping.send_replace(true);
        let ended = timeout(settings.grace, async {
            while running.tasks.join_next().await.is_some() {}
        });
        // A frozen database must not hold that up.
        let (ended, left) = tokio::join!(ended, timeout(LEAVING, &mut present));
        if ended.is_err() {
            tracing::warn!("deliveries that are being processed are left to other servers");
        }
        if left.is_err() {
            present.abort();
            tracing::debug!("this server took its leave of nobody in time");
        }
    }

    /// Processes all that is due and returns when nothing more is; gives how many. For who has a
    /// clock of its own to work by.
    pub async fn work_off_deliveries(&self) -> Result<u64, ServiceError> {
        let mut processed = 0;
        loop {
            let before = processed;
            let mut last = None;
            while let Some(head) = self.webhooks.inbox.next_head(last.as_ref()).await? {
                if head.is_due {
                    processed += self.process_deliveries(&head.integration_id).await?;
                }
                last = Some(head.integration_id);
            }
            if processed == before {
                return Ok(processed);
            }
        }
    }

    /// Removes deliveries and events that are older than that; gives how many. Pending ones stay.
    pub async fn sweep_deliveries(&self, retention: Duration) -> Result<u64, ServiceError> {
        let deliveries = self.webhooks.inbox.sweep(retention, SWEPT).await?;
        Ok(deliveries + self.webhooks.events.sweep(retention, SWEPT).await?)
    }

    async fn sweep_at_times(&self, retention: Duration) {
        loop {
            if let Err(error) = self.sweep_deliveries(retention).await {
                tracing::warn!(%error, "old deliveries could not be removed; it is tried again");
            }
            sleep(SWEEP).await;
        }
    }

    /// Walks once through the integrations that have something pending, and begins with those that
    /// are due while there are places.
    async fn start_due(
        &self,
        running: &mut Running,
        settings: &DeliverySettings,
    ) -> Result<(), ServiceError> {
        let mut last = None;
        loop {
            // The look too: it is a statement for each integration that has something.
            self.webhooks.inbox.calm(STEP_BACK).await;
            let Some(head) = self.webhooks.inbox.next_head(last.as_ref()).await? else {
                return Ok(());
            };
            let id = head.integration_id;
            if head.is_due && !running.busy.contains(&id) {
                while running.busy.len() >= settings.concurrency.max(1) {
                    let ended = running.tasks.join_next().await;
                    running.ended(ended.and_then(Result::ok));
                }
                running.start(self.clone(), id.clone());
            }
            last = Some(id);
        }
    }
}

impl Running {
    fn start(&mut self, services: Services, id: IntegrationId) {
        let mut stopping = self.stopping.subscribe();
        self.busy.insert(id.clone());
        self.tasks.spawn(async move {
            let work = AssertUnwindSafe(Box::pin(services.process_deliveries(&id))).catch_unwind();
            tokio::select! {
                done = work => match done {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => tracing::warn!(
                        integration = id.as_str(),
                        %error,
                        "deliveries could not be processed; they are tried again"
                    ),
                    Err(_panic) => tracing::error!(
                        integration = id.as_str(),
                        "processing a delivery panicked; it is tried again"
                    ),
                },
                // In the middle of a delivery: whoever takes it next does it again.
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
            id
        });
    }

    /// Nothing of a task that was cut off with the runtime: then there is no more to be done.
    fn ended(&mut self, id: Option<IntegrationId>) {
        match id {
            Some(id) => {
                self.busy.remove(&id);
            }
            None => self.busy.clear(),
        }
    }
}
