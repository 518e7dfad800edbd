//! Stopping: readiness goes off, running requests finish or time out, a second signal ends it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::dev::ServerHandle;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::notify;

/// What the server is stopped by.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// From here on neither SIGTERM nor SIGINT ends the process by itself.
    pub(super) fn catch() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// Waits for SIGTERM or SIGINT, goes on for `drain` with readiness off and without beginning any
/// more background work, then stops the server gracefully. A second signal ends it at once, whatever
/// it is at.
pub(super) async fn on_signal(
    mut signals: Signals,
    server: ServerHandle,
    draining: Arc<AtomicBool>,
    background: watch::Sender<bool>,
    at_once: Arc<AtomicBool>,
    drain: Duration,
) {
    signals.next().await;
    tracing::info!("stopping: running requests may finish");
    notify::stopping();
    draining.store(true, Ordering::SeqCst);
    background.send_replace(true);
    let graceful = async {
        tokio::time::sleep(drain).await;
        server.stop(true).await;
    };
    tokio::select! {
        () = graceful => {}
        () = signals.next() => {
            tracing::warn!("stopping at once");
            at_once.store(true, Ordering::SeqCst);
            server.stop(false).await;
        }
    }
}
