//! Credentials that are renewed when they are used.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use scm_service::{ProviderError, ServiceError};
use scm_testkit::{code_host::Reply, db::TestDb, git_host::Dialect, on_every_database, until};
use scm_types::{FixedClock, Patch, UpdateScmIntegrationDto, VerificationStatus};
use tokio::time::timeout;

use crate::bench::{Bench, HOUR, Later, MINUTE, owner, transport, work};

/// The products that have OAuth tokens with a refresh token.
const DIALECTS: [Dialect; 3] = [Dialect::Github, Dialect::Gitlab, Dialect::Bitbucket];

/// 200 operations at once on two servers.
async fn crowd(bench: &Bench) {
    let patient = transport(MINUTE);
    let other = bench.server().await.transport(patient.clone());
    let other = other.build().unwrap();
    let one = bench.server().await.transport(patient).build().unwrap();
    let calls = (0..200).map(|number| {
        let server = if number % 2 == 0 { &one } else { &other };
        work(server, &bench.id)
    });
    for (number, done) in join_all(calls).await.into_iter().enumerate() {
        done.unwrap_or_else(|error| panic!("operation {number}: {error}"));
    }
}

on_every_database! {
    async fn of_200_operations_after_the_end_one_renews(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        bench.expire();
        crowd(&bench).await;
        assert_eq!(bench.git.refreshes(), 1);
    }

    async fn of_200_operations_that_are_refused_one_renews(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        // Nobody here knows that its time is over.
        bench.git.expire_tokens();
        crowd(&bench).await;
        assert_eq!(bench.git.refreshes(), 1);
    }

    async fn servers_whose_clocks_differ_agree(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        bench.git.expire_tokens();
        // Five minutes behind and ahead of the right one.
        let mut servers = Vec::new();
        for minutes in [55, 60, 65] {
            let clock = FixedClock::at(bench.clock.now_plus(MINUTE * minutes));
            let server = bench.server().await.clock(Arc::new(clock));
            servers.push(server.build().unwrap());
        }
        let calls = (0..60).map(|number| work(&servers[number % 3], &bench.id));
        for done in join_all(calls).await {
            done.unwrap();
        }
        assert_eq!(bench.git.refreshes(), 1);
    }

    async fn renewed_again_and_again(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        for times in 1..=5 {
            bench.expire();
            bench.work().await.unwrap();
            assert_eq!(bench.git.refreshes(), times);
        }
    }
}

#[tokio::test]
async fn every_product_renews_before_the_end_and_after_a_refusal() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect).await;
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 0, "{dialect:?}");
        bench.expire();
        bench.git.forget_requests();
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 1, "{dialect:?}");
        // Nothing was presented that was known to have ended.
        let first = &bench.git.requests()[0];
        assert_eq!(first.method, "POST", "{dialect:?}");

        bench.git.expire_tokens();
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 2, "{dialect:?}");
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 2, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_check_renews_too() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect).await;
        bench.git.expire_tokens();
        let checked = bench.services.verify(&owner(), &bench.id).await.unwrap();
        assert!(checked.result.success, "{dialect:?}: {:?}", checked.result);
        assert!(checked.integration.has_valid_token);
        assert_eq!(bench.git.refreshes(), 1, "{dialect:?}");

        bench.expire();
        // This GitHub tells a later end with everything it answers.
        let row = bench.row().await;
        assert_eq!(row.is_token_expired, dialect != Dialect::Github);
        let checked = bench.services.verify(&owner(), &bench.id).await.unwrap();
        assert!(checked.result.success && checked.integration.has_valid_token);
        assert_eq!(bench.git.refreshes(), 2, "{dialect:?}");
    }
}

#[tokio::test]
async fn what_a_check_found_holds_on() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.services.verify(&owner(), &bench.id).await.unwrap();
    let before = bench.row().await;
    assert_eq!(before.verification_status, VerificationStatus::Valid);
    bench.expire();
    bench.work().await.unwrap();
    let after = bench.row().await;
    assert_eq!(after.verification_status, VerificationStatus::Valid);
    assert_eq!(after.last_verified_at, before.last_verified_at);
    assert!(after.has_valid_token && after.token_expires_at > before.token_expires_at);
    assert!(after.version.number > before.version.number);
}

#[tokio::test]
async fn renewed_in_the_last_fifth_of_a_known_life() {
    let bench = Bench::new(Dialect::Gitlab).await;
    // Given by a user: how long it has lived is not known.
    bench.clock.advance(MINUTE * 54);
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 0);
    bench.clock.advance(MINUTE);
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
    // Two hours.
    bench.clock.advance(MINUTE * 95);
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
    bench.clock.advance(MINUTE);
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 2);
}

#[tokio::test]
async fn the_margin_can_be_set() {
    let bench = Bench::new(Dialect::Gitlab).await;
    let early = bench.server().await.refresh_margin(HOUR);
    work(&early.build().unwrap(), &bench.id).await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
}

#[tokio::test]
async fn a_token_that_is_good_for_a_while_is_used_when_it_cannot_be_renewed() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.clock.advance(MINUTE * 56);
    bench.git.always("POST", "/oauth/token", Reply::html(503));
    let before = bench.row().await;
    for _ in 0..3 {
        bench.work().await.unwrap();
    }
    // Held off after the first failure.
    assert_eq!(bench.git.writes().len(), 1);
    assert_eq!(bench.row().await, before);
}

#[tokio::test]
async fn a_renewed_credential_that_is_refused_is_not_renewed_again_at_once() {
    let bench = Bench::new(Dialect::Gitlab).await;
    let refusal = Reply::fixture("gitlab/user_401_bad_token");
    bench.git.always("GET", "/api/v4", refusal);
    for _ in 0..3 {
        let error = bench.work().await.unwrap_err();
        assert!(
            matches!(
                error,
                ServiceError::Provider(ProviderError::TokenInvalid { .. })
            ),
            "{error:?}"
        );
    }
    assert_eq!(bench.git.refreshes(), 1);
    bench.git.heal();
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
}

#[tokio::test]
async fn without_a_refresh_token_a_refusal_is_one() {
    let bench = Bench::new(Dialect::Gitlab).await;
    let changes = UpdateScmIntegrationDto {
        refresh_token: Patch::Null,
        ..UpdateScmIntegrationDto::default()
    };
    bench.update(&changes).await;
    bench.expire();
    let error = bench.work().await.unwrap_err();
    assert!(
        matches!(
            error,
            ServiceError::Provider(ProviderError::TokenExpired { .. })
        ),
        "{error:?}"
    );
    assert_eq!(bench.git.refreshes(), 0);
}

#[tokio::test]
async fn what_a_user_stores_during_a_renewal_wins() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.expire();
    let (access, refresh) = bench.git.issue();
    bench.git.set_latency(Duration::from_secs(2));
    let (services, id) = (bench.services.clone(), bench.id.clone());
    let operation = tokio::spawn(async move { work(&services, &id).await });
    until(|| bench.git.calls() > 0).await;
    bench.paste(&access, &refresh).await;
    bench.git.set_latency(Duration::ZERO);
    operation.await.unwrap().unwrap();
    assert_eq!(bench.git.refreshes(), 1);
    // It was the pasted one that was used, and that is stored.
    let used = bench.git.requests().pop().unwrap();
    assert_eq!(
        used.header("authorization"),
        Some(&*format!("Bearer {access}"))
    );
    assert_eq!(bench.row().await.token_expires_at, None);
    bench.git.expire_tokens();
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 2);
}

#[tokio::test]
async fn a_deletion_during_a_renewal_wins() {
    for hard in [false, true] {
        let bench = Bench::new(Dialect::Gitlab).await;
        bench.expire();
        bench.git.set_latency(Duration::from_secs(2));
        let (services, id) = (bench.services.clone(), bench.id.clone());
        let operation = tokio::spawn(async move { work(&services, &id).await });
        until(|| bench.git.calls() > 0).await;
        let (services, id) = (&bench.services, &bench.id);
        services.delete(&owner(), id, hard, None).await.unwrap();
        let error = operation.await.unwrap().unwrap_err();
        let told = match error {
            ServiceError::NoCredential => false,
            ServiceError::NotFound => true,
            other => panic!("{other:?}"),
        };
        assert_eq!(told, hard);
        assert_eq!(bench.git.refreshes(), 1);
        // Nothing came back with the renewed credential.
        let error = bench.work().await.unwrap_err();
        assert!(
            matches!(error, ServiceError::NoCredential | ServiceError::NotFound),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_renewal_to_its_end() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.expire();
    bench.git.set_latency(Duration::from_millis(300));
    let gone = timeout(Duration::from_millis(150), bench.work()).await;
    assert!(gone.is_err());
    // Whoever comes next waits for it.
    bench.work().await.unwrap();
    assert_eq!(bench.git.refreshes(), 1);
}

#[tokio::test]
async fn a_connection_that_is_paused_or_foreign_is_not_renewed() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.expire();
    let changes = UpdateScmIntegrationDto {
        is_active: Patch::Value(false),
        ..UpdateScmIntegrationDto::default()
    };
    bench.update(&changes).await;
    let error = bench.work().await.unwrap_err();
    assert!(matches!(error, ServiceError::Paused), "{error:?}");
    let (services, id) = (&bench.services, &bench.id);
    services.delete(&owner(), id, false, None).await.unwrap();
    let error = bench.work().await.unwrap_err();
    assert!(matches!(error, ServiceError::NoCredential), "{error:?}");
    assert_eq!(bench.git.calls(), 0);
}
