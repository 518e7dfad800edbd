//! What systemd is told of a service of `Type=notify`. Where nobody listens, nothing happens.

use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio::task::JoinHandle;

/// Requests are taken from now on.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// No new requests are taken from now on.
pub(super) fn stopping() {
    let status = NotifyState::Status("stopping: running requests may finish");
    tell(&[NotifyState::Stopping, status]);
}

/// Says that the process is alive for as long as the task runs, where the unit has a watchdog. It
/// runs on the runtime that accepts connections: when that hangs, nothing is said.
pub(super) fn keep_alive() -> Option<JoinHandle<()>> {
    let every = watchdog_enabled()?
        .div_f64(2.0)
        .max(Duration::from_millis(1));
    Some(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }))
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
