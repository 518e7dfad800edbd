//! Stopping: readiness goes off, running requests finish or time out, a second signal ends it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM or SIGINT, goes on for `drain` with readiness off, then stops the server
/// gracefully. A second signal ends it at once, whatever it is at.
pub(super) async fn on_signal(server: ServerHandle, draining: Arc<AtomicBool>, drain: Duration) {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut term), Ok(mut int)) = signals else {
        tracing::error!("signals cannot be caught; the server can only be killed");
        return;
    };
    either(&mut term, &mut int).await;
    tracing::info!("stopping: running requests may finish");
    draining.store(true, Ordering::SeqCst);
    let graceful = async {
        tokio::time::sleep(drain).await;
        server.stop(true).await;
    };
    tokio::select! {
        () = graceful => {}
        () = either(&mut term, &mut int) => {
            tracing::warn!("stopping at once");
            server.stop(false).await;
        }
    }
}

async fn either(term: &mut Signal, int: &mut Signal) {
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
