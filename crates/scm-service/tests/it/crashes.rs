//! Servers that die in the middle of a renewal, and databases that do: no credential is lost that can
//! be kept, and the next one who comes goes on.

use std::{
    sync::{Mutex, mpsc},
    time::Duration,
};

use scm_service::{ConnectOptions, Outage, ProviderError, RenewalStep, ServiceError, Services};
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::Dialect,
    on_every_database, until,
};
use scm_types::VerificationStatus;

use crate::bench::{Bench, transport, work};

/// A server dies at a step of its first renewal.
async fn died_at(db: TestDb, step: RenewalStep) -> Bench {
    let bench = Bench::on(db, Dialect::Gitlab).await;
    bench.expire();
    bench.dies_at(step).await;
    bench
}

/// Another server, which does not wait long.
async fn impatient(bench: &Bench) -> Services {
    let server = bench.server().await;
    server
        .transport(transport(Duration::from_secs(5)))
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
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.expire();
    bench.git.set_latency(Duration::from_millis(300));
    let (dying, id) = (bench.dying_at(RenewalStep::Stored).await, bench.id.clone());
    let dead = tokio::spawn(async move { work(&dying, &id).await });
    until(|| bench.git.calls() > 0).await;
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
    assert!(!dead.is_finished());
    dead.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_new_credential_is_stored_when_the_database_comes_back() {
    let Some(db) = TestDb::migrated(Backend::Postgres).await else {
        return;
    };
    let bench = Bench::on(db, Dialect::Gitlab).await;
    bench.expire();
    let (answered, is_answered) = mpsc::channel();
    let (locked, is_locked) = mpsc::channel::<()>();
    let is_locked = Mutex::new(is_locked);
    let options = ConnectOptions {
        statement_timeout: Duration::from_millis(1_500),
        ..ConnectOptions::default()
    };
    let server = bench
        .server_with(&options)
        .await
        .stop_renewals(move |step| {
            if step == RenewalStep::Answered {
                answered.send(()).unwrap();
                is_locked.lock().unwrap().recv().unwrap();
            }
            false
        });
    let (server, id) = (server.build().unwrap(), bench.id.clone());
    let operation = tokio::spawn(async move { work(&server, &id).await });

    let waited = tokio::task::spawn_blocking(move || is_answered.recv().unwrap());
    waited.await.unwrap();
    let lock = "DO $$ BEGIN LOCK TABLE tenant_scm_integrations IN ACCESS EXCLUSIVE MODE; \
                PERFORM pg_sleep(5); END $$";
    let away = bench.db.execute_by_hand(lock);
    let go_on = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        locked.send(()).unwrap();
    };
    tokio::join!(away, go_on);
    operation.await.unwrap().unwrap();
    assert_eq!(bench.git.refreshes(), 1);
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
}
