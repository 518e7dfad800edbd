//! Stopping: readiness goes off, running requests finish or time out, a second signal ends it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for SIGTERM or SIGINT, then stops the server gracefully; a second one stops it at once.
pub(super) async fn on_signal(server: ServerHandle, draining: Arc<AtomicBool>) {
    let (Ok(mut term), Ok(mut int)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be caught; the server can only be killed");
        return;
    };
    either(&mut term, &mut int).await;
    tracing::info!("stopping: running requests may finish");
    draining.store(true, Ordering::SeqCst);
    tokio::select! {
        () = server.stop(true) => {}
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
