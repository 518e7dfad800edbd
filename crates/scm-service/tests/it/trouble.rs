//! Renewals that are refused, and hosts that do not answer.

use std::time::Duration;

use scm_service::{Outage, ProviderError, ServiceError};
use scm_testkit::{code_host::Reply, db::TestDb, git_host::Dialect, on_every_database};
use scm_types::VerificationStatus;

use crate::bench::{Bench, MINUTE, owner};

#[track_caller]
fn reason(error: ServiceError) -> String {
    match error {
        ServiceError::CredentialExpired { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// What an outage is told with.
#[track_caller]
fn outage(error: &ServiceError) -> (Outage, Duration) {
    match error {
        ServiceError::Provider(ProviderError::Unavailable {
            outage,
            retry_after: Some(wait),
            ..
        }) => (*outage, *wait),
        other => panic!("{other:?}"),
    }
}

on_every_database! {
    async fn a_refused_renewal_makes_the_connection_expired(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        bench.expire();
        bench.git.revoke_tokens();
        let told = reason(bench.work().await.unwrap_err());
        assert!(told.ends_with("Connect the repository again"), "{told}");
        let row = bench.row().await;
        assert_eq!(row.verification_status, VerificationStatus::Expired);
        assert_eq!(row.verification_error.as_deref(), Some(told.as_str()));
        assert!(row.last_verified_at.is_some() && !row.has_valid_token);

        // Nobody asks again for the same credential, and everybody is told why.
        assert_eq!(bench.git.writes().len(), 1);
        assert_eq!(reason(bench.work().await.unwrap_err()), told);
        let checked = bench.services.verify(&owner(), &bench.id).await.unwrap();
        assert_eq!(checked.result.status, VerificationStatus::Expired);
        assert_eq!(checked.result.error.as_deref(), Some(told.as_str()));
        assert_eq!(checked.integration.verification_status, VerificationStatus::Expired);
        assert_eq!(bench.git.writes().len(), 1);

        let (access, refresh) = bench.git.issue();
        bench.paste(&access, &refresh).await;
        bench.work().await.unwrap();
        bench.git.expire_tokens();
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 1);
    }

    async fn a_host_that_is_down_changes_nothing(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        bench.expire();
        bench.git.always("POST", "/oauth/token", Reply::html(503));
        let before = bench.row().await;
        for (minutes, calls) in [(1, 1), (2, 2), (4, 3)] {
            let (what, wait) = outage(&bench.work().await.unwrap_err());
            assert_eq!((what, wait), (Outage::Status(503), MINUTE * minutes));
            // Held off, by operations and by checks.
            let (_, wait) = outage(&bench.work().await.unwrap_err());
            assert!(wait <= MINUTE * minutes && wait + MINUTE / 2 > MINUTE * minutes, "{wait:?}");
            outage(&bench.services.verify(&owner(), &bench.id).await.unwrap_err());
            assert_eq!(bench.git.writes().len(), calls);
            assert_eq!(bench.row().await, before);
            bench.passed("nextAttemptAt").await;
        }
        bench.git.heal();
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 1);
    }

    async fn a_lost_answer_is_told(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        bench.expire();
        bench.git.lose("POST", "/oauth/token", Reply::close());
        let before = bench.row().await;
        outage(&bench.work().await.unwrap_err());
        assert_eq!((bench.git.refreshes(), bench.row().await), (1, before));

        bench.passed("nextAttemptAt").await;
        let told = reason(bench.work().await.unwrap_err());
        assert!(told.contains("The answer to an earlier renewal was lost"), "{told}");
        assert_eq!(bench.row().await.verification_error, Some(told));
    }
}

#[tokio::test]
async fn a_lost_answer_of_a_host_whose_refresh_tokens_stay_good_does_no_harm() {
    let bench = Bench::new(Dialect::Bitbucket).await;
    bench.expire();
    bench.git.lose("POST", "/access_token", Reply::close());
    outage(&bench.work().await.unwrap_err());
    bench.passed("nextAttemptAt").await;
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 2);
}

#[tokio::test]
async fn a_refusal_of_this_server_is_the_operators_to_mend() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.expire();
    bench.git.set_oauth("client", "another secret");
    let before = bench.row().await;
    for _ in 0..2 {
        let error = bench.work().await.unwrap_err();
        assert!(
            matches!(
                error,
                ServiceError::Provider(ProviderError::ServerRefused { .. })
            ),
            "{error:?}"
        );
    }
    assert_eq!(bench.git.writes().len(), 1);
    assert_eq!(bench.row().await, before);
}

#[tokio::test]
async fn a_host_that_asks_to_wait_is_waited_for() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.expire();
    let limit = Reply::fixture("gitlab/any_429_rack_attack").header("retry-after", "600");
    bench.git.instead("POST", "/oauth/token", limit);
    for _ in 0..2 {
        let error = bench.work().await.unwrap_err();
        let ServiceError::Provider(ProviderError::RateLimited { retry_after }) = error else {
            panic!("{error:?}");
        };
        assert!(retry_after > MINUTE * 9, "{retry_after:?}");
    }
    assert_eq!(bench.git.refreshes(), 0);
}
