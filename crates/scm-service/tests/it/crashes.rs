//! Servers that die in the middle of a renewal: no credential is lost that can be kept, and the next
//! one who comes goes on.

use std::time::Duration;

use scm_service::{Outage, ProviderError, RenewalStep, ServiceError, Services};
use scm_testkit::{db::TestDb, git_host::Dialect, on_every_database};
use scm_types::VerificationStatus;
use tokio::time::timeout;

use crate::bench::{Bench, transport, work};

/// A server dies at a step of its first renewal.
async fn died_at(db: TestDb, step: RenewalStep) -> Bench {
    let bench = Bench::on(db, Dialect::Gitlab).await;
    bench.expire();
    let dying = bench.dying_at(step).await;
    let died = timeout(Duration::from_millis(500), work(&dying, &bench.id)).await;
    assert!(died.is_err(), "{step:?}");
    bench
}

/// Another server, which does not wait long.
async fn impatient(bench: &Bench) -> Services {
    let server = bench.server().await;
    server
        .transport(transport(Duration::from_secs(1)))
        .build()
        .unwrap()
}

/// Until its time is over the dead server's lease is respected.
async fn assert_waits(bench: &Bench) {
    let error = work(&impatient(bench).await, &bench.id).await.unwrap_err();
    let ServiceError::Provider(ProviderError::Unavailable {
        outage: Outage::Timeout,
        retry_after: Some(wait),
        ..
    }) = error
    else {
        panic!("{error:?}");
    };
    assert!(
        wait > Duration::from_secs(30) && wait <= Duration::from_mins(1),
        "{wait:?}"
    );
    assert_eq!(
        bench.row().await.verification_status,
        VerificationStatus::Pending
    );
}

on_every_database! {
    async fn before_the_call_is_noted(db: TestDb) {
        let bench = died_at(db, RenewalStep::Acquired).await;
        assert_waits(&bench).await;
        assert_eq!(bench.git.refreshes(), 0);
        bench.passed("deadline").await;
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 1);
    }

    async fn before_the_call(db: TestDb) {
        let bench = died_at(db, RenewalStep::InFlight).await;
        assert_waits(&bench).await;
        assert_eq!(bench.git.refreshes(), 0);
        bench.passed("deadline").await;
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 1);
        assert_eq!(bench.row().await.verification_status, VerificationStatus::Pending);
    }

    async fn with_the_answer_in_hand(db: TestDb) {
        let bench = died_at(db, RenewalStep::Answered).await;
        assert_waits(&bench).await;
        assert_eq!(bench.git.refreshes(), 1);
        bench.passed("deadline").await;
        let error = bench.work().await.unwrap_err();
        let ServiceError::CredentialExpired { reason } = &error else {
            panic!("{error:?}");
        };
        assert!(reason.contains("The answer to an earlier renewal was lost"), "{reason}");
        let row = bench.row().await;
        assert_eq!(row.verification_status, VerificationStatus::Expired);
        assert_eq!(row.verification_error.as_ref(), Some(reason));
    }

    async fn with_everything_stored(db: TestDb) {
        let bench = died_at(db, RenewalStep::Stored).await;
        // Nobody has to wait for the dead.
        work(&impatient(&bench).await, &bench.id).await.unwrap();
        assert_eq!(bench.git.refreshes(), 1);
        bench.passed("deadline").await;
        bench.expire();
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 2);
    }
}

#[tokio::test]
async fn who_waits_takes_over_what_a_dying_server_has_stored() {
    let db = TestDb::migrated(scm_testkit::db::Backend::Sqlite)
        .await
        .unwrap();
    let bench = Bench::on(db, Dialect::Gitlab).await;
    bench.expire();
    bench.git.set_latency(Duration::from_millis(300));
    let (dying, id) = (bench.dying_at(RenewalStep::Stored).await, bench.id.clone());
    let dead = tokio::spawn(async move { work(&dying, &id).await });
    while bench.git.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
    assert!(!dead.is_finished());
    dead.abort();
}
