//! Waiting for what another task or process does.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Returns as soon as it is so; looks every few milliseconds.
///
/// # Panics
///
/// If it is not so within two minutes.
#[track_caller]
pub fn until(is: impl Fn() -> bool) -> impl Future<Output = ()> {
    let asked = std::panic::Location::caller();
    async move {
        let waiting = async {
            while !is() {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let came = timeout(PATIENCE, waiting).await.is_ok();
        assert!(came, "never so: what {asked} waits for");
    }
}
