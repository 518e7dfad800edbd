//! Access tokens that replace themselves before they end.

use std::time::Duration;

use futures::future::join_all;
use scm_service::{Outage, ProviderError, RenewalStep, RenewedAhead, ServiceError, Services};
use scm_testkit::{
    code_host::Reply,
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
    on_every_database, until,
};
use scm_types::{
    AccessToken, Actor, CreateScmIntegrationDto, Patch, ServerTask, UpdateScmIntegrationDto,
    VerificationStatus,
};
use serde_json::json;

use crate::bench::{Bench, HOUR, Later, owner, transport, work};

const DAY: Duration = Duration::from_hours(24);

/// An integration with an access token that ends in a week, which is the time to rotate it.
async fn bench(db: TestDb) -> Bench {
    of(db, true).await
}

async fn of(db: TestDb, auto_rotate: bool) -> Bench {
    let git = GitHost::start(Dialect::Gitlab).await;
    let token = git.issue_access_token();
    let mut bench = Bench::empty(db, git).await;
    let dto = CreateScmIntegrationDto {
        access_token: Some(AccessToken::parse(token).unwrap()),
        token_expires_at: Some(bench.clock.now_plus(DAY * 7)),
        auto_rotate,
        ..bench.dto()
    };
    bench.id = bench.services.create(&owner(), dto).await.unwrap().id;
    bench
}

async fn on_sqlite() -> Bench {
    bench(TestDb::migrated(Backend::Sqlite).await.unwrap()).await
}

/// How often the host was asked to rotate a token, whatever it answered.
fn asked(bench: &Bench) -> usize {
    let writes = bench.git.writes();
    writes
        .iter()
        .filter(|it| it.path.ends_with("/rotate"))
        .count()
}

async fn ahead(bench: &Bench) -> RenewedAhead {
    let actor = Actor::server(ServerTask::Renewal);
    let done = bench.services.renew_ahead(&actor, &bench.id).await;
    done.unwrap()
}

#[track_caller]
fn assert_expired(error: &ServiceError, want: &str) -> String {
    let ServiceError::CredentialExpired { reason } = error else {
        panic!("{error:?}");
    };
    assert!(reason.contains(want), "{reason}");
    reason.clone()
}

on_every_database! {
    async fn a_token_is_replaced_before_it_ends(db: TestDb) {
        let bench = bench(db).await;
        bench.services.verify(&owner(), &bench.id).await.unwrap();
        assert_eq!(bench.git.rotations(), 1);
        // What the check was told is the end of the token that it was told of.
        let row = bench.row().await;
        assert_eq!(row.verification_status, VerificationStatus::Valid);
        assert!(row.auto_rotate && row.has_valid_token);
        bench.work().await.unwrap();
        assert_eq!(bench.git.rotations(), 1);
    }

    async fn of_a_crowd_one_rotates_and_nobody_fails(db: TestDb) {
        let bench = bench(db).await;
        let mut servers = vec![bench.services.clone()];
        for _ in 0..2 {
            servers.push(bench.server().await.build().unwrap());
        }
        bench.git.set_latency(Duration::from_millis(30));
        let calls = (0..32).map(|number| work(&servers[number % 3], &bench.id));
        for done in join_all(calls).await {
            done.unwrap();
        }
        assert_eq!(asked(&bench), 1);
        let row = bench.row().await;
        assert_eq!(row.verification_status, VerificationStatus::Pending);
        // A month is asked for where nobody knows how long the old one lived.
        assert_eq!(row.token_expires_at.unwrap().to_string(), "2026-11-29T00:00:00.000Z");
    }

    async fn a_lost_answer_is_looked_into_before_anything_is_repeated(db: TestDb) {
        let bench = bench(db).await;
        bench.git.lose("POST", "/rotate", Reply::close());
        let before = bench.row().await;
        // The old token is used until the host refuses it, and not rotated again.
        bench.work().await.unwrap_err();
        assert_eq!((bench.git.rotations(), bench.row().await), (1, before));
        bench.passed("nextAttemptAt").await;
        let told = assert_expired(&bench.work().await.unwrap_err(), "the answer with the new one was lost");
        assert_eq!(asked(&bench), 1);
        let row = bench.row().await;
        assert_eq!(row.verification_status, VerificationStatus::Expired);
        assert_eq!(row.verification_error, Some(told));
        // Nobody asks again for this one.
        assert_eq!(ahead(&bench).await, RenewedAhead::NotPossible);
        assert_eq!(asked(&bench), 1);
    }

    async fn an_answer_that_was_none_is_no_loss(db: TestDb) {
        let bench = bench(db).await;
        bench.git.instead("POST", "/rotate", Reply::close());
        bench.work().await.unwrap();
        bench.work().await.unwrap();
        assert_eq!((asked(&bench), bench.git.rotations()), (1, 0));
        bench.passed("nextAttemptAt").await;
        bench.work().await.unwrap();
        assert_eq!((asked(&bench), bench.git.rotations()), (2, 1));
        // All that was known of the old token is forgotten with it.
        let (services, id) = (&bench.services, &bench.id);
        bench.git.revoke_tokens();
        let error = work(services, id).await.unwrap_err();
        assert!(matches!(error, ServiceError::Provider(ProviderError::TokenInvalid { .. })), "{error:?}");
    }

    async fn killed_before_the_call_is_noted(db: TestDb) {
        killed_before_the_call(db, RenewalStep::Acquired).await;
    }

    async fn killed_before_the_call(db: TestDb) {
        killed_before_the_call(db, RenewalStep::InFlight).await;
    }

    async fn killed_with_the_answer_in_hand(db: TestDb) {
        let bench = killed_at(db, RenewalStep::Answered).await;
        assert_eq!(bench.git.rotations(), 1);
        // Until its time is over the dead server may come back with the new token.
        let error = work(&impatient(&bench).await, &bench.id).await.unwrap_err();
        assert!(is_timeout(&error), "{error:?}");
        assert_eq!(bench.row().await.verification_status, VerificationStatus::Pending);
        bench.passed("deadline").await;
        assert_expired(&bench.work().await.unwrap_err(), "the answer with the new one was lost");
        assert_eq!(asked(&bench), 1);
    }

    async fn killed_with_everything_stored(db: TestDb) {
        let bench = killed_at(db, RenewalStep::Stored).await;
        // Nobody has to wait for the dead.
        work(&impatient(&bench).await, &bench.id).await.unwrap();
        bench.passed("deadline").await;
        bench.clock.advance(DAY * 23);
        bench.work().await.unwrap();
        assert_eq!((asked(&bench), bench.git.rotations()), (2, 2));
    }
}

/// A server is killed at a step of its first rotation.
async fn killed_at(db: TestDb, step: RenewalStep) -> Bench {
    let bench = bench(db).await;
    bench.dies_at(step).await;
    bench
}

async fn killed_before_the_call(db: TestDb, step: RenewalStep) {
    let bench = killed_at(db, step).await;
    assert_eq!(asked(&bench), 0);
    // The token is good for a week, whoever has died.
    work(&impatient(&bench).await, &bench.id).await.unwrap();
    assert_eq!(asked(&bench), 0);
    bench.passed("deadline").await;
    bench.work().await.unwrap();
    assert_eq!((asked(&bench), bench.git.rotations()), (1, 1));
}

/// Another server, which does not wait long.
async fn impatient(bench: &Bench) -> Services {
    let server = bench.server().await;
    let server = server.transport(transport(Duration::from_secs(5)));
    server.build().unwrap()
}

fn is_timeout(error: &ServiceError) -> bool {
    let outage = ProviderError::Unavailable {
        outage: Outage::Timeout,
        retry_after: None,
        source: None,
    };
    matches!(error, ServiceError::Provider(error) if error.code() == outage.code())
}

#[tokio::test]
async fn nothing_rotates_that_nobody_wants_to() {
    let bench = of(TestDb::migrated(Backend::Sqlite).await.unwrap(), false).await;
    bench.work().await.unwrap();
    assert_eq!(ahead(&bench).await, RenewedAhead::NotPossible);
    assert_eq!(asked(&bench), 0);
    let want = |auto_rotate| UpdateScmIntegrationDto {
        auto_rotate: Patch::Value(auto_rotate),
        ..UpdateScmIntegrationDto::default()
    };
    assert!(bench.update(&want(true)).await.auto_rotate);
    assert!(!bench.update(&want(false)).await.auto_rotate);
    bench.work().await.unwrap();
    assert_eq!(asked(&bench), 0);
    bench.update(&want(true)).await;
    bench.work().await.unwrap();
    assert_eq!((asked(&bench), bench.git.rotations()), (1, 1));
}

#[tokio::test]
async fn a_token_lives_as_long_as_the_one_before_it() {
    let bench = on_sqlite().await;
    bench.work().await.unwrap();
    for (days, want) in [
        (22, None),
        (1, Some("2026-12-22")),
        (22, None),
        (1, Some("2027-01-14")),
    ] {
        bench.clock.advance(DAY * days);
        bench.git.forget_requests();
        bench.work().await.unwrap();
        let writes = bench.git.writes();
        let body = writes
            .first()
            .map(|it| String::from_utf8_lossy(&it.body).into_owned());
        let asked = want.map(|day| json!({"expires_at": day}).to_string());
        assert_eq!(body, asked);
    }
}

#[tokio::test]
async fn an_end_that_the_host_does_not_allow_is_left_to_it() {
    let bench = on_sqlite().await;
    let refusal = json!({"message": "Expiration date must be before 2026-11-10"});
    bench
        .git
        .instead("POST", "/rotate", Reply::json(400, &refusal));
    bench.work().await.unwrap();
    let writes = bench.git.writes();
    let bodies: Vec<&[u8]> = writes.iter().map(|it| &*it.body).collect();
    let asked: [&[u8]; 2] = [br#"{"expires_at":"2026-11-29"}"#, b"{}"];
    assert_eq!(bodies, asked);
    // A week, and not rotated with every use from now on.
    let end = bench.row().await.token_expires_at.unwrap();
    assert_eq!(end.to_string(), "2026-11-06T00:00:00.000Z");
    bench.clock.advance(DAY * 3);
    bench.work().await.unwrap();
    assert_eq!(bench.git.rotations(), 1);
    bench.clock.advance(DAY / 2);
    bench.work().await.unwrap();
    assert_eq!(bench.git.rotations(), 2);
}

#[tokio::test]
async fn where_it_is_not_possible_the_token_stays_as_it_is() {
    for status in [403, 404, 405] {
        let bench = on_sqlite().await;
        let refusal = Reply::json(status, &json!({"message": "no"}));
        bench.git.always("POST", "/rotate", refusal);
        let before = bench.row().await;
        for _ in 0..3 {
            bench.work().await.unwrap();
        }
        assert_eq!(ahead(&bench).await, RenewedAhead::NotPossible, "{status}");
        assert_eq!((asked(&bench), bench.row().await), (1, before), "{status}");
        // After a day it is tried again.
        bench.git.heal();
        bench.passed("nextAttemptAt").await;
        assert_eq!(ahead(&bench).await, RenewedAhead::Renewed, "{status}");
    }
}

#[tokio::test]
async fn a_host_that_is_down_or_slow_holds_off_and_changes_nothing() {
    for reply in [Reply::html(503), Reply::html(200), Reply::never()] {
        let bench = on_sqlite().await;
        bench.git.always("POST", "/rotate", reply);
        let before = bench.row().await;
        let hasty = impatient(&bench).await;
        for _ in 0..3 {
            work(&hasty, &bench.id).await.unwrap();
        }
        assert_eq!((asked(&bench), bench.row().await), (1, before));
        bench.git.heal();
        bench.passed("nextAttemptAt").await;
        bench.work().await.unwrap();
        assert_eq!(bench.git.rotations(), 1);
    }
}

#[tokio::test]
async fn a_host_that_does_not_say_whether_the_token_is_good_is_not_asked_to_replace_it() {
    let bench = on_sqlite().await;
    bench.git.instead("GET", "/user", Reply::html(502));
    bench.work().await.unwrap();
    assert_eq!(asked(&bench), 0);
    let RenewedAhead::Later { wait } = ahead(&bench).await else {
        panic!("tried again at once");
    };
    assert!(wait > Duration::from_secs(30), "{wait:?}");
    bench.passed("nextAttemptAt").await;
    assert_eq!(ahead(&bench).await, RenewedAhead::Renewed);
}

#[tokio::test]
async fn a_token_that_was_replaced_by_hand_takes_no_other_with_it() {
    let bench = on_sqlite().await;
    let before = bench.git.requests().len();
    bench.git.revoke_tokens();
    assert_expired(&bench.work().await.unwrap_err(), "Store a new one");
    assert_eq!((asked(&bench), bench.git.requests().len()), (0, before + 1));
    assert_eq!(
        bench.row().await.verification_status,
        VerificationStatus::Expired
    );
}

#[tokio::test]
async fn a_token_that_has_ended_is_not_rotated() {
    let bench = on_sqlite().await;
    bench.clock.advance(DAY * 8);
    bench.git.expire_tokens();
    let error = bench.work().await.unwrap_err();
    let expired = matches!(
        error,
        ServiceError::Provider(ProviderError::TokenExpired { .. })
    );
    assert!(expired, "{error:?}");
    assert_eq!(asked(&bench), 0);
    assert_eq!(ahead(&bench).await, RenewedAhead::NotDue);
}

#[tokio::test]
async fn who_began_with_the_old_token_goes_on_with_the_new_one() {
    let bench = on_sqlite().await;
    // Its clock is behind: it sees no reason to wait.
    let behind = scm_types::FixedClock::at(scm_types::Timestamp::EPOCH);
    let behind = bench.server().await.clock(std::sync::Arc::new(behind));
    let behind = behind.build().unwrap();
    bench.git.set_latency(Duration::from_millis(200));
    let (services, id) = (bench.services.clone(), bench.id.clone());
    let rotation = tokio::spawn(async move { work(&services, &id).await });
    until(|| asked(&bench) > 0).await;
    work(&behind, &bench.id).await.unwrap();
    rotation.await.unwrap().unwrap();
    assert_eq!(bench.git.rotations(), 1);
}

#[tokio::test]
async fn what_a_user_stores_during_a_rotation_wins() {
    let bench = on_sqlite().await;
    bench.git.set_latency(Duration::from_secs(2));
    let (services, id) = (bench.services.clone(), bench.id.clone());
    let rotation = tokio::spawn(async move { work(&services, &id).await });
    until(|| asked(&bench) > 0).await;
    let token = bench.git.issue_access_token();
    let changes = UpdateScmIntegrationDto {
        access_token: Patch::Value(AccessToken::parse(token.as_str()).unwrap()),
        ..UpdateScmIntegrationDto::default()
    };
    bench.update(&changes).await;
    rotation.await.unwrap().unwrap();
    let used = bench.git.requests().pop().unwrap();
    let used = used.header("authorization");
    assert_eq!(used, Some(&*format!("Bearer {token}")));
    assert_eq!(bench.row().await.token_expires_at, None);
}

#[tokio::test]
async fn only_tokens_that_can_rotate_are_taken() {
    let bench = on_sqlite().await;
    bench
        .update(&UpdateScmIntegrationDto {
            auto_rotate: Patch::Value(false),
            ..UpdateScmIntegrationDto::default()
        })
        .await;
    let (access, refresh) = bench.git.issue();
    bench.paste(&access, &refresh).await;
    let want = |refresh_token| UpdateScmIntegrationDto {
        auto_rotate: Patch::Value(true),
        refresh_token,
        ..UpdateScmIntegrationDto::default()
    };
    let update = async |changes| {
        let (services, id) = (&bench.services, &bench.id);
        services.update(&owner(), id, &changes, None).await
    };
    let error = update(want(Patch::Absent)).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("autoRotate does not go with a refreshToken"),
        "{error}"
    );
    assert!(update(want(Patch::Null)).await.unwrap().auto_rotate);
    let null = UpdateScmIntegrationDto {
        auto_rotate: Patch::Null,
        ..UpdateScmIntegrationDto::default()
    };
    assert_eq!(
        update(null).await.unwrap_err().to_string(),
        "autoRotate cannot be null"
    );

    let github = Bench::new(Dialect::Github).await;
    let (services, id) = (&github.services, &github.id);
    let error = services
        .update(&owner(), id, &want(Patch::Absent), None)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("autoRotate is for GitLab alone"),
        "{error}"
    );
}

on_every_database! {
    async fn what_is_due_is_found_ahead_and_renewed_once(db: TestDb) {
        let bench = bench(db).await;
        let due = async || bench.services.due_ahead(None, 10).await.unwrap();
        let ids = async || due().await.items.into_iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids().await, std::slice::from_ref(&bench.id));
        bench.git.instead("POST", "/rotate", Reply::html(503));
        assert!(matches!(ahead(&bench).await, RenewedAhead::Later { .. }));
        assert_eq!(ids().await, [], "held off");
        bench.passed("nextAttemptAt").await;
        assert_eq!(ahead(&bench).await, RenewedAhead::Renewed);
        assert_eq!(ahead(&bench).await, RenewedAhead::NotDue);
        assert_eq!((ids().await, bench.git.rotations()), (vec![], 1));
        let none = scm_types::IntegrationId::parse("none").unwrap();
        let actor = Actor::server(ServerTask::Renewal);
        let done = bench.services.renew_ahead(&actor, &none).await.unwrap();
        assert_eq!(done, RenewedAhead::NotPossible);
    }

    async fn tokens_of_oauth_are_renewed_ahead_of_callers(db: TestDb) {
        let bench = Bench::on(db, Dialect::Gitlab).await;
        // Fifty minutes are gone, and nobody knows how many more.
        bench.clock.advance(HOUR * 5 / 6);
        bench.work().await.unwrap();
        assert_eq!(bench.git.refreshes(), 0);
        assert_eq!(ahead(&bench).await, RenewedAhead::Renewed);
        // Two hours: 36 minutes before the end.
        bench.clock.advance(HOUR * 83 / 60);
        assert_eq!(ahead(&bench).await, RenewedAhead::NotDue);
        bench.clock.advance(HOUR / 60);
        assert_eq!(bench.services.due_ahead(None, 10).await.unwrap().items.len(), 1);
        assert_eq!(ahead(&bench).await, RenewedAhead::Renewed);
        assert_eq!(bench.git.refreshes(), 2);
        // What the host has refused is left alone.
        bench.expire();
        bench.git.revoke_tokens();
        assert_eq!(ahead(&bench).await, RenewedAhead::NotPossible);
        bench.passed("nextAttemptAt").await;
        assert_eq!(bench.services.due_ahead(None, 10).await.unwrap().items, []);
    }
}
