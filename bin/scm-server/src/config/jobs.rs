//! The sections of background work, of metrics and of the page that shows the API.

use std::net::SocketAddr;

use std::time::Duration;

use scm_service::JobSettings;
use serde::Deserialize;

/// `[jobs]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jobs {
    pub(crate) enabled: bool,
    verify_interval_hours: u64,
    gap_check_interval_hours: u64,
    silence_seconds: u64,
    concurrency: usize,
    reseal: bool,
}

impl Jobs {
    /// How long a server may not be heard of before it is taken for dead.
    pub(crate) fn silence(&self) -> Duration {
        Duration::from_secs(self.silence_seconds)
    }

    /// The settings of the service; jobs may go on as long as requests when the server stops.
    pub(crate) fn settings(&self, shutdown_timeout_seconds: u64) -> JobSettings {
        JobSettings {
            verify_interval: Duration::from_hours(self.verify_interval_hours),
            concurrency: self.concurrency,
            gap_interval: (self.gap_check_interval_hours > 0)
                .then(|| Duration::from_hours(self.gap_check_interval_hours)),
            reseal: self.reseal,
            grace: Duration::from_secs(shutdown_timeout_seconds),
            // Whoever is to find outages of seconds is to see to them within seconds.
            poll: JobSettings::default().poll.min(self.silence() / 4),
        }
    }
}

/// `[docs]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Docs {
    pub(crate) enabled: bool,
}

/// `[metrics]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    /// Where probes and metrics are served beside the API.
    #[serde(default)]
    pub(crate) listen: Option<SocketAddr>,
}
