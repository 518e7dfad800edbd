//! Connections that are looked at again, and answers that are not believed at once.

use scm_store::JobKind;
use scm_testkit::{code_host::Reply, db::TestDb, on_every_database};
use scm_types::{Patch, UpdateScmIntegrationDto, VerificationStatus};

use super::{all_due, bench, connect_another, execute, next_day, notes, on_sqlite, row, work_off};
use crate::bench::{Bench, HOUR, MINUTE, platform};

async fn status(bench: &Bench) -> VerificationStatus {
    row(bench, &bench.id).await.verification_status
}

/// The host says no to everybody.
fn refuse(bench: &Bench) {
    let refusal = Reply::fixture("gitlab/user_401");
    bench.git.always("GET", "", refusal);
}

on_every_database! {
    async fn a_connection_is_checked_each_day(db: TestDb) {
        let bench = bench(db).await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::Verify, "done"), 1, "{report:?}");
        let checked = row(&bench, &bench.id).await;
        assert_eq!(checked.verification_status, VerificationStatus::Valid);
        let calls = bench.git.calls();
        assert!(calls > 0);

        // Not twice, however often it is planned.
        bench.clock.advance(HOUR * 21);
        for _ in 0..2 {
            all_due(&bench).await;
            let report = work_off(&bench.services).await;
            assert_eq!(report.of(JobKind::Plan, "put_off"), 1, "{report:?}");
            assert_eq!(bench.git.calls(), calls);
        }
        next_day(&bench).await;
        work_off(&bench.services).await;
        assert_eq!(bench.git.calls(), 2 * calls);
        assert!(row(&bench, &bench.id).await.last_verified_at > checked.last_verified_at);
        assert!(notes(&bench, "verify").await.is_empty());
    }

    async fn a_no_is_believed_the_second_time(db: TestDb) {
        let bench = bench(db).await;
        work_off(&bench.services).await;
        refuse(&bench);
        next_day(&bench).await;
        let before = row(&bench, &bench.id).await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::Verify, "put_off"), 1, "{report:?}");
        assert_eq!(row(&bench, &bench.id).await, before);
        assert_eq!(notes(&bench, "verify").await, [(0, Some("doubt".to_owned()))]);
        // Nobody looks before its time.
        let calls = bench.git.calls();
        work_off(&bench.services).await;
        assert_eq!(bench.git.calls(), calls);

        bench.clock.advance(MINUTE * 10);
        all_due(&bench).await;
        work_off(&bench.services).await;
        assert_eq!(status(&bench).await, VerificationStatus::Invalid);
        assert!(notes(&bench, "verify").await.is_empty());
    }

    async fn an_outage_marks_nothing(db: TestDb) {
        let bench = bench(db).await;
        work_off(&bench.services).await;
        next_day(&bench).await;
        let before = row(&bench, &bench.id).await;
        let outages = [
            Reply::empty(500),
            Reply::html(503),
            Reply::close(),
            Reply::html(200),
            Reply::fixture("gitlab/any_429_rack_attack"),
        ];
        let number = outages.len();
        for (attempt, outage) in outages.into_iter().enumerate() {
            bench.git.heal();
            bench.git.always("GET", "", outage);
            // A limit that was told is over.
            bench.clock.advance(HOUR);
            all_due(&bench).await;
            let report = work_off(&bench.services).await;
            assert_eq!(report.of(JobKind::Verify, "failed"), 1, "{attempt}: {report:?}");
            assert_eq!(row(&bench, &bench.id).await, before, "{attempt}");
        }
        let noted = notes(&bench, "verify").await;
        assert_eq!(noted, [(i32::try_from(number).unwrap(), Some("provider_rate_limited".to_owned()))]);
        bench.git.heal();
        bench.clock.advance(HOUR);
        all_due(&bench).await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::Verify, "done"), 1, "{report:?}");
        assert!(row(&bench, &bench.id).await.last_verified_at > before.last_verified_at);
    }

    async fn a_job_for_what_is_gone_vanishes(db: TestDb) {
        let bench = bench(db).await;
        let others = [connect_another(&bench, "t2").await, connect_another(&bench, "t3").await];
        bench.git.always("GET", "", Reply::empty(500));
        work_off(&bench.services).await;
        assert_eq!(notes(&bench, "verify").await.len(), 3);
        let pause = UpdateScmIntegrationDto {
            is_active: Patch::Value(false),
            ..UpdateScmIntegrationDto::default()
        };
        let (services, platform) = (&bench.services, platform());
        services.delete(&platform, &bench.id, true, None).await.unwrap();
        services.delete(&platform, &others[0], false, None).await.unwrap();
        services.update(&platform, &others[1], &pause, None).await.unwrap();
        let calls = bench.git.calls();
        all_due(&bench).await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::Verify, "dropped"), 3, "{report:?}");
        assert_eq!(bench.git.calls(), calls);
        assert!(notes(&bench, "verify").await.is_empty());
    }
}

#[tokio::test]
async fn a_good_answer_clears_the_doubt_and_an_outage_leaves_it() {
    let bench = on_sqlite().await;
    work_off(&bench.services).await;
    refuse(&bench);
    next_day(&bench).await;
    work_off(&bench.services).await;
    bench.git.heal();
    all_due(&bench).await;
    work_off(&bench.services).await;
    assert_eq!(status(&bench).await, VerificationStatus::Valid);

    // From here on the first "no" is again one that is not believed.
    refuse(&bench);
    next_day(&bench).await;
    work_off(&bench.services).await;
    assert_eq!(status(&bench).await, VerificationStatus::Valid);
    bench.git.heal();
    bench.git.always("GET", "", Reply::empty(500));
    all_due(&bench).await;
    work_off(&bench.services).await;
    assert_eq!(
        notes(&bench, "verify").await,
        [(1, Some("doubt".to_owned()))]
    );
    bench.git.heal();
    refuse(&bench);
    all_due(&bench).await;
    work_off(&bench.services).await;
    assert_eq!(status(&bench).await, VerificationStatus::Invalid);
}

#[tokio::test]
async fn a_users_check_is_written_at_once() {
    let bench = on_sqlite().await;
    work_off(&bench.services).await;
    refuse(&bench);
    next_day(&bench).await;
    work_off(&bench.services).await;
    assert_eq!(status(&bench).await, VerificationStatus::Valid);
    let checked = bench.services.verify(&platform(), &bench.id).await.unwrap();
    assert_eq!(checked.result.status, VerificationStatus::Invalid);
    // The second look is not needed any more.
    let calls = bench.git.calls();
    all_due(&bench).await;
    let report = work_off(&bench.services).await;
    assert_eq!(report.of(JobKind::Verify, "dropped"), 1, "{report:?}");
    assert_eq!(bench.git.calls(), calls);
}

#[tokio::test]
async fn what_did_not_work_is_looked_at_again_and_believed_at_once() {
    let bench = on_sqlite().await;
    refuse(&bench);
    work_off(&bench.services).await;
    assert_eq!(status(&bench).await, VerificationStatus::Invalid);
    bench.git.heal();
    next_day(&bench).await;
    work_off(&bench.services).await;
    assert_eq!(status(&bench).await, VerificationStatus::Valid);
}

#[tokio::test]
async fn a_host_that_asks_to_wait_is_waited_for() {
    let bench = on_sqlite().await;
    let limit = Reply::fixture("gitlab/any_429_rack_attack").header("retry-after", "7200");
    bench.git.always("GET", "", limit);
    work_off(&bench.services).await;
    let sql = "SELECT CAST((julianday(`dueAt`) - julianday('now')) * 86400 AS INTEGER) AS `wait` \
               FROM `scm_jobs` WHERE `kind` = 'verify'";
    let found = super::rows(&bench, sql).await;
    let wait: i64 = found[0].try_get("", "wait").unwrap();
    assert!((7_100..=9_000).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_row_that_cannot_be_checked_makes_no_work() {
    let bench = on_sqlite().await;
    let url = "https://elsewhere.example.com/a/b";
    execute(
        &bench,
        &format!("UPDATE `tenant_scm_integrations` SET `repositoryUrl` = '{url}'"),
    )
    .await;
    let report = work_off(&bench.services).await;
    assert_eq!(report.of(JobKind::Plan, "put_off"), 1);
    assert!(notes(&bench, "verify").await.is_empty());
}
