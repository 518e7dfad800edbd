//! Processing of what code hosts deliver, beside the requests: it ends with the server.

use std::time::Duration;

use scm_service::{DeliverySettings, Services};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::config::Config;

/// How much longer than its grace the processing may take to end.
const ENDING: Duration = Duration::from_secs(4);

/// The processing of a running server.
pub(super) struct Deliveries {
    running: JoinHandle<()>,
    grace: Duration,
}

impl Deliveries {
    /// Begins, until `stopped` says so.
    pub(super) fn start(
        services: &Services,
        config: &Config,
        mut stopped: watch::Receiver<bool>,
    ) -> Self {
        let settings = DeliverySettings {
            grace: Duration::from_secs(config.shutdown_timeout_seconds),
            retention: config.events.retention(),
            silence: config.jobs.silence(),
            ..DeliverySettings::default()
        };
        let services = services.clone();
        let running = tokio::spawn(async move {
            let shutdown = async {
                stopped.wait_for(|stop| *stop).await.ok();
                services.stop_waiting();
            };
            services.run_deliveries(settings, shutdown).await;
        });
        Self {
            running,
            grace: settings.grace,
        }
    }

    /// Waits for what is being processed.
    pub(super) async fn stop(self) {
        if timeout(self.grace + ENDING, self.running).await.is_err() {
            tracing::warn!("processing of deliveries did not end in time; another server goes on");
        }
    }
}
