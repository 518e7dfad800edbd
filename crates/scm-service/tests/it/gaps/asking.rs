//! Hosts that list what they could not deliver are asked to deliver it again.

use futures::future::join_all;
use scm_service::Received;
use scm_store::JobKind;
use scm_testkit::{code_host::Reply, db::TestDb, git_host::Dialect, on_every_database};
use scm_types::DeliveryState;
use serde_json::json;

use super::{Watched, unplanned};

/// How often deliveries were asked for at the host.
fn asked(on: &Watched) -> usize {
    let requests = on.bench.git.requests().into_iter();
    let is_ask = |path: &str| path.ends_with("/attempts") || path.ends_with("/resend");
    requests
        .filter(|it| it.method == "POST" && is_ask(&it.path))
        .count()
}

/// Pushes so often to `main`, each time another commit.
async fn push(on: &Watched, times: usize) {
    let git = &on.bench.git;
    for number in 0..times {
        let before = git.repo().rev_parse("refs/heads/main");
        git.repo().commit("main", &format!("Commit {number}"));
        git.deliver_push("refs/heads/main", before.as_deref()).await;
    }
}

async fn failed_deliveries_come_again(on: Watched) {
    on.out();
    push(&on, 2).await;
    on.bench.git.repo().tag("v1", "main");
    on.bench.git.deliver_push("refs/tags/v1", None).await;
    on.back().await;

    let report = on.work_off().await;
    assert_eq!(report.of(JobKind::GapCheck, "put_off"), 1, "{report:?}");
    assert_eq!(asked(&on), 3);
    on.bench.git.settle().await;
    assert_eq!(on.arrive().await, [Received::Accepted; 3]);
    let want = ["push main", "push main", "tag_created v1"];
    assert_eq!(on.delivered().await, want);

    // They are processed once, and the comparison has nothing to add.
    on.settled().await;
    let report = on.work_off_later().await;
    assert_eq!(report.of(JobKind::GapCheck, "done"), 1, "{report:?}");
    assert_eq!(on.delivered().await, want);
    assert_eq!(on.reconciled().await, [""; 0]);
    on.back().await;
    on.look().await;
    assert_eq!(asked(&on), 3);
    let noted = "`scm_audit_log` WHERE `action` = 'redelivery.requested' AND `outcome` = 'done'";
    assert_eq!(on.count(noted).await, 1);
}

on_every_database! {
    async fn github_is_asked_for_what_failed(db: TestDb) {
        failed_deliveries_come_again(Watched::on(db, Dialect::Github).await).await;
    }

    async fn of_two_servers_one_asks(db: TestDb) {
        let on = Watched::on(db, Dialect::Github).await;
        on.out();
        push(&on, 4).await;
        on.back().await;
        let servers = [on.server().await, on.server().await, on.server().await];
        let work = servers.iter().map(|it| it.work_off_jobs(unplanned()));
        let reports = join_all(work).await;
        let put_off = reports.iter().map(|it| it.of(JobKind::GapCheck, "put_off"));
        assert_eq!(put_off.sum::<u64>(), 1, "{reports:?}");
        assert_eq!(asked(&on), 4);
    }
}

#[tokio::test]
async fn gitlab_is_asked_for_what_failed() {
    failed_deliveries_come_again(Watched::on_sqlite(Dialect::Gitlab).await).await;
}

#[tokio::test]
async fn gitlab_is_asked_for_five_in_a_minute() {
    let on = Watched::on_sqlite(Dialect::Gitlab).await;
    on.out();
    // The fourth failure in a row pauses the webhook, as at the host.
    for _ in 0..3 {
        push(&on, 3).await;
        let id = on.bench.git.hooks()[0].id.clone();
        on.bench.git.edit_hook(&id, |hook| {
            hook.failures = 0;
        });
    }
    on.back().await;
    on.work_off().await;
    assert_eq!(asked(&on), 5);
    on.work_off_later().await;
    assert_eq!(asked(&on), 9, "each once");
}

#[tokio::test]
async fn what_has_arrived_is_not_asked_for() {
    let on = Watched::on_sqlite(Dialect::Github).await;
    // It was stored, but the answer came too late for the host.
    on.out();
    push(&on, 1).await;
    assert_eq!(on.arrive().await, [Received::Accepted]);
    on.back().await;
    on.look().await;
    assert_eq!(asked(&on), 0);
    assert_eq!(on.delivered().await, ["push main"]);
    assert_eq!(on.reconciled().await, [""; 0]);
}

#[tokio::test]
async fn a_server_that_dies_while_it_asks_asks_again_and_nothing_is_told_twice() {
    let on = Watched::on_sqlite(Dialect::Github).await;
    on.out();
    push(&on, 2).await;
    on.back().await;
    on.work_off().await;
    // It died before it could note what it had asked for.
    on.execute("DELETE FROM `scm_redeliveries`").await;
    on.execute("UPDATE `scm_jobs` SET `lastError` = NULL").await;
    on.bench.git.settle().await;
    let first = on.receiver.requests();
    on.receiver.on_everything(Reply::empty(404));
    // The host has not noticed yet that they arrived.
    let again = on.bench.git.attempts();
    for attempt in again.iter().filter(|it| it.redelivery) {
        on.bench.git.redeliver(&attempt.key).await;
    }
    on.receiver.on_everything(Reply::empty(202));
    on.work_off_later().await;
    on.bench.git.settle().await;
    assert_eq!(first.len(), 2);
    let received = on.arrive().await;
    let many = |what| received.iter().filter(|it| **it == what).count();
    assert_eq!(many(Received::Accepted), 2, "{received:?}");
    assert!(many(Received::Repeated) >= 2, "{received:?}");
    assert_eq!(on.delivered().await, ["push main", "push main"]);
}

#[tokio::test]
async fn what_never_arrives_is_asked_for_three_times_and_then_compared() {
    let on = Watched::on_sqlite(Dialect::Github).await;
    on.out();
    push(&on, 1).await;
    for times in 1..=5 {
        on.back().await;
        // Something between us and the host keeps this one off for good.
        on.out();
        on.work_off().await;
        on.bench.git.settle().await;
        on.age_by_hours("scm_redeliveries", "askedAt", 1).await;
        assert_eq!(asked(&on), times.min(3));
        on.work_off_later().await;
        assert_eq!(on.reconciled().await, ["push main"], "told once");
        // Remembered for as long as the host may have it.
        assert_eq!(on.count("`scm_redeliveries`").await, 1);
    }
}

#[tokio::test]
async fn who_may_not_see_the_list_compares() {
    let on = Watched::on_sqlite(Dialect::Github).await;
    on.out();
    push(&on, 1).await;
    on.back().await;
    let refusal = json!({"message": "Resource not accessible by personal access token"});
    let refusal = Reply::json(403, &refusal);
    on.bench.git.always("", "/deliveries", refusal);
    on.look().await;
    assert_eq!(on.reconciled().await, ["push main"]);
}

#[tokio::test]
async fn a_host_that_is_down_is_asked_later() {
    let on = Watched::on_sqlite(Dialect::Github).await;
    on.out();
    push(&on, 1).await;
    on.back().await;
    on.bench.git.always("POST", "/attempts", Reply::empty(500));
    let report = on.work_off().await;
    assert_eq!(report.of(JobKind::GapCheck, "failed"), 1, "{report:?}");
    assert!(
        on.states()
            .await
            .iter()
            .all(|(state, _)| *state != DeliveryState::Dead)
    );
    on.bench.git.heal();
    let report = on.work_off_later().await;
    assert_eq!(report.of(JobKind::GapCheck, "put_off"), 1, "{report:?}");
    on.bench.git.settle().await;
    on.arrive().await;
    assert_eq!(on.delivered().await, ["push main"]);
}
