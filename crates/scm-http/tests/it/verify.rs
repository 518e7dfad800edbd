//! Checks: what a definite answer does to a row, and what a failing host does not.

use std::time::Duration;

use scm_testkit::{
    code_host::{Reply, Standard},
    db::{Backend, TestDb},
    on_every_database, until,
};
use serde_json::json;

use crate::app::{TestApp, token};

on_every_database! {
    async fn every_product_verifies(db: TestDb) {
        let app = TestApp::open(&db).await;
        for standard in Standard::ALL {
            let id = app.post("", &app.body("t", standard)).await.expect(201).id();
            let answer = app.verify(&id).await.expect(200);
            let result = &answer.json["verification"];
            assert_eq!(result["status"], "VALID", "{standard:?}");
            assert!(result.get("error").is_none());
            let metadata = &result["metadata"];
            assert_eq!(metadata["repositoryName"], "app");
            // Bitbucket does not tell what an API token may do, only what its user may.
            let hooks = if standard == Standard::Bitbucket { "unknown" } else { "yes" };
            assert_eq!(metadata["hookAccess"], hooks, "{standard:?} {metadata}");
            assert_eq!(metadata["permission"], "admin", "{standard:?}");
            assert!(metadata["branches"].as_array().unwrap().contains(&json!("main")));
            assert!(metadata["operations"].as_array().unwrap().len() >= 5);
            let stored = app.get(&format!("/{id}")).await;
            assert_eq!(stored.data(), answer.data());
            assert_eq!(stored.data()["verificationStatus"], "VALID");
        }
    }

    async fn a_refused_token_makes_it_invalid(db: TestDb) {
        let app = TestApp::open(&db).await;
        for standard in Standard::ALL {
            let id = app.post("", &app.body("t", standard)).await.expect(201).id();
            let host = app.host(standard);
            host.on_everything(match standard {
                Standard::Github => Reply::fixture("github/user_401_bad_credentials"),
                Standard::Gitlab => Reply::fixture("gitlab/user_401_token_revoked"),
                Standard::Bitbucket => Reply::fixture("bitbucket/user_401"),
            });
            let answer = app.verify(&id).await.expect(422);
            assert_eq!(answer.json["success"], false);
            assert_eq!(answer.failure().0, "connection_invalid");
            assert_eq!(answer.json["verification"]["status"], "INVALID");
            assert_eq!(answer.json["error"], answer.json["verification"]["error"]);
            assert_eq!(answer.data()["verificationStatus"], "INVALID");
            assert_eq!(answer.data()["hasValidToken"], false);
            assert_eq!(answer.data()["verificationError"], answer.json["error"]);
            assert!(answer.header("etag").is_some());

            host.off_everything();
            let again = app.verify(&id).await.expect(200);
            assert_eq!(again.data()["verificationError"], json!(null));
            assert_eq!(again.data()["hasValidToken"], true);
        }
    }

    async fn a_failing_host_changes_nothing(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Gitlab)).await.expect(201).id();
        app.verify(&id).await.expect(200);
        let before = app.get(&format!("/{id}")).await;
        app.clock.advance(Duration::from_mins(1));
        let cases = [
            ("5xx", Reply::text(503, "down"), 503, "provider_unavailable"),
            ("web page", Reply::html(200), 502, "provider_bad_answer"),
            ("wrong JSON", Reply::json(200, &json!(["x"])), 502, "provider_bad_answer"),
            ("broken off", Reply::json(200, &json!({"id": 4})).truncated(), 502, "provider_bad_answer"),
            ("no answer", Reply::never(), 504, "provider_timeout"),
            ("hangs up", Reply::close(), 503, "provider_unavailable"),
            ("sent away", Reply::redirect(302, "http://127.0.0.2:1/"), 502, "provider_bad_answer"),
            ("too much", Reply::fixture("gitlab/any_429_rack_attack"), 429, "provider_rate_limited"),
        ];
        for (name, reply, status, code) in cases {
            app.gitlab.on_everything(reply);
            let answer = app.verify(&id).await;
            assert_eq!((answer.status.as_u16(), answer.failure().0.as_str()), (status, code), "{name}: {}", answer.json);
            let wait: u64 = answer.header("retry-after").expect(name).parse().unwrap();
            assert!(wait >= 1, "{name}");
            let after = app.get(&format!("/{id}")).await;
            assert_eq!(after.bytes, before.bytes, "{name}");
        }
    }

    async fn an_expired_token_is_expired(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Gitlab)).await.expect(201).id();
        app.gitlab.on_everything(Reply::fixture("gitlab/user_401_token_expired"));
        let answer = app.verify(&id).await.expect(422);
        assert_eq!(answer.failure().0, "credential_expired");
        assert_eq!(answer.data()["verificationStatus"], "EXPIRED");
        assert_eq!(answer.data()["hasValidToken"], false);
    }
}

async fn app() -> (TestDb, TestApp) {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    (db, app)
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let (_db, app) = app().await;
    for standard in Standard::ALL {
        let mut body = app.body("t", standard);
        body.as_object_mut().unwrap().remove("tenantId");
        let answer = app.post("/verify", &body).await.expect(200);
        assert_eq!(answer.json["verification"]["status"], "VALID");
        assert!(answer.json.get("data").is_none());
    }
    app.github
        .on_everything(Reply::fixture("github/user_401_bad_credentials"));
    let mut body = app.body("t", Standard::Github);
    body.as_object_mut().unwrap().remove("tenantId");
    let refused = app.post("/verify", &body).await.expect(422);
    assert_eq!(refused.json["verification"]["status"], "INVALID");
    assert_eq!(app.get("").await.json["count"], 0);
}

#[tokio::test]
async fn another_repository_under_the_same_name_is_not_ours() {
    let (_db, app) = app().await;
    let id = app
        .post("", &app.body("t", Standard::Github))
        .await
        .expect(201)
        .id();
    app.verify(&id).await.expect(200);
    let other = app.github.repository_reply().with(&json!({"id": 999_999}));
    app.github
        .on("GET", Standard::Github.repository_route(), other);
    let answer = app.verify(&id).await.expect(422);
    assert!(
        answer.json["error"]
            .as_str()
            .unwrap()
            .contains("not the one that was connected")
    );
    assert_eq!(answer.data()["verificationStatus"], "INVALID");
}

#[tokio::test]
async fn a_numeric_project_id_must_be_the_urls() {
    let (_db, app) = app().await;
    let mut body = app.body("t", Standard::Gitlab);
    body["gitlabProjectId"] = "77".into();
    let id = app.post("", &body).await.expect(201).id();
    let answer = app.verify(&id).await.expect(422);
    assert!(
        answer.json["error"]
            .as_str()
            .unwrap()
            .contains("gitlabProjectId")
    );
}

#[tokio::test]
async fn the_end_of_a_token_is_taken_from_the_host() {
    let (_db, app) = app().await;
    let id = app
        .post("", &app.body("t", Standard::Gitlab))
        .await
        .expect(201)
        .id();
    let answer = app.verify(&id).await.expect(200);
    let end = answer.data()["tokenExpiresAt"]
        .as_str()
        .expect("the host tells it")
        .to_owned();
    assert_eq!(
        answer.json["verification"]["metadata"]["tokenExpiresAt"],
        end
    );
    let now = scm_types::Clock::now(&*app.clock);
    let end = scm_types::Timestamp::parse(&end).unwrap();
    app.clock.advance(now.until(end) + Duration::from_secs(1));
    let row = app.get(&format!("/{id}")).await;
    assert_eq!(row.data()["isTokenExpired"], true);
    assert_eq!(row.data()["hasValidToken"], false);
}

#[tokio::test]
async fn a_result_for_an_old_credential_is_thrown_away() {
    let (_db, app) = app().await;
    let id = app
        .post("", &app.body("t", Standard::Github))
        .await
        .expect(201)
        .id();
    let slow = Reply::fixture("github/user_401_bad_credentials").delayed(Duration::from_secs(2));
    app.github.on_everything(slow);
    let path = format!("/{id}");
    let new = json!({"accessToken": format!("{}new", token(Standard::Github))});
    let (verified, patched) = futures::join!(app.verify(&id), async {
        until(|| app.github.calls() > 0).await;
        app.patch(&path, &new).await
    });
    patched.expect(200);
    assert_eq!(verified.expect(409).failure().0, "credential_changed");
    let row = app.get(&path).await;
    assert_eq!(row.data()["verificationStatus"], "PENDING");
}

#[tokio::test]
async fn a_wrong_end_does_not_outlive_a_good_check() {
    let (_db, app) = app().await;
    let mut body = app.body("t", Standard::Bitbucket);
    body["tokenExpiresAt"] = "2020-01-01T00:00:00Z".into();
    let created = app.post("", &body).await.expect(201);
    assert_eq!(created.data()["isTokenExpired"], true);
    let verified = app.verify(&created.id()).await.expect(200);
    assert_eq!(verified.data()["tokenExpiresAt"], json!(null));
    assert_eq!(verified.data()["hasValidToken"], true);
}

#[tokio::test]
async fn an_end_that_a_user_gave_stays_where_the_host_tells_none() {
    let (_db, app) = app().await;
    let mut body = app.body("t", Standard::Bitbucket);
    body["tokenExpiresAt"] = "2028-01-31T00:00:00.000Z".into();
    let created = app.post("", &body).await.expect(201);
    for _ in 0..2 {
        let verified = app.verify(&created.id()).await.expect(200);
        let told = &verified.json["verification"]["metadata"]["tokenExpiresAt"];
        assert_eq!(*told, json!(null));
        assert_eq!(
            verified.data()["tokenExpiresAt"],
            "2028-01-31T00:00:00.000Z"
        );
    }
}

#[tokio::test]
async fn a_token_is_not_sent_to_another_products_host() {
    let (db, app) = app().await;
    let id = app
        .post("", &app.body("t", Standard::Github))
        .await
        .expect(201)
        .id();
    let url = app.gitlab.repository_url("group/sub/app");
    let sql = format!("UPDATE tenant_scm_integrations SET repositoryUrl = '{url}'");
    db.execute_by_hand(&sql).await;
    assert_eq!(
        app.verify(&id).await.expect(409).failure().0,
        "host_not_configured"
    );
    assert_eq!(app.provider_calls(), 0);
}

#[tokio::test]
async fn a_password_that_an_old_writer_stored_in_a_url_is_not_shown() {
    let (db, app) = app().await;
    let id = app
        .post("", &app.body("t", Standard::Github))
        .await
        .expect(201)
        .id();
    let url = format!("https://dev:{}@github.com/octo/app", crate::app::MARK);
    let sql = format!("UPDATE tenant_scm_integrations SET repositoryUrl = '{url}'");
    db.execute_by_hand(&sql).await;
    // Every answer is searched for it on its way here.
    let row = app.get(&format!("/{id}")).await.expect(200);
    assert_eq!(
        row.data()["repositoryUrl"],
        "https://***@github.com/octo/app"
    );
    app.get("").await.expect(200);
    app.patch(&format!("/{id}"), &json!({"displayName": "x"}))
        .await
        .expect(200);
    assert_eq!(
        app.verify(&id).await.expect(409).failure().0,
        "repository_url_unusable"
    );
}
