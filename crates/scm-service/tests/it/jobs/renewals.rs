//! Credentials that are renewed before anybody needs them.

use std::time::Duration;

use futures::future::join_all;
use scm_store::JobKind;
use scm_testkit::{code_host::Reply, db::TestDb, git_host::Dialect, on_every_database};
use scm_types::Clock;

use super::{all_due, notes, work_off};
use crate::bench::{Bench, MINUTE};

/// So long before the token ends, as it is stored, every job is due.
async fn before_the_end(bench: &Bench, left: Duration) {
    let ends = bench.row().await.token_expires_at.unwrap();
    let until = bench.clock.now().until(ends);
    bench.clock.advance(until.checked_sub(left).unwrap());
    all_due(bench).await;
}

on_every_database! {
    async fn a_token_near_its_end_is_renewed_once_by_one_of_two_servers(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        // The first check stores the end that the host tells.
        work_off(&bench.services).await;
        before_the_end(&bench, MINUTE * 11).await;
        work_off(&bench.services).await;
        assert_eq!(bench.git.refreshes(), 0);
        before_the_end(&bench, MINUTE * 9).await;
        let other = bench.server().await.build().unwrap();
        let servers = [&bench.services, &other];
        let reports = join_all(servers.map(work_off)).await;
        let renewed: u64 = reports.iter().map(|it| it.of(JobKind::Renew, "done")).sum();
        assert_eq!((renewed, bench.git.refreshes()), (1, 1), "{reports:?}");
        assert!(notes(&bench, "renew").await.is_empty());
        // What is there now is good for a while.
        all_due(&bench).await;
        work_off(&bench.services).await;
        assert_eq!(bench.git.refreshes(), 1);
    }
}

#[tokio::test]
async fn a_renewal_that_failed_waits_and_is_tried_again() {
    let bench = Bench::new(Dialect::Gitlab).await;
    work_off(&bench.services).await;
    before_the_end(&bench, MINUTE * 9).await;
    bench.git.always("POST", "/oauth/token", Reply::empty(503));
    let report = work_off(&bench.services).await;
    assert_eq!(report.of(JobKind::Renew, "failed"), 1, "{report:?}");
    assert_eq!(
        notes(&bench, "renew").await,
        [(1, Some("later".to_owned()))]
    );
    bench.git.heal();
    all_due(&bench).await;
    bench.passed("nextAttemptAt").await;
    let report = work_off(&bench.services).await;
    assert_eq!(report.of(JobKind::Renew, "done"), 1, "{report:?}");
    assert_eq!(bench.git.refreshes(), 1);
}
