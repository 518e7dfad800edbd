//! Pushing for as long as a server runs, beside as many other servers as there are.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use scm_types::TenantId;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    EventSink,
    pauses::Pauses,
    tenant::{Phase, Turn},
};
use crate::{ServiceError, Services};

/// How events are pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushSettings {
    /// How many tenants' events are pushed at the same time.
    pub concurrency: usize,
    /// How often it is looked for what other servers have stored.
    pub poll: Duration,
    /// How long the sink may take for one event.
    pub time_limit: Duration,
    /// How long a tenant waits after the first event that was not taken; doubles with each attempt.
    pub first_pause: Duration,
    /// The longest that a tenant waits.
    pub longest_pause: Duration,
    /// How long what is being pushed has to end when the server stops.
    pub grace: Duration,
}

impl Default for PushSettings {
    fn default() -> Self {
        Self {
            concurrency: 4,
            poll: Duration::from_secs(2),
            time_limit: Duration::from_secs(15),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(5),
            grace: Duration::from_secs(10),
        }
    }
}

/// How long giving back the leases may take.
const GIVE_BACK: Duration = Duration::from_secs(1);

type Ended = (Result<Turn, ServiceError>, TenantId);

/// What is being pushed, and who waits.
struct Running {
    tasks: JoinSet<Ended>,
    busy: HashSet<TenantId>,
    pauses: Pauses,
    phase: watch::Sender<Phase>,
    settings: PushSettings,
}

impl Services {
    /// Hands events to the sink until `shutdown` is over; returns at once if there is no sink.
    ///
    /// Never fails: what goes wrong is in the log, and is tried again. How often an event was tried
    /// is not stored; after a restart every tenant is tried at once.
    pub async fn push_events(
        &self,
        settings: PushSettings,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let Some(sink) = &self.sink else {
            return;
        };
        tokio::pin!(shutdown);
        let mut told = self.webhooks.told.subscribe();
        let mut running = Running {
            tasks: JoinSet::new(),
            busy: HashSet::new(),
            pauses: Pauses::default(),
            phase: watch::Sender::new(Phase::Running),
            settings,
        };
        loop {
            let look = async {
                told.mark_unchanged();
                if let Err(error) = self.start_pushing(&mut running, sink).await {
                    tracing::warn!(%error, "events to push could not be looked for; it is tried again");
                }
                let pause = running.pauses.shortest(settings.poll);
                tokio::select! {
                    Some(ended) = running.tasks.join_next() => running.ended(ended.ok()),
                    _ = told.changed() => {}
                    () = sleep(pause) => {}
                }
            };
            tokio::select! {
                () = &mut shutdown => break,
                () = look => {}
            }
        }
        running.stop().await;
    }

    /// Walks once through the tenants that have something to push, and begins with those that do
    /// not wait while there are places.
    async fn start_pushing(
        &self,
        running: &mut Running,
        sink: &Arc<dyn EventSink>,
    ) -> Result<(), ServiceError> {
        let mut last = None;
        let events = &self.webhooks.events;
        while let Some(tenant) = events.next_unpushed_tenant(last.as_ref()).await? {
            if !running.busy.contains(&tenant) && !running.pauses.holds(&tenant) {
                while running.busy.len() >= running.settings.concurrency.max(1) {
                    let ended = running.tasks.join_next().await;
                    running.ended(ended.and_then(Result::ok));
                }
                running.start(self.clone(), Arc::clone(sink), tenant.clone());
            }
            last = Some(tenant);
        }
        Ok(())
    }
}

impl Running {
    fn start(&mut self, services: Services, sink: Arc<dyn EventSink>, tenant: TenantId) {
        self.busy.insert(tenant.clone());
        let (settings, phase) = (self.settings, self.phase.subscribe());
        self.tasks.spawn(async move {
            let turn = services.push_tenant(&*sink, &tenant, &settings, phase);
            (turn.await, tenant)
        });
    }

    /// Nothing of a task that was cut off with the runtime: then there is no more to be done.
    fn ended(&mut self, ended: Option<Ended>) {
        let Some((turn, tenant)) = ended else {
            self.busy.clear();
            return;
        };
        self.busy.remove(&tenant);
        match turn {
            Ok(Turn::Taken) => self.pauses.end(&tenant),
            Ok(Turn::HeldElsewhere) => self.pauses.while_held_elsewhere(tenant, &self.settings),
            Ok(Turn::Refused(error)) => self.put_off(tenant, &error),
            Err(error) => self.put_off(tenant, &error),
        }
    }

    fn put_off(&mut self, tenant: TenantId, error: &dyn std::error::Error) {
        let name = tenant.clone();
        let wait = self.pauses.after_failure(tenant, &self.settings);
        tracing::warn!(
            tenant = name.as_str(),
            %error,
            wait_seconds = wait.as_secs(),
            "events of a tenant could not be pushed; it is tried again"
        );
    }

    /// Waits for what is being pushed. An event that is cut off is pushed again by another server.
    async fn stop(mut self) {
        self.phase.send_replace(Phase::Ending);
        if !self.ended_within(self.settings.grace).await {
            tracing::warn!("events that are being pushed are left to other servers");
            self.phase.send_replace(Phase::Cut);
            self.ended_within(GIVE_BACK).await;
        }
    }

    async fn ended_within(&mut self, limit: Duration) -> bool {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        timeout(limit, all).await.is_ok()
    }
}
