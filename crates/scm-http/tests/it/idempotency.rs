//! `Idempotency-Key`: once carried out, then answered the same again.

use std::time::Duration;

use actix_web::{http::Method, test::TestRequest};
use futures::future::join_all;
use scm_testkit::{
    code_host::{Reply, Standard},
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
    on_every_database, until,
};
use serde_json::json;

use crate::{
    app::{Answer, Mode, TestApp},
    work::{Bench, operations},
};

const KEY: &str = "Idempotency-Key";

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotency-replayed") == Some("true")
}

impl TestApp {
    fn create(&self, key: &str, standard: Standard) -> TestRequest {
        let request = self.request(Method::POST, "", None);
        request
            .insert_header((KEY, key.to_owned()))
            .set_json(self.body("t", standard))
    }

    fn verify_with(&self, key: &str, id: &str) -> TestRequest {
        let request = self.request(Method::POST, &format!("/{id}/verify"), None);
        request.insert_header((KEY, key.to_owned()))
    }
}

on_every_database! {
    async fn a_repetition_gets_the_first_answer(db: TestDb) {
        let app = TestApp::open(&db).await;
        let first = app.send(app.create("k", Standard::Github)).await.expect(201);
        assert!(!replayed(&first));
        app.clock.advance(Duration::from_hours(1));
        let second = app.send(app.create("k", Standard::Github)).await.expect(201);
        assert!(replayed(&second));
        assert_eq!(second.bytes, first.bytes);
        for header in ["etag", "content-type"] {
            assert!(first.header(header).is_some());
            assert_eq!(second.header(header), first.header(header), "{header}");
        }
        assert_ne!(second.header("x-request-id"), first.header("x-request-id"));
        let other = app.send(app.create("k", Standard::Gitlab)).await.expect(422);
        assert_eq!(other.failure().0, "idempotency_key_reused");
        assert_eq!(app.get("").await.json["count"], 1);
        // After a day the key is as good as new.
        app.clock.advance(Duration::from_hours(24));
        app.send(app.create("k", Standard::Gitlab)).await.expect(201);
    }

    async fn a_failure_that_lasts_is_kept_in_each_form(db: TestDb) {
        let git = GitHost::start(Dialect::Github).await;
        git.repo().branch("old", "main");
        git.repo().commit("main", "Second");
        let bench = Bench::on(&db, Mode::Open, git).await;
        let (app, id) = (&bench.app, &bench.id);
        let problem = ("Accept", "application/problem+json");
        let plain = |key: &'static str| {
            let request = app.request(Method::POST, &bench.path("/branches"), None);
            request.insert_header((KEY, key)).set_json(json!({"name": "old", "from": "main"}))
        };
        // The one that is carried out asks for one form, the repetition for the other.
        let own = app.send(plain("own")).await.expect(409);
        let own_again = app.send(plain("own").insert_header(problem)).await.expect(409);
        let other = app.send(plain("other").insert_header(problem)).await.expect(409);
        bench.git.forget_requests();
        let other_again = app.send(plain("other")).await.expect(409);
        let third = app.send(plain("own")).await.expect(409);
        assert_eq!(bench.git.calls(), 0);
        for answer in [&own_again, &other_again, &third] {
            assert!(replayed(answer));
        }
        assert_eq!(third.bytes, own.bytes);
        for answer in [&own, &other_again, &third] {
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(answer.json["success"], false);
        }
        for answer in [&own_again, &other] {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.json["type"], "urn:scm:error:ref_conflict");
            assert_eq!(answer.json["status"], 409);
        }
        assert!(own.json["conflict"].is_object());
        assert_eq!(own_again.json["conflict"], own.json["conflict"]);

        let invalid = || {
            let request = app.request(Method::PATCH, &format!("/{id}"), None);
            request.insert_header((KEY, "fields")).set_json(json!({"scmType": "X", "nope": 1}))
        };
        let first = app.send(invalid()).await.expect(400);
        let again = app.send(invalid()).await.expect(400);
        assert!(replayed(&again));
        assert_eq!(again.bytes, first.bytes);
        let other = app.send(invalid().insert_header(problem)).await.expect(400);
        assert_eq!(other.json["errors"], first.json["details"]);
    }

    async fn what_can_be_mended_is_not_kept(db: TestDb) {
        let git = GitHost::start(Dialect::Github).await;
        let bench = Bench::on(&db, Mode::Open, git).await;
        let app = &bench.app;
        let make = || {
            let request = app.request(Method::POST, &bench.path("/branches"), None);
            request.insert_header((KEY, "k")).set_json(json!({"name": "new", "from": "base"}))
        };
        let switch = async |on: bool| {
            let request = app.request(Method::PATCH, &bench.path(""), None);
            app.send(request.set_json(json!({"isActive": on}))).await.expect(200);
        };
        switch(false).await;
        let paused = app.send(make()).await.expect(409);
        assert_eq!(paused.failure().0, "integration_paused");
        switch(true).await;
        let absent = app.send(make()).await.expect(404);
        assert_eq!(absent.failure().0, "ref_not_found");
        bench.git.repo().branch("base", "main");
        assert!(!replayed(&app.send(make()).await.expect(201)));
        assert!(replayed(&app.send(make()).await.expect(201)));
    }

    async fn a_check_that_fails_is_not_kept(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Github)).await.expect(201).id();
        app.github.on_everything(Reply::fixture("github/user_401_bad_credentials"));
        for _ in 0..2 {
            assert!(!replayed(&app.send(app.verify_with("k", &id)).await.expect(422)));
        }
        app.github.off_everything();
        assert!(!replayed(&app.send(app.verify_with("k", &id)).await.expect(200)));
    }

    async fn what_may_pass_is_not_kept(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Github)).await.expect(201).id();
        for (reply, status) in [
            (Reply::html(500), 503),
            (Reply::html(200), 502),
            (Reply::fixture("github/repo_403_primary_rate_limit"), 429),
        ] {
            app.github.on_everything(reply);
            for _ in 0..2 {
                let answer = app.send(app.verify_with("k", &id)).await.expect(status);
                assert!(!replayed(&answer));
            }
        }
        app.github.off_everything();
        // The limit is over by then.
        app.clock.advance(Duration::from_hours(1));
        assert!(!replayed(&app.send(app.verify_with("k", &id)).await.expect(200)));
        assert!(replayed(&app.send(app.verify_with("k", &id)).await.expect(200)));
    }

    async fn one_that_runs_is_not_run_again(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Github)).await.expect(201).id();
        let slow = Reply::fixture("github/user_200_classic_pat");
        app.github.on("GET", "/user", [slow.delayed(Duration::from_secs(2))]);
        let first = app.send(app.verify_with("k", &id));
        let second = async {
            until(|| app.github.calls() > 0).await;
            let running = app.send(app.verify_with("k", &id)).await.expect(409);
            assert_eq!(running.failure().0, "idempotency_in_flight");
            assert!(running.header("retry-after").is_some());
            let other = app.request(Method::POST, "/another/verify", None);
            let other = app.send(other.insert_header((KEY, "k"))).await.expect(422);
            assert_eq!(other.failure().0, "idempotency_key_reused");
        };
        let (first, ()) = futures::join!(first, second);
        let first = first.expect(200);
        let again = app.send(app.verify_with("k", &id)).await.expect(200);
        assert!(replayed(&again));
        assert_eq!(again.bytes, first.bytes);
    }

    async fn of_32_at_once_one_has_an_effect(db: TestDb) {
        let app = TestApp::open(&db).await;
        let posts = (0..32).map(|_| app.send(app.create("k", Standard::Github)));
        let answers = join_all(posts).await;
        let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(made.iter().filter(|answer| !replayed(answer)).count(), 1);
        for answer in &answers {
            if answer.status == 201 {
                assert_eq!(answer.bytes, made[0].bytes);
            } else {
                assert_eq!(answer.status, 409);
                assert_eq!(answer.failure().0, "idempotency_in_flight");
            }
        }
        assert_eq!(app.get("").await.json["count"], 1);
    }

    async fn a_request_that_is_dropped_leaves_the_key(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Github)).await.expect(201).id();
        app.github.on_everything(Reply::never());
        let request = app.send(app.verify_with("k", &id));
        tokio::select! {
            answer = request => panic!("it was still running: {}", answer.status),
            () = until(|| app.github.calls() > 0) => {}
        }
        app.github.off_everything();
        let mut tries = 0;
        let answer = loop {
            let answer = app.send(app.verify_with("k", &id)).await;
            tries += 1;
            if answer.status == 200 || tries == 300 {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert!(!replayed(&answer.expect(200)));
    }

    async fn a_key_belongs_to_its_tenant_and_its_caller(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let create = |caller: &str, tenant: &str| {
            let request = app.request(Method::POST, "", Some(caller));
            request.insert_header((KEY, "k")).set_json(app.body(tenant, Standard::Github))
        };
        // A refusal of the caller uses no key up.
        app.send(create("t1-viewer", "t1")).await.expect(403);
        app.send(create("t1-owner", "t2")).await.expect(403);
        let one = app.send(create("t1-owner", "t1")).await.expect(201);
        let two = app.send(create("t2-owner", "t2")).await.expect(201);
        assert_ne!(one.id(), two.id());
        assert!(!replayed(&two));
        assert!(replayed(&app.send(create("t1-owner", "t1")).await.expect(201)));
        let lower = app.send(create("t1-viewer", "t1")).await.expect(422);
        assert_eq!(lower.failure().0, "idempotency_key_reused", "not the owner's answer");
        let platform = app.send(create("platform", "t1")).await.expect(409);
        assert_eq!(platform.failure().0, "already_exists", "its keys are its own");
        let unknown = app.request(Method::POST, "", None).insert_header((KEY, "k"));
        app.send(unknown.set_json(app.body("t1", Standard::Github))).await.expect(401);
    }

    async fn every_writing_route_takes_one(db: TestDb) {
        let git = GitHost::start(Dialect::Github).await;
        git.repo().tag("v1.0.0", "main");
        let bench = Bench::on(&db, Mode::Open, git).await;
        let app = &bench.app;
        let (row, operations) = (bench.path(""), operations());
        let dry = json!({
            "scmType": "GITHUB",
            "repositoryUrl": app.body("t", Standard::Github)["repositoryUrl"],
            "accessToken": app.body("t", Standard::Github)["accessToken"],
        });
        let mut requests: Vec<(String, Box<dyn Fn() -> TestRequest>)> = vec![
            ("dry run".into(), Box::new(|| {
                app.request(Method::POST, "/verify", None).set_json(&dry)
            })),
            ("verify".into(), Box::new(|| {
                app.request(Method::POST, &format!("{row}/verify"), None)
            })),
        ];
        for operation in operations.iter().filter(|operation| !operation.reads) {
            let bench = &bench;
            requests.push((
                operation.name.into(),
                Box::new(move || operation.request(bench, &bench.id, None)),
            ));
        }
        requests.push(("patch".into(), Box::new(|| {
            app.request(Method::PATCH, &row, None).set_json(json!({"displayName": "x"}))
        })));
        requests.push(("delete".into(), Box::new(|| {
            app.request(Method::DELETE, &row, None)
        })));
        for (name, request) in requests {
            let with = || request().insert_header((KEY, name.replace(' ', "-")));
            let first = app.send(with()).await;
            assert!(first.status.is_success(), "{name}: {}", first.json);
            assert!(!replayed(&first), "{name}");
            bench.git.forget_requests();
            let second = app.send(with()).await;
            assert_eq!((second.status, &second.bytes), (first.status, &first.bytes), "{name}");
            assert!(replayed(&second), "{name}");
            assert_eq!(bench.git.calls(), 0, "{name}");
        }
    }
}

#[tokio::test]
async fn keys_that_are_none() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    let post = || {
        app.request(Method::POST, "", None)
            .set_json(app.body("t", Standard::Github))
    };
    let long = "x".repeat(256);
    for key in ["", "ü", "a\tb", long.as_str()] {
        let answer = app.send(post().insert_header((KEY, key))).await.expect(400);
        assert_eq!(
            answer.failure(),
            ("validation_failed".to_owned(), vec![KEY.to_owned()])
        );
    }
    let twice = post().append_header((KEY, "a")).append_header((KEY, "a"));
    assert_eq!(app.send(twice).await.expect(400).failure().1, [KEY]);
    let large = app
        .request(Method::POST, "", None)
        .insert_header((KEY, "large"));
    let large = large.set_payload(vec![b' '; 256 * 1024 + 1]);
    assert_eq!(
        app.send(large).await.expect(413).failure().0,
        "body_too_large"
    );
    // Where nothing is changed the header says nothing.
    let get = app.request(Method::GET, "", None).insert_header((KEY, ""));
    assert_eq!(app.send(get).await.expect(200).json["count"], 0);
}

#[tokio::test]
async fn every_part_of_a_request_counts() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    let id = app
        .post("", &app.body("t", Standard::Github))
        .await
        .expect(201)
        .id();
    let patch = |path: &str, body: &str| {
        let request = app.request(Method::PATCH, path, None);
        let json = ("Content-Type", "application/json");
        request
            .insert_header(json)
            .insert_header((KEY, "k"))
            .set_payload(body.to_owned())
    };
    let (row, body) = (format!("/{id}"), r#"{"displayName":"x"}"#);
    app.send(patch(&row, body)).await.expect(200);
    for other in [
        patch(&row, r#"{"displayName": "x"}"#),
        patch(&row, body).insert_header(("If-Match", "*")),
        patch(&row, body).insert_header(("Content-Type", "application/json; charset=utf-8")),
        patch(&format!("{row}?"), body).method(Method::DELETE),
        patch(&format!("{row}?x=1"), body),
        patch("/another", body),
    ] {
        assert_eq!(
            app.send(other).await.expect(422).failure().0,
            "idempotency_key_reused"
        );
    }
    let accept = patch(&row, body).insert_header(("Accept", "text/html"));
    assert!(replayed(&app.send(accept).await.expect(200)));
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_goes_out_all_the_same() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let bench = Bench::on(&db, Mode::Open, GitHost::start(Dialect::Github).await).await;
    bench.git.set_latency(Duration::from_millis(700));
    let request = || {
        let request = bench
            .app
            .request(Method::POST, &bench.path("/branches"), None);
        request
            .insert_header((KEY, "k"))
            .set_json(json!({"name": "new", "from": "main"}))
    };
    let break_it = async {
        until(|| bench.git.calls() > 0).await;
        db.execute_by_hand("ALTER TABLE scm_idempotency_keys RENAME TO away")
            .await;
    };
    let (answer, ()) = futures::join!(bench.app.send(request()), break_it);
    answer.expect(201);
    db.execute_by_hand("ALTER TABLE away RENAME TO scm_idempotency_keys")
        .await;
    let open = bench.app.send(request()).await.expect(409);
    assert_eq!(open.failure().0, "idempotency_in_flight");
    bench.app.clock.advance(Duration::from_mins(2));
    let answer = bench.app.send(request()).await.expect(200);
    assert_eq!(answer.json["existing"], true);
}
