//! When it is looked, and what becomes of it when an integration changes.

use std::time::Duration;

use scm_service::{DeliverySettings, JobSettings, Presence};
use scm_store::JobKind;
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use scm_types::{IntegrationId, Patch, UpdateScmIntegrationDto};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use tokio::time::sleep;

use super::{SILENCE, Watched, unplanned};
use crate::bench::{Bench, owner, platform};

fn active(yes: bool) -> UpdateScmIntegrationDto {
    UpdateScmIntegrationDto {
        is_active: Patch::Value(yes),
        ..UpdateScmIntegrationDto::default()
    }
}

async fn jobs(on: &Watched) -> usize {
    on.count("`scm_jobs` WHERE `kind` = 'gap_check'").await
}

#[tokio::test]
async fn the_first_look_tells_nothing() {
    for dialect in Dialect::ALL {
        let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
        let on = Watched::unlooked(db, dialect).await;
        on.bench.git.repo().tag("v1", "main");
        on.bench.git.repo().branch("b", "main");
        on.look().await;
        assert_eq!(on.reconciled().await, [""; 0], "{dialect:?}");
        assert_eq!(
            on.count("`scm_known_refs` WHERE `present`").await,
            3,
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn an_empty_repository_is_known_to_be_empty() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    on.bench.git.repo().delete_ref("refs/heads/main");
    on.back().await;
    on.look().await;
    assert_eq!(on.reconciled().await, ["branch_deleted main"]);
    on.back().await;
    on.look().await;
    on.bench.git.repo().commit("main", "Again");
    on.back().await;
    on.look().await;
    let want = ["branch_deleted main", "branch_created main", "push main"];
    assert_eq!(on.reconciled().await, want);
}

#[tokio::test]
async fn servers_that_follow_each_other_are_no_outage() {
    let on = Watched::on_sqlite(Dialect::Github).await;
    let first = Presence::new(&on.services, SILENCE);
    assert!(
        !first.beat().await.unwrap(),
        "there was nobody before the first"
    );
    assert!(!first.beat().await.unwrap());
    let second = Presence::new(&on.services, SILENCE);
    assert!(!second.beat().await.unwrap());
    first.leave().await.unwrap();
    assert!(!second.beat().await.unwrap());
    assert_eq!(jobs(&on).await, 0);
    assert_eq!(on.count("`scm_servers`").await, 1);

    second.leave().await.unwrap();
    let third = Presence::new(&on.services, SILENCE);
    assert!(third.beat().await.unwrap(), "for a moment nobody was there");
    assert_eq!(jobs(&on).await, 1);
    // Hosts have to come to their end with what they were delivering just then.
    let report = on.work_off().await;
    assert_eq!(report.of(JobKind::GapCheck, "done"), 0, "{report:?}");
    assert!(!third.beat().await.unwrap(), "it is found once");
}

/// However early it is stopped, it does not stay on the list as one that is there.
#[tokio::test]
async fn a_server_that_is_stopped_while_it_comes_takes_its_leave() {
    let locks = [
        (Backend::Sqlite, "UPDATE scm_jobs SET kind = kind", ""),
        (
            Backend::Mysql,
            "LOCK TABLES scm_servers READ",
            "UNLOCK TABLES",
        ),
        (
            Backend::Postgres,
            "LOCK TABLE scm_servers IN SHARE MODE",
            "",
        ),
    ];
    for (backend, lock, unlock) in locks {
        let Some(db) = TestDb::migrated(backend).await else {
            continue;
        };
        let on = Watched::on(db, Dialect::Github).await;
        // Whoever wants to come on the list waits for this one.
        let other = on.bench.db.connect().await;
        let other = other.begin().await.unwrap();
        other.execute_unprepared(lock).await.unwrap();

        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let services = on.services.clone();
        let running = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap() };
            services
                .run_deliveries(DeliverySettings::default(), shutdown)
                .await;
        });
        // So long that it has begun; nothing is wrong if it has not.
        sleep(Duration::from_millis(200)).await;
        stop.send(()).unwrap();
        sleep(Duration::from_millis(20)).await;
        other.execute_unprepared(unlock).await.unwrap();
        other.rollback().await.unwrap();
        running.await.unwrap();
        // So long that what was begun and given up would have come to its end.
        sleep(Duration::from_millis(200)).await;
        let there = on.count("`scm_servers` WHERE `stoppedAt` IS NULL").await;
        assert_eq!(there, 0, "{backend}");
    }
}

#[tokio::test]
async fn a_database_that_was_away_is_an_outage() {
    let on = Watched::on_sqlite(Dialect::Github).await;
    let server = Presence::new(&on.services, SILENCE);
    server.beat().await.unwrap();
    on.age("scm_servers", "seenAt").await;
    assert!(server.beat().await.unwrap());
    assert_eq!(jobs(&on).await, 1);
    assert!(!server.beat().await.unwrap());
}

#[tokio::test]
async fn what_had_to_be_refused_is_looked_for() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    let server = Presence::new(&on.services, SILENCE);
    server.beat().await.unwrap();
    on.execute("ALTER TABLE `scm_webhook_deliveries` RENAME TO `away`")
        .await;
    on.bench.git.repo().commit("main", "Refused");
    on.bench.git.deliver_push("refs/heads/main", None).await;
    let request = on.receiver.requests().remove(0);
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let refused = on
        .services
        .receive(&on.bench.id, headers, request.body.clone())
        .await;
    assert!(refused.is_err());
    on.execute("ALTER TABLE `away` RENAME TO `scm_webhook_deliveries`")
        .await;
    // An id that nobody knows is nothing.
    on.services
        .note_refused(&IntegrationId::parse("nobody").unwrap());
    assert_eq!(jobs(&on).await, 0);
    assert!(!server.beat().await.unwrap());
    assert_eq!(jobs(&on).await, 1);
    on.look().await;
    assert_eq!(on.reconciled().await, ["push main"]);
}

#[tokio::test]
async fn it_is_looked_once_in_a_while_unless_that_is_switched_off() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    on.bench.git.repo().commit("main", "Missed");
    on.age_by_hours("scm_ref_checks", "checkedAt", 27).await;
    on.age("scm_jobs", "dueAt").await;
    let report = on.services.work_off_jobs(unplanned()).await;
    assert_eq!(report.of(JobKind::GapCheck, "done"), 0, "{report:?}");
    for (hours, want) in [(20, 0), (27, 1), (20, 0)] {
        on.age_by_hours("scm_ref_checks", "checkedAt", hours).await;
        on.age("scm_jobs", "dueAt").await;
        let daily = JobSettings::default();
        let report = on.services.work_off_jobs(daily).await;
        assert_eq!(
            report.of(JobKind::GapCheck, "done"),
            want,
            "{hours}: {report:?}"
        );
    }
    assert_eq!(on.reconciled().await, ["push main"]);
}

#[tokio::test]
async fn what_happens_in_a_pause_is_not_told() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    let git = &on.bench.git;
    on.bench.update(&active(false)).await;
    // By a delivery, and without one.
    let before = git.repo().rev_parse("main");
    git.repo().commit("main", "In the pause");
    git.deliver_push("refs/heads/main", before.as_deref()).await;
    on.arrive().await;
    git.repo().branch("b", "main");
    git.forget_requests();
    on.back().await;
    on.look().await;
    assert_eq!(git.requests().len(), 0, "its credential rests");

    on.bench.update(&active(true)).await;
    assert_eq!(jobs(&on).await, 1);
    on.look().await;
    assert_eq!(on.reconciled().await, [""; 0]);
    assert_eq!(on.delivered().await, [""; 0]);
    git.repo().branch("c", "main");
    on.back().await;
    on.look().await;
    assert_eq!(on.reconciled().await, ["branch_created c", "push c"]);
}

#[tokio::test]
async fn without_a_webhook_nothing_is_known_or_looked_for() {
    let empty = async |on: &Watched| {
        for table in ["`scm_known_refs`", "`scm_ref_checks`", "`scm_redeliveries`"] {
            assert_eq!(on.count(table).await, 0, "{table}");
        }
    };
    for hard in [false, true] {
        let on = Watched::on_sqlite(Dialect::Bitbucket).await;
        let platform = platform();
        let deleted = on.services.delete(&platform, &on.bench.id, hard, None);
        deleted.await.unwrap();
        empty(&on).await;
    }
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    let owner = owner();
    let removed = on.services.remove_webhook(&owner, &on.bench.id);
    assert!(removed.await.unwrap());
    empty(&on).await;
    // Removed at the host, which told so: found when it is looked at.
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    on.back().await;
    on.execute("UPDATE `tenant_scm_integrations` SET `webhookId` = NULL")
        .await;
    let report = on.work_off().await;
    assert_eq!(report.of(JobKind::GapCheck, "dropped"), 1, "{report:?}");
    empty(&on).await;
}

#[tokio::test]
async fn an_integration_without_a_webhook_is_never_looked_at() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let bench = Bench::empty(db, GitHost::start(Dialect::Github).await).await;
    let server = Presence::new(&bench.services, SILENCE);
    assert!(!server.beat().await.unwrap());
    let report = bench.services.work_off_jobs(JobSettings::default()).await;
    assert_eq!(report.of(JobKind::GapCheck, "done"), 0, "{report:?}");
}

#[tokio::test]
async fn a_credential_that_is_refused_is_tried_later() {
    let on = Watched::on_sqlite(Dialect::Bitbucket).await;
    on.bench.git.repo().commit("main", "Missed");
    on.back().await;
    let refused = scm_testkit::code_host::Reply::empty(401);
    on.bench.git.always("", "", refused);
    let report = on.work_off().await;
    assert_eq!(report.of(JobKind::GapCheck, "failed"), 1, "{report:?}");
    assert_eq!(jobs(&on).await, 1);
    on.bench.git.heal();
    let report = on.work_off_later().await;
    let ended = report.of(JobKind::GapCheck, "done") + report.of(JobKind::GapCheck, "failed");
    assert_eq!(ended, 1, "{report:?}");
}
