//! Taking jobs, as many as there are places for, and doing them side by side.

use std::{collections::HashMap, time::Duration};

use scm_store::{ClaimedJob, JobController, JobDue, JobKind, NewJob, StoreError};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    JobReport, JobSettings, pace, reseal,
    work::{Ended, Phase},
};
use crate::Services;

/// What there is one of, and needs no host.
const SINGLE: [JobKind; 4] = [
    JobKind::Plan,
    JobKind::ExpiryWarning,
    JobKind::Adopt,
    JobKind::Reseal,
];

/// What there are many of, the first first.
const MANY: [JobKind; 4] = [
    JobKind::WebhookRemoval,
    JobKind::Renew,
    JobKind::GapCheck,
    JobKind::Verify,
];

/// How often it is counted what there is to do.
const SAMPLE: Duration = Duration::from_mins(1);

/// Of so many times one also counts all connections.
const CONNECTIONS: u32 = 10;

/// How long a job of which there is one is believed to be there.
const BELIEVED: Duration = Duration::from_mins(10);

/// How long giving jobs back may take.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// What this server is doing, and where it looks for more.
pub(super) struct Runner {
    services: Services,
    settings: JobSettings,
    running: JoinSet<Ended>,
    /// Jobs of each host that are being done; those that need none are not counted.
    busy: HashMap<String, usize>,
    /// Until when it is not looked again for more of a kind and a host.
    quiet: HashMap<(JobKind, String), Instant>,
    /// The hosts of each kind, and until when that is believed.
    hosts: HashMap<JobKind, (Instant, Vec<String>)>,
    /// Until when the one job of a kind is believed to be there.
    made: HashMap<JobKind, Instant>,
    /// Whose turn is first, so that each host comes to it.
    turn: usize,
    phase: watch::Sender<Phase>,
    /// Counts while this lives.
    sampling: JoinSet<()>,
    report: JobReport,
}

impl Runner {
    pub(super) fn new(services: Services, settings: JobSettings) -> Self {
        Self {
            services,
            settings,
            running: JoinSet::new(),
            busy: HashMap::new(),
            quiet: HashMap::new(),
            hosts: HashMap::new(),
            made: HashMap::new(),
            turn: 0,
            phase: watch::Sender::new(Phase::Running),
            sampling: JoinSet::new(),
            report: JobReport::default(),
        }
    }

    /// Counts from now on what there is to do, for the metrics.
    pub(super) fn sample_at_times(&mut self) {
        let services = self.services.clone();
        self.sampling.spawn(async move {
            loop {
                services.sample_connections().await;
                for _ in 0..CONNECTIONS {
                    services.sample().await;
                    sleep(pace::jittered(SAMPLE)).await;
                }
            }
        });
    }

    /// Takes as much as there are places for. A database that is away is asked again later.
    pub(super) async fn fill(&mut self) {
        if let Err(error) = self.try_fill().await {
            tracing::warn!(%error, "no background work could be taken; it is tried again");
        }
    }

    async fn try_fill(&mut self) -> Result<(), StoreError> {
        for kind in SINGLE {
            if self.is_wanted(kind) {
                self.ensure(kind).await?;
                self.take(kind, "", 1).await?;
            }
        }
        self.turn = self.turn.wrapping_add(1);
        for kind in MANY {
            let hosts = self.hosts(kind).await?;
            let first = self.turn % hosts.len().max(1);
            for host in hosts.iter().cycle().skip(first).take(hosts.len()) {
                let places = self.places(host);
                if places > 0 {
                    self.take(kind, host, places).await?;
                }
            }
        }
        Ok(())
    }

    fn is_wanted(&self, kind: JobKind) -> bool {
        kind != JobKind::Reseal || self.settings.reseal
    }

    /// Makes the one job of a kind, if it is not there: with the first start ever, or after an
    /// operator has emptied the table.
    async fn ensure(&mut self, kind: JobKind) -> Result<(), StoreError> {
        let now = Instant::now();
        if self.made.get(&kind).is_some_and(|until| now < *until) {
            return Ok(());
        }
        let due = match kind {
            JobKind::Reseal => JobDue::After(reseal::FIRST),
            _ => JobDue::Now,
        };
        let job = NewJob {
            due,
            ..NewJob::new(kind, "")
        };
        self.services.jobs.enqueue(&[job]).await?;
        self.made.insert(kind, now + BELIEVED);
        Ok(())
    }

    async fn hosts(&mut self, kind: JobKind) -> Result<Vec<String>, StoreError> {
        let now = Instant::now();
        if let Some((until, hosts)) = self.hosts.get(&kind)
            && now < *until
        {
            return Ok(hosts.clone());
        }
        let hosts = self.services.jobs.hosts(kind).await?;
        let until = now + pace::jittered(self.settings.poll);
        self.hosts.insert(kind, (until, hosts.clone()));
        Ok(hosts)
    }

    /// How many more jobs of a host may be done.
    fn places(&self, host: &str) -> usize {
        let all: usize = self.busy.values().sum();
        let of_host = self.busy.get(host).copied().unwrap_or_default();
        let left = self.settings.concurrency.max(1).saturating_sub(all);
        left.min(self.settings.share().saturating_sub(of_host))
    }

    async fn take(&mut self, kind: JobKind, host: &str, places: usize) -> Result<(), StoreError> {
        let key = (kind, host.to_owned());
        let now = Instant::now();
        if self.quiet.get(&key).is_some_and(|until| now < *until) {
            return Ok(());
        }
        let jobs = &self.services.jobs;
        let claimed = jobs
            .claim(kind, host, places as u64, JobController::LEASE)
            .await?;
        if claimed.len() < places {
            self.quiet
                .insert(key, now + pace::jittered(self.settings.poll));
        }
        for job in claimed {
            self.start(job);
        }
        Ok(())
    }

    fn start(&mut self, job: ClaimedJob) {
        self.services.metrics.claimed(job.kind());
        if MANY.contains(&job.kind()) {
            *self.busy.entry(job.host().to_owned()).or_default() += 1;
        }
        let (services, settings) = (self.services.clone(), self.settings);
        let phase = self.phase.subscribe();
        let last = if SINGLE.contains(&job.kind()) {
            Phase::Stopping
        } else {
            Phase::Over
        };
        self.running
            .spawn(services.carry_out(job, settings, phase, last));
    }

    /// Waits until there may be something to do.
    pub(super) async fn turn(&mut self) {
        let pause = sleep(pace::jittered(self.settings.poll));
        tokio::select! {
            Some(ended) = self.running.join_next() => self.ended(ended.ok()),
            () = pause => {}
        }
    }

    /// Does all there is.
    pub(super) async fn until_idle(&mut self) -> JobReport {
        loop {
            self.fill().await;
            match self.running.join_next().await {
                Some(ended) => self.ended(ended.ok()),
                None => return self.report.clone(),
            }
        }
    }

    /// Nothing of a task that was cut off with the runtime.
    fn ended(&mut self, ended: Option<Ended>) {
        let Some(Ended {
            kind,
            host,
            outcome,
        }) = ended
        else {
            return;
        };
        self.report.add(kind, outcome);
        if SINGLE.contains(&kind) {
            // A plan makes work for hosts that had none.
            self.quiet.retain(|(kind, _), _| SINGLE.contains(kind));
            self.hosts.clear();
        } else if let Some(busy) = self.busy.get_mut(&host) {
            *busy = busy.saturating_sub(1);
            if *busy == 0 {
                self.busy.remove(&host);
            }
        }
    }

    /// Takes no more, lets what is being done end in time, and gives the rest back.
    pub(super) async fn stop(mut self) {
        self.sampling.abort_all();
        self.phase.send_replace(Phase::Stopping);
        let drained = timeout(self.settings.grace, self.drain()).await;
        if drained.is_err() {
            tracing::info!(jobs = self.running.len(), "giving background work back");
            self.phase.send_replace(Phase::Over);
            timeout(GIVE_BACK, self.drain()).await.ok();
        }
    }

    async fn drain(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            self.ended(ended.ok());
        }
    }
}
