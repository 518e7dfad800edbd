//! Several servers on one database.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use scm_service::{JobSettings, Services};
use scm_store::JobKind;
use scm_testkit::{code_host::Reply, db::TestDb, on_every_database, until};
use scm_types::{FixedClock, VerificationStatus};

use super::{DAY, all_due, bench, connect_another, execute, next_day, notes, row, rows, work_off};
use crate::bench::{Bench, Later, MINUTE};

/// One more for each of so many further tenants.
async fn connect_many(bench: &Bench, number: usize) {
    let ids = join_all((0..number).map(|number| {
        let tenant = format!("tenant-{number}");
        async move { connect_another(bench, &tenant).await }
    }));
    assert_eq!(ids.await.into_iter().collect::<BTreeSet<_>>().len(), number);
}

async fn servers(bench: &Bench, number: usize) -> Vec<Services> {
    let mut servers = Vec::new();
    for _ in 0..number {
        servers.push(bench.server().await.build().unwrap());
    }
    servers
}

on_every_database! {
    async fn two_servers_ask_the_host_once_for_each_connection(db: TestDb) {
        let bench = bench(db).await;
        work_off(&bench.services).await;
        let calls = bench.git.calls();
        connect_many(&bench, 199).await;
        bench.git.forget_requests();
        next_day(&bench).await;
        let settings = JobSettings { concurrency: 16, ..JobSettings::default() };
        // Both plan, one after the other's lease or not at all, and both go on until nothing is left.
        let servers = servers(&bench, 2).await;
        let reports = join_all(servers.iter().map(|it| it.work_off_jobs(settings))).await;
        let of = |outcome| reports.iter().map(|it| it.of(JobKind::Verify, outcome)).sum::<u64>();
        assert_eq!((of("done"), of("failed"), of("dropped")), (200, 0, 0), "{reports:?}");
        assert_eq!(bench.git.calls(), 200 * calls);
        let sql = "SELECT `id` FROM `tenant_scm_integrations` WHERE `verificationStatus` = 'VALID'";
        assert_eq!(rows(&bench, sql).await.len(), 200);
    }

    async fn servers_whose_clocks_differ_ask_once(db: TestDb) {
        let bench = bench(db).await;
        connect_many(&bench, 20).await;
        work_off(&bench.services).await;
        let calls = bench.git.calls();
        bench.git.forget_requests();
        bench.clock.advance(DAY + MINUTE * 180);
        let mut servers = Vec::new();
        for minutes in [0, 5, 10] {
            // Five minutes behind the second and ahead of it.
            let clock = FixedClock::at(bench.clock.now_plus(MINUTE * minutes));
            servers.push(bench.server().await.clock(Arc::new(clock)).build().unwrap());
        }
        // Each of them plans, and each does what the others have planned.
        for _ in 0..3 {
            for server in &servers {
                all_due(&bench).await;
                work_off(server).await;
            }
        }
        assert_eq!(bench.git.calls(), calls);
        assert!(notes(&bench, "verify").await.is_empty());
    }

    async fn a_plan_can_be_made_again_and_again(db: TestDb) {
        let bench = bench(db).await;
        connect_many(&bench, 30).await;
        bench.git.always("GET", "", Reply::empty(500));
        work_off(&bench.services).await;
        assert_eq!(notes(&bench, "verify").await.len(), 31);
        // The plan alone, by three servers at once: jobs that are there stay as they are.
        execute(&bench, "DELETE FROM `scm_jobs` WHERE `kind` = 'plan'").await;
        let servers = servers(&bench, 3).await;
        join_all(servers.iter().map(work_off)).await;
        let noted = notes(&bench, "verify").await;
        assert_eq!(noted.len(), 31);
        assert!(noted.iter().all(|(attempts, _)| *attempts == 1), "{noted:?}");
    }
}

on_every_database! {
    async fn what_a_dead_server_had_taken_is_done_by_another(db: TestDb) {
        let bench = bench(db).await;
        // It answers nobody: whoever asks dies waiting.
        bench.git.set_latency(std::time::Duration::from_hours(1));
        let dying = bench.services.clone();
        let dead = tokio::spawn(async move { work_off(&dying).await });
        until(|| bench.git.calls() > 0).await;
        dead.abort();
        dead.await.unwrap_err();
        bench.git.set_latency(std::time::Duration::ZERO);
        let other = bench.server().await.build().unwrap();
        let report = work_off(&other).await;
        assert_eq!(report.of(JobKind::Verify, "done"), 0, "it is leased: {report:?}");
        all_due(&bench).await;
        let report = work_off(&other).await;
        assert_eq!(report.of(JobKind::Verify, "done"), 1, "{report:?}");
        assert_eq!(row(&bench, &bench.id).await.verification_status, VerificationStatus::Valid);
    }
}
