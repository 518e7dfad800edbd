//! What a running server takes over without a stop: its log filter on SIGHUP, its TLS certificate on
//! SIGHUP and when the files change. (Its keys look after themselves, in `keys`.)
//!
//! Settings and files that cannot be used change nothing, and the log says so once.

use std::{sync::Arc, time::Duration};

use tokio::{signal::unix::Signal, time::MissedTickBehavior};

use crate::{config::Sources, telemetry::LogFilter, tls::Certificates};

/// Looks after what can change.
pub(super) struct Reload {
    pub(super) sources: Sources,
    pub(super) filter: LogFilter,
    pub(super) certificates: Option<Arc<Certificates>>,
    /// How often it is looked at the certificate's files.
    pub(super) every: Duration,
}

impl Reload {
    /// Never ends.
    pub(super) async fn run(self, mut hangup: Signal) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = String::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(()) = hangup.recv() => {
                    said.clear();
                    self.take_filter();
                }
            }
            let Some(certificates) = self.certificates.clone() else {
                continue;
            };
            // A file on a network that hangs must not keep the signals waiting.
            let looked = tokio::task::spawn_blocking(move || certificates.look()).await;
            let problem = match looked {
                Ok(Ok(changed)) => {
                    if changed {
                        tracing::info!("a new TLS certificate is shown from now on");
                    }
                    String::new()
                }
                Ok(Err(error)) => format!("{error:#}"),
                Err(error) => error.to_string(),
            };
            if problem != said && !problem.is_empty() {
                tracing::error!(
                    problem,
                    "the TLS certificate cannot be taken; going on with the one before"
                );
            }
            said = problem;
        }
    }

    /// Reads the settings again. Only the filter is taken from them.
    fn take_filter(&self) {
        let taken = self
            .sources
            .config()
            .map_err(anyhow::Error::from)
            .and_then(|config| self.filter.set(&config.log.filter));
        match taken {
            Ok(true) => tracing::info!("a new log filter is in use"),
            Ok(false) => {}
            Err(error) => tracing::error!(
                problem = format!("{error:#}"),
                "the settings cannot be read again; going on with those that were"
            ),
        }
    }
}
