//! A server that stops gives back what it does not come to.

use std::time::Duration;

use scm_service::JobSettings;
use scm_testkit::{db::TestDb, on_every_database, until};
use tokio::sync::oneshot;

use super::{bench, rows, work_off};

on_every_database! {
    async fn what_takes_too_long_is_given_back(db: TestDb) {
        let bench = bench(db).await;
        bench.git.set_latency(Duration::from_hours(1));
        let (stop, stopped) = oneshot::channel::<()>();
        let settings = JobSettings { grace: Duration::from_millis(1), ..JobSettings::default() };
        let services = bench.services.clone();
        let running = tokio::spawn(async move {
            services.run_jobs(settings, async { stopped.await.unwrap_or(()) }).await;
        });
        until(|| bench.git.calls() > 0).await;
        stop.send(()).unwrap();
        running.await.unwrap();
        let sql = "SELECT `subject` FROM `scm_jobs` WHERE `owner` IS NOT NULL";
        assert!(rows(&bench, sql).await.is_empty());

        // Whoever comes next does it at once.
        bench.git.set_latency(Duration::ZERO);
        let other = bench.server().await.build().unwrap();
        let report = work_off(&other).await;
        assert_eq!(report.of(scm_store::JobKind::Verify, "done"), 1, "{report:?}");
    }
}
