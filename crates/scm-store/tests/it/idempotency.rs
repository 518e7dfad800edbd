//! Idempotency keys.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use scm_store::{Claim, IdempotencyController, StoreError, StoredAnswer, Ticket};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{Clock, Fingerprint, IdempotencyKey, TenantScope};

use crate::given::{Given, by, scope};

const MINUTE: Duration = IdempotencyController::RUNS_FOR;
const DAY: Duration = IdempotencyController::KEPT_FOR;
const MILLISECOND: Duration = Duration::from_millis(1);

/// Keys on a database of its own, at a time that stands still.
struct Keys {
    store: IdempotencyController,
    given: Given,
}

impl Keys {
    async fn on(db: TestDb) -> Self {
        let given = Given::on(db).await;
        let store = IdempotencyController::new(given.pool.clone(), given.clock.clone());
        Self { store, given }
    }

    /// The same keys, as another process sees them: one that has not swept yet.
    fn elsewhere(&self) -> IdempotencyController {
        IdempotencyController::new(self.given.pool.clone(), self.given.clock.clone())
    }

    async fn claim(&self, of: &str, asked: u8) -> Claim {
        self.claim_in(&scope("t1"), of, asked).await
    }

    async fn claim_in(&self, scope: &TenantScope, of: &str, asked: u8) -> Claim {
        self.store
            .claim(scope, &key(of), &request(asked))
            .await
            .unwrap()
    }

    fn advance(&self, by: Duration) {
        self.given.clock.advance(by);
    }

    async fn rows(&self) -> i64 {
        let sql = "SELECT COUNT(*) FROM `scm_idempotency_keys`";
        self.given.rows(sql).await[0].try_get_by_index(0).unwrap()
    }
}

fn just_before(time: Duration) -> Duration {
    time.checked_sub(MILLISECOND).unwrap()
}

fn key(raw: &str) -> IdempotencyKey {
    IdempotencyKey::parse(raw).unwrap()
}

fn request(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 32])
}

fn answer(body: &str) -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: vec![
            ("etag".to_owned(), "\"1-2\"".to_owned()),
            ("location".to_owned(), "/api/v1/x".to_owned()),
        ],
        body: body.to_owned(),
    }
}

#[track_caller]
fn to_run(claim: Claim) -> Ticket {
    match claim {
        Claim::Run(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn done(claim: Claim) -> StoredAnswer {
    match claim {
        Claim::Done(answer) => answer,
        other => panic!("{other:?}"),
    }
}

on_every_database! {
    async fn an_answer_is_given_again(db: TestDb) {
        let keys = Keys::on(db).await;
        for body in ["{\"name\":\"日本 🚀\"}", "", &"long ".repeat(40_000)] {
            let name = format!("key {}", body.len());
            let ticket = to_run(keys.claim(&name, 1).await);
            keys.store.finish(ticket, &answer(body)).await.unwrap();
            for _ in 0..2 {
                assert_eq!(done(keys.claim(&name, 1).await), answer(body));
            }
        }
        let plain = StoredAnswer { status: 65_535, headers: Vec::new(), body: String::new() };
        let ticket = to_run(keys.claim("plain", 1).await);
        keys.store.finish(ticket, &plain).await.unwrap();
        assert_eq!(done(keys.claim("plain", 1).await), plain);
    }

    async fn another_request_under_the_same_key_is_told(db: TestDb) {
        let keys = Keys::on(db).await;
        let ticket = to_run(keys.claim("k", 1).await);
        assert!(matches!(keys.claim("k", 2).await, Claim::Mismatch));
        // Also when the first one could be taken over, and when it was answered.
        keys.advance(MINUTE + MILLISECOND);
        assert!(matches!(keys.claim("k", 2).await, Claim::Mismatch));
        keys.store.finish(ticket, &answer("a")).await.unwrap();
        assert!(matches!(keys.claim("k", 2).await, Claim::Mismatch));
        assert_eq!(done(keys.claim("k", 1).await), answer("a"));
    }

    async fn a_running_request_is_waited_for_and_then_taken_over(db: TestDb) {
        let keys = Keys::on(db).await;
        let ends = keys.given.clock.now().plus(MINUTE);
        let first = to_run(keys.claim("k", 1).await);
        for later in [Duration::ZERO, just_before(MINUTE)] {
            keys.advance(later);
            let claim = keys.claim("k", 1).await;
            assert!(matches!(claim, Claim::Running { until } if until == ends), "{claim:?}");
        }
        keys.advance(MILLISECOND);
        let second = to_run(keys.claim("k", 1).await);
        let claim = keys.claim("k", 1).await;
        assert!(matches!(claim, Claim::Running { until } if until > ends), "{claim:?}");

        // The first one has lost its right, whatever it comes to.
        keys.store.finish(first, &answer("first")).await.unwrap();
        assert!(matches!(keys.claim("k", 1).await, Claim::Running { .. }));
        keys.store.finish(second, &answer("second")).await.unwrap();
        assert_eq!(done(keys.claim("k", 1).await), answer("second"));
    }

    async fn who_was_taken_over_cannot_release(db: TestDb) {
        let keys = Keys::on(db).await;
        let first = to_run(keys.claim("k", 1).await);
        keys.advance(MINUTE);
        let second = to_run(keys.claim("k", 1).await);
        keys.store.release(first).await.unwrap();
        assert!(matches!(keys.claim("k", 1).await, Claim::Running { .. }));
        keys.store.finish(second, &answer("a")).await.unwrap();
        assert_eq!(done(keys.claim("k", 1).await), answer("a"));
    }

    async fn who_was_late_and_not_taken_over_finishes(db: TestDb) {
        let keys = Keys::on(db).await;
        let ticket = to_run(keys.claim("k", 1).await);
        keys.advance(MINUTE * 3);
        keys.store.finish(ticket, &answer("late")).await.unwrap();
        assert_eq!(done(keys.claim("k", 1).await), answer("late"));
    }

    async fn a_released_key_is_free_for_any_request(db: TestDb) {
        let keys = Keys::on(db).await;
        let ticket = to_run(keys.claim("k", 1).await);
        keys.store.release(ticket).await.unwrap();
        assert_eq!(keys.rows().await, 0);
        let ticket = to_run(keys.claim("k", 2).await);
        keys.store.finish(ticket, &answer("a")).await.unwrap();
        assert_eq!(done(keys.claim("k", 2).await), answer("a"));
    }

    async fn after_a_day_a_key_is_new(db: TestDb) {
        let keys = Keys::on(db).await;
        let first = to_run(keys.claim("done", 1).await);
        keys.store.finish(first, &answer("first")).await.unwrap();
        let dead = to_run(keys.claim("dead", 1).await);
        keys.advance(just_before(DAY));
        assert_eq!(done(keys.claim("done", 1).await), answer("first"));
        assert!(matches!(keys.claim("dead", 2).await, Claim::Mismatch));
        // Swept less than a minute ago, so the rows are still there.
        keys.advance(MILLISECOND);
        assert_eq!(keys.rows().await, 2);
        let second = to_run(keys.claim("done", 2).await);
        let other = to_run(keys.claim("dead", 2).await);
        assert!(matches!(keys.claim("done", 1).await, Claim::Mismatch));
        assert_eq!(keys.rows().await, 2);
        keys.store.finish(dead, &answer("dead")).await.unwrap();
        keys.store.release(other).await.unwrap();
        keys.store.finish(second, &answer("second")).await.unwrap();
        // Kept for a day again.
        keys.advance(just_before(DAY));
        assert_eq!(done(keys.claim("done", 2).await), answer("second"));
    }

    async fn a_request_that_was_taken_over_late_does_not_expire_while_it_runs(db: TestDb) {
        let keys = Keys::on(db).await;
        let _dead = to_run(keys.claim("k", 1).await);
        keys.advance(just_before(DAY));
        let _ticket = to_run(keys.claim("k", 1).await);
        keys.advance(MILLISECOND);
        assert!(matches!(keys.claim("k", 1).await, Claim::Running { .. }));
        assert_eq!(keys.elsewhere().sweep(100).await.unwrap(), 0);
    }

    async fn every_tenant_has_its_own_keys(db: TestDb) {
        let keys = Keys::on(db).await;
        // A tenant may be called anything that is an id.
        let scopes = [scope("t1"), scope("T1"), scope("*"), TenantScope::Platform];
        for (number, scope) in scopes.iter().enumerate() {
            let ticket = to_run(keys.claim_in(scope, "k", 1).await);
            keys.store.finish(ticket, &answer(&format!("{number}"))).await.unwrap();
        }
        for (number, scope) in scopes.iter().enumerate() {
            let stored = done(keys.claim_in(scope, "k", 1).await);
            assert_eq!(stored, answer(&format!("{number}")));
        }
    }

    async fn keys_are_compared_by_byte(db: TestDb) {
        let keys = Keys::on(db).await;
        let longest = "~".repeat(255);
        let names = ["k", "K", "k k", "k  k", "\"k\"", "k%", "k_", "k'", "k\\", longest.as_str()];
        for name in names {
            let ticket = to_run(keys.claim(name, 1).await);
            keys.store.finish(ticket, &answer(name)).await.unwrap();
        }
        for name in names {
            assert_eq!(done(keys.claim(name, 1).await), answer(name));
        }
    }

    async fn of_32_identical_claims_one_runs(db: TestDb) {
        let keys = Keys::on(db).await;
        // New, then abandoned, then expired.
        for later in [Duration::ZERO, MINUTE, DAY] {
            keys.advance(later);
            let stores = [keys.store.clone(), keys.elsewhere()];
            let tasks = (0..32).map(|number| {
                let store = stores[number % 2].clone();
                tokio::spawn(async move { store.claim(&scope("t1"), &key("k"), &request(1)).await })
            });
            let (mut run, mut running) = (0, 0);
            for claim in join_all(tasks.collect::<Vec<_>>()).await {
                match claim.unwrap().unwrap() {
                    Claim::Run(_) => run += 1,
                    Claim::Running { .. } => running += 1,
                    other => panic!("{later:?}: {other:?}"),
                }
            }
            assert_eq!((run, running), (1, 31), "{later:?}");
        }
    }

    async fn of_many_who_release_and_claim_one_runs_at_a_time(db: TestDb) {
        let keys = Arc::new(Keys::on(db).await);
        let busy = Arc::new(tokio::sync::Mutex::new(()));
        let tasks = (0..8).map(|_| {
            let (keys, busy) = (keys.clone(), busy.clone());
            tokio::spawn(async move {
                let mut run = 0;
                for _ in 0..20 {
                    match keys.store.claim(&scope("t1"), &key("k"), &request(1)).await {
                        Ok(Claim::Run(ticket)) => {
                            let alone = busy.try_lock().unwrap();
                            tokio::task::yield_now().await;
                            drop(alone);
                            keys.store.release(ticket).await.unwrap();
                            run += 1;
                        }
                        Ok(Claim::Running { .. }) | Err(StoreError::Unavailable { .. }) => {}
                        other => panic!("{other:?}"),
                    }
                }
                run
            })
        });
        let runs = join_all(tasks.collect::<Vec<_>>()).await;
        assert!(runs.into_iter().map(Result::unwrap).sum::<u32>() > 0);
        assert_eq!(keys.rows().await, 0);
    }

    async fn a_sweep_removes_what_has_expired_and_no_more_than_asked(db: TestDb) {
        let keys = Keys::on(db).await;
        for number in 0..230 {
            let _dead = to_run(keys.claim(&format!("old {number}"), 1).await);
        }
        keys.advance(just_before(DAY));
        let fresh = to_run(keys.elsewhere().claim(&scope("t2"), &key("k"), &request(1)).await.unwrap());
        keys.store.finish(fresh, &answer("a")).await.unwrap();
        assert_eq!(keys.store.sweep(1_000).await.unwrap(), 0);
        keys.advance(MILLISECOND);
        for (limit, removed) in [(0, 0), (7, 7), (120, 120), (1_000, 103), (1_000, 0)] {
            assert_eq!(keys.store.sweep(limit).await.unwrap(), removed, "{limit}");
        }
        assert_eq!(done(keys.claim_in(&scope("t2"), "k", 1).await), answer("a"));
    }

    async fn claims_clear_up_once_a_minute(db: TestDb) {
        let keys = Keys::on(db).await;
        for number in 0..130 {
            let ticket = to_run(keys.claim(&format!("old {number}"), 1).await);
            keys.store.finish(ticket, &answer("a")).await.unwrap();
        }
        keys.advance(DAY);
        let _ticket = to_run(keys.claim("new", 1).await);
        assert_eq!(keys.rows().await, 31);
        keys.advance(just_before(MINUTE));
        keys.claim("new", 1).await;
        assert_eq!(keys.rows().await, 31);
        keys.advance(MILLISECOND);
        keys.claim("new", 1).await;
        assert_eq!(keys.rows().await, 1);
    }

    async fn what_does_not_fit_is_refused_before_it_is_written(db: TestDb) {
        let keys = Keys::on(db).await;
        let long = StoredAnswer {
            headers: vec![("x".to_owned(), "y".repeat(70_000))],
            ..answer("a")
        };
        for (name, answer, field) in [("a", long, "headers"), ("b", answer("a\0b"), "body")] {
            let ticket = to_run(keys.claim(name, 1).await);
            let error = keys.store.finish(ticket, &answer).await.err().unwrap();
            assert!(
                matches!(error, StoreError::DoesNotFit { field: named } if named == field),
                "{error:?}"
            );
            assert!(matches!(keys.claim(name, 1).await, Claim::Running { .. }));
        }
    }

    async fn a_row_that_makes_no_sense_is_named_until_it_expires(db: TestDb) {
        let keys = Keys::on(db).await;
        let ticket = to_run(keys.claim("k", 1).await);
        keys.store.finish(ticket, &answer("a")).await.unwrap();
        for (set, column) in [
            ("`headers` = '{}'", "headers"),
            ("`headers` = '[]', `status` = -1", "status"),
            ("`status` = NULL", "status"),
            ("`status` = 200, `body` = NULL", "body"),
            ("`state` = 'running'", "runningUntil"),
        ] {
            keys.given.execute(&format!("UPDATE `scm_idempotency_keys` SET {set}")).await;
            let error = keys.store.claim(&scope("t1"), &key("k"), &request(1)).await.err().unwrap();
            assert!(
                matches!(&error, StoreError::Corrupt {
                    table: "scm_idempotency_keys",
                    column: named,
                    id,
                } if *named == column && id == "k"),
                "{set}: {error:?}"
            );
            assert!(matches!(keys.claim("k", 2).await, Claim::Mismatch));
        }
        keys.advance(DAY);
        let _ticket = to_run(keys.claim("k", 1).await);
    }

    async fn removing_an_integration_leaves_the_keys(db: TestDb) {
        let keys = Keys::on(db).await;
        let ticket = to_run(keys.claim("k", 1).await);
        keys.store.finish(ticket, &answer("a")).await.unwrap();
        let row = keys.given.created("t1", "https://github.com/a/b").await;
        assert!(keys.given.store.hard_delete(&by(&scope("t1")), &row.id, None).await.unwrap());
        assert_eq!(done(keys.claim("k", 1).await), answer("a"));
    }

    empty async fn a_database_that_fails_is_told(db: TestDb) {
        let keys = Keys::on(db).await;
        let error = keys.store.claim(&scope("t1"), &key("k"), &request(1)).await.err().unwrap();
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    }
}
