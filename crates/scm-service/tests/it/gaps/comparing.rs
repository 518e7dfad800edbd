//! Where a host cannot send again, branches and tags are compared with what is known of them.

use scm_store::JobKind;
use scm_testkit::{code_host::Reply, db::TestDb, git_host::Dialect, on_every_database};
use scm_types::{CommitSha, DeliveryState, EventKind};

use super::{Watched, unplanned};

/// What was told already.
fn reconciled_before() -> (DeliveryState, Option<String>) {
    (
        DeliveryState::Ignored,
        Some("already_reconciled".to_owned()),
    )
}

async fn what_was_missed_is_told_once(on: Watched) {
    let git = &on.bench.git;
    let repo = git.repo();
    repo.branch("release/1", "main");
    repo.branch("old", "main");
    repo.tag("v1", "main");
    repo.tag("v0", "main");
    for full in [
        "refs/heads/release/1",
        "refs/heads/old",
        "refs/tags/v1",
        "refs/tags/v0",
    ] {
        git.deliver_push(full, None).await;
    }
    on.arrive().await;
    assert_eq!(on.delivered().await.len(), 6);
    // Deliveries told everything; where Data Center's tags are is known from here on.
    on.back().await;
    on.look().await;
    assert_eq!(on.reconciled().await, [""; 0]);

    on.out();
    let before = repo.rev_parse("refs/heads/main").unwrap();
    repo.commit("main", "Missed");
    git.deliver_push("refs/heads/main", Some(&before)).await;
    let step = repo.rev_parse("refs/heads/main").unwrap();
    repo.commit("main", "Missed as well");
    git.deliver_push("refs/heads/main", Some(&step)).await;
    repo.delete_ref("refs/heads/old");
    repo.branch("new/a#b", "main");
    repo.delete_ref("refs/tags/v0");
    repo.delete_ref("refs/tags/v1");
    repo.annotated_tag("v1", "main", "Moved");
    repo.annotated_tag("v2", "main", "New");
    on.back().await;
    on.look().await;
    let want = [
        "branch_deleted old",
        "tag_deleted v0",
        "push main",
        "branch_created new/a#b",
        "push new/a#b",
        "tag_deleted v1",
        "tag_created v1",
        "tag_created v2",
    ];
    assert_eq!(on.reconciled().await, want);
    let head = repo.rev_parse("refs/heads/main").unwrap();
    for told in on.told().await.iter().filter(|told| told.event.reconciled) {
        let repository = told.event.repository.as_ref().unwrap();
        assert!(
            git.repository_url()
                .contains(repository.path.rsplit('/').next().unwrap())
        );
        match &told.event.kind {
            EventKind::Push(push) if push.branch == "main" => {
                assert_eq!(
                    push.before.as_ref().map(CommitSha::as_str),
                    Some(before.as_str())
                );
                assert_eq!(push.after.as_str(), head);
            }
            EventKind::TagCreated(tag) => {
                assert_eq!(tag.commit_sha.as_ref().unwrap().as_str(), head, "peeled");
            }
            _ => {}
        }
    }

    // Nothing has happened since.
    on.back().await;
    on.look().await;
    assert_eq!(on.reconciled().await, want);

    // What was lost comes late, in its order: each step is known.
    let keys: Vec<_> = git
        .attempts()
        .into_iter()
        .filter(|it| it.status == 404)
        .collect();
    let mut late: Vec<_> = keys.into_iter().map(|it| it.key).collect();
    late.dedup();
    for key in late {
        git.redeliver(&key).await;
    }
    let many = on.delivered().await.len();
    on.arrive().await;
    let states = on.states().await;
    assert_eq!(states.len(), 6, "{states:?}");
    assert_eq!(
        states[4..],
        [reconciled_before(), reconciled_before()],
        "{states:?}"
    );
    assert_eq!(on.delivered().await.len(), many);

    // What is new is told.
    repo.commit("main", "Another");
    git.deliver_push("refs/heads/main", Some(&head)).await;
    on.arrive().await;
    assert_eq!(on.delivered().await.len(), many + 1);
    on.back().await;
    on.look().await;
    assert_eq!(on.reconciled().await, want);
}

on_every_database! {
    async fn bitbucket_is_compared(db: TestDb) {
        what_was_missed_is_told_once(Watched::on(db, Dialect::Bitbucket).await).await;
    }
}

#[tokio::test]
async fn data_center_is_compared() {
    what_was_missed_is_told_once(Watched::on_sqlite(Dialect::DataCenter).await).await;
}

#[tokio::test]
async fn a_branch_that_was_set_back_is_told_as_it_is() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    let repo = on.bench.git.repo();
    let first = repo.rev_parse("main").unwrap();
    let second = repo.commit("main", "Second");
    on.back().await;
    on.look().await;
    repo.set_branch("main", &first);
    on.back().await;
    on.look().await;
    let told = on
        .told()
        .await
        .into_iter()
        .filter_map(|told| match told.event.kind {
            EventKind::Push(push) => {
                Some((push.before.unwrap().to_string(), push.after.to_string()))
            }
            _ => None,
        });
    let told: Vec<_> = told.collect();
    assert_eq!(told, [(first.clone(), second.clone()), (second, first)]);
}

#[tokio::test]
async fn a_host_is_compared_once_by_several_servers() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    on.bench.git.repo().commit("main", "Missed");
    on.back().await;
    on.bench.git.forget_requests();
    let servers = [on.server().await, on.server().await];
    let work = servers.iter().map(|it| it.work_off_jobs(unplanned()));
    futures::future::join_all(work).await;
    assert_eq!(on.listings(), 1);
    assert_eq!(on.reconciled().await, ["push main"]);
}

#[tokio::test]
async fn what_is_not_processed_yet_comes_first() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    let git = &on.bench.git;
    let before = git.repo().rev_parse("main");
    git.repo().commit("main", "Told");
    git.deliver_push("refs/heads/main", before.as_deref()).await;
    let request = on.receiver.requests().remove(0);
    on.receive(&request).await;
    on.back().await;
    git.forget_requests();
    let report = on.work_off().await;
    assert_eq!(report.of(JobKind::GapCheck, "put_off"), 1, "{report:?}");
    assert_eq!(on.listings(), 0);
    on.services.work_off_deliveries().await.unwrap();
    on.settled().await;
    let report = on.work_off_later().await;
    assert_eq!(report.of(JobKind::GapCheck, "done"), 1, "{report:?}");
    assert_eq!(on.delivered().await, ["push main"]);
    assert_eq!(on.reconciled().await, [""; 0]);
}

#[tokio::test]
async fn what_a_delivery_told_a_moment_ago_is_newer_than_a_list() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    let git = &on.bench.git;
    on.back().await;
    let before = git.repo().rev_parse("main");
    let after = git.repo().commit("main", "Told");
    git.deliver_push("refs/heads/main", before.as_deref()).await;
    on.arrive().await;
    // The host goes on giving the list from before.
    git.repo().set_branch("main", before.as_deref().unwrap());
    let report = on.work_off().await;
    assert_eq!(report.of(JobKind::GapCheck, "put_off"), 1, "{report:?}");
    git.repo().set_branch("main", &after);
    on.settled().await;
    let report = on.work_off_later().await;
    assert_eq!(report.of(JobKind::GapCheck, "done"), 1, "{report:?}");
    assert_eq!(on.reconciled().await, [""; 0]);
}

#[tokio::test]
async fn a_list_that_is_not_whole_changes_nothing() {
    for dialect in Dialect::ALL {
        let on = Watched::on_sqlite(dialect).await;
        on.bench.git.repo().commit("main", "Missed");
        on.bench.git.repo().tag("v1", "main");
        on.back().await;
        on.bench.git.always("GET", "/tags", Reply::empty(500));
        let report = on.work_off().await;
        assert_eq!(
            report.of(JobKind::GapCheck, "failed"),
            1,
            "{dialect:?}: {report:?}"
        );
        assert_eq!(on.reconciled().await, [""; 0], "{dialect:?}");
        on.bench.git.heal();
        let report = on.work_off_later().await;
        assert_eq!(
            report.of(JobKind::GapCheck, "done"),
            1,
            "{dialect:?}: {report:?}"
        );
        assert_eq!(
            on.reconciled().await,
            ["push main", "tag_created v1"],
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn more_than_can_be_kept_are_not_compared() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    let names = (0..10_001).map(|number| format!("b{number}"));
    on.bench.git.repo().branches(names, "main");
    on.back().await;
    on.look().await;
    assert_eq!(on.reconciled().await, [""; 0]);
    assert_eq!(on.count("`scm_known_refs`").await, 0);
    assert_eq!(on.count("`scm_ref_checks` WHERE `tooMany`").await, 1);
}
