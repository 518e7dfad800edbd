//! Pushing of events to the configured address, beside the requests: it ends with the server.

use std::time::Duration;

use scm_service::{PushSettings, Services};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::config::Config;

/// How much longer than its grace the pushing may take to end.
const ENDING: Duration = Duration::from_secs(2);

/// The pushing of a running server.
pub(super) struct Events {
    running: JoinHandle<()>,
    grace: Duration,
}

impl Events {
    /// Begins, until `stopped` says so; over at once where the services have no sink.
    pub(super) fn start(
        services: &Services,
        config: &Config,
        mut stopped: watch::Receiver<bool>,
    ) -> Self {
        let settings = PushSettings {
            grace: Duration::from_secs(config.shutdown_timeout_seconds),
            ..PushSettings::default()
        };
        let services = services.clone();
        let running = tokio::spawn(async move {
            let shutdown = async {
                stopped.wait_for(|stop| *stop).await.ok();
            };
            services.push_events(settings, shutdown).await;
        });
        Self {
            running,
            grace: settings.grace,
        }
    }

    /// Waits for what is being pushed.
    pub(super) async fn stop(self) {
        if timeout(self.grace + ENDING, self.running).await.is_err() {
            tracing::warn!("pushing of events did not end in time; another server goes on");
        }
    }
}
