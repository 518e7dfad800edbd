//! Work that nobody asked for: connections are looked at again, credentials renewed, webhooks
//! removed, deliveries that were missed looked for, values sealed anew, what an old server writes taken
//! over.
//!
//! - Any number of servers share it. A job is done by whoever holds its lease; of one that dies the
//!   job is another's when the lease is over, by the database's clock.
//! - Only what is due has a job. A plan is made every few minutes, by one server for all, from what
//!   the integrations say; whatever it gets wrong is put right before a host is called, for each job
//!   reads its integration again.
//! - Users come first: a job is never waited for, its calls leave room at the host for theirs, and a
//!   slow host takes a part of the places only.
//! - No answer is no result. What a host that is down or busy does to a job is to put it off.
//! - Nothing here keeps the server from starting, serving or stopping.

mod adopt;
mod outcome;
pub(crate) mod pace;
mod plan;
mod renew;
mod reseal;
mod runner;
mod verify;
mod webhook_removal;
mod work;

use std::{future::Future, time::Duration};

use scm_types::{Actor, Who};

use self::runner::Runner;
use crate::Services;

pub use outcome::JobReport;
pub(crate) use outcome::Outcome;
pub(crate) use plan::host_of;

/// How background work is gone about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// How often each connection is looked at again; each a little earlier or later.
    pub verify_interval: Duration,
    /// How many jobs are done at the same time. One host gets half of it at the most.
    pub concurrency: usize,
    /// How often it is looked for what deliveries should have told, each a little earlier or later;
    /// `None` looks only after an outage.
    pub gap_interval: Option<Duration>,
    /// Whether values that are sealed with an older key are sealed anew.
    pub reseal: bool,
    /// How often it is looked for work while there is none; a little earlier or later.
    pub poll: Duration,
    /// How long jobs may go on when the server stops.
    pub grace: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            verify_interval: Duration::from_hours(24),
            concurrency: 4,
            gap_interval: Some(Duration::from_hours(24)),
            reseal: true,
            poll: Duration::from_secs(15),
            grace: Duration::from_secs(10),
        }
    }
}

impl JobSettings {
    /// How many jobs of one host are done at the same time.
    fn share(&self) -> usize {
        self.concurrency.div_ceil(2).max(1)
    }
}

/// True for work that nobody waits for: at a code host it steps back behind users.
pub(crate) fn is_in_background(actor: &Actor) -> bool {
    matches!(actor.who, Who::Server(_))
}

impl Services {
    /// Does background work until `shutdown` is over, beside as many other servers as there are.
    /// What is being done then has [`JobSettings::grace`] to end; the rest is given back.
    ///
    /// Never fails: what goes wrong is in the log, and is tried again.
    pub async fn run_jobs(&self, settings: JobSettings, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        let mut runner = Runner::new(self.clone(), settings);
        runner.sample_at_times();
        loop {
            runner.fill().await;
            tokio::select! {
                () = &mut shutdown => break,
                () = runner.turn() => {}
            }
        }
        runner.stop().await;
    }

    /// Does what is due now and returns when nothing more is: for who has a clock of its own to
    /// work by.
    pub async fn work_off_jobs(&self, settings: JobSettings) -> JobReport {
        let impatient = JobSettings {
            poll: Duration::ZERO,
            ..settings
        };
        let mut runner = Runner::new(self.clone(), impatient);
        runner.until_idle().await
    }
}
