//! Background work beside the requests: it ends with the server, and never keeps it from anything.

use std::time::Duration;

use scm_service::{JobSettings, Services};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::config::Config;

/// Giving back what did not end in time may take a little longer than that.
const GIVING_BACK: Duration = Duration::from_secs(6);

/// The background work of a running server.
pub(super) struct Jobs {
    running: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    grace: Duration,
}

impl Jobs {
    /// Begins, if that is switched on.
    pub(super) fn start(services: &Services, config: &Config) -> Self {
        let settings = config.jobs.settings(config.shutdown_timeout_seconds);
        let (stop, stopped) = watch::channel(false);
        let running = config.jobs.enabled.then(|| {
            tracing::info!(
                concurrency = settings.concurrency,
                "background work is done here"
            );
            tokio::spawn(run(services.clone(), settings, stopped))
        });
        Self {
            running,
            stop,
            grace: settings.grace,
        }
    }

    /// A switch that lets no further job begin: for when the server begins to stop.
    pub(super) fn switch(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Waits for what is being done, and gives back what does not end in time.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        let Some(running) = self.running else {
            return;
        };
        if timeout(self.grace + GIVING_BACK, running).await.is_err() {
            tracing::warn!("background work did not end in time; its leases end by themselves");
        }
    }
}

async fn run(services: Services, settings: JobSettings, mut stopped: watch::Receiver<bool>) {
    let shutdown = async {
        stopped.wait_for(|stop| *stop).await.ok();
    };
    services.run_jobs(settings, shutdown).await;
}
