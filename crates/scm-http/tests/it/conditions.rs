//! `ETag`, `If-Match`, `If-None-Match`.

use actix_web::http::Method;
use scm_testkit::{code_host::Standard, db::TestDb, on_every_database};
use serde_json::json;

use crate::app::TestApp;

on_every_database! {
    async fn a_change_can_name_the_state_it_was_made_for(db: TestDb) {
        let app = TestApp::open(&db).await;
        let created = app.post("", &app.body("t", Standard::Github)).await.expect(201);
        let path = format!("/{}", created.id());
        let first = created.header("etag").unwrap().to_owned();
        assert_eq!(app.get(&path).await.header("etag"), Some(first.as_str()));

        let patch = |tag: &str, name: &str| {
            app.request(Method::PATCH, &path, None)
                .insert_header(("If-Match", tag.to_owned()))
                .set_json(json!({"displayName": name}))
        };
        let patched = app.send(patch(&first, "one")).await.expect(200);
        let second = patched.header("etag").unwrap().to_owned();
        assert_ne!(first, second);
        let refused = app.send(patch(&first, "two")).await.expect(412);
        assert_eq!(refused.failure().0, "version_mismatch");
        app.send(patch("\"nonsense\"", "two")).await.expect(412);
        app.send(patch(&format!("{first}, {second}"), "two")).await.expect(200);
        app.send(patch("*", "three")).await.expect(200);
        assert_eq!(app.get(&path).await.data()["displayName"], "three");

        let now = app.get(&path).await.header("etag").unwrap().to_owned();
        let get = |tag: &str| {
            app.request(Method::GET, &path, None).insert_header(("If-None-Match", tag.to_owned()))
        };
        let unchanged = app.send(get(&now)).await.expect(304);
        assert!(unchanged.bytes.is_empty());
        app.send(get(&first)).await.expect(200);

        let delete = |tag: &str| {
            app.request(Method::DELETE, &path, None).insert_header(("If-Match", tag.to_owned()))
        };
        app.send(delete(&first)).await.expect(412);
        app.send(delete(&now)).await.expect(200);
    }

    async fn a_condition_on_a_missing_row_is_404(db: TestDb) {
        let app = TestApp::open(&db).await;
        for tag in ["\"1-0\"", "\"1-0\", \"2-0\"", "*"] {
            let request = app.request(Method::DELETE, "/missing", None);
            app.send(request.insert_header(("If-Match", tag))).await.expect(404);
        }
    }

    async fn an_expiring_token_changes_the_answer_and_its_tag(db: TestDb) {
        let app = TestApp::open(&db).await;
        let mut body = app.body("t", Standard::Bitbucket);
        body["tokenExpiresAt"] = "2026-11-01T10:00:03Z".into();
        let created = app.post("", &body).await.expect(201);
        let path = format!("/{}", created.id());
        let tag = created.header("etag").unwrap().to_owned();
        let get = || {
            app.request(Method::GET, &path, None).insert_header(("If-None-Match", tag.clone()))
        };
        app.send(get()).await.expect(304);
        app.clock.advance(std::time::Duration::from_secs(4));
        let expired = app.send(get()).await.expect(200);
        assert_eq!(expired.data()["isTokenExpired"], true);
        let patch = app.request(Method::PATCH, &path, None).insert_header(("If-Match", tag.clone()));
        app.send(patch.set_json(json!({"displayName": "same row"}))).await.expect(200);
    }

    async fn times_far_away_are_kept(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Bitbucket)).await.expect(201).id();
        let path = format!("/{id}");
        for at in [
            "2038-01-19T03:14:08.000Z",
            "2050-06-30T23:59:59.999Z",
            "9999-12-31T23:59:59.000Z",
            "1969-12-31T23:59:59.000Z",
            "1000-01-01T00:00:00.000Z",
        ] {
            let patched = app.patch(&path, &json!({"tokenExpiresAt": at})).await.expect(200);
            assert_eq!(patched.data()["tokenExpiresAt"], at);
            assert_eq!(app.get(&path).await.data()["tokenExpiresAt"], at);
            let mut body = app.body("t", Standard::Github);
            body["repositoryUrl"] = app.github.repository_url(&format!("octo/{}", &at[..4])).into();
            body["tokenExpiresAt"] = at.into();
            let created = app.post("", &body).await.expect(201);
            assert_eq!(app.get(&format!("/{}", created.id())).await.data()["tokenExpiresAt"], at);
        }
        let far = app.get("?cursor=4102444800000.x").await.expect(200);
        assert_eq!(far.json["count"], 6, "a cursor behind every row");

        // The service's own times, too.
        let now = scm_types::Clock::now(&*app.clock);
        let later = scm_types::Timestamp::parse("2040-01-01T00:00:00Z").unwrap();
        app.clock.advance(now.until(later));
        app.patch(&path, &json!({"displayName": "x"})).await.expect(200);
        app.verify(&id).await.expect(200);
        let row = app.get(&path).await;
        assert_eq!(row.data()["updatedAt"], "2040-01-01T00:00:00.000Z");
        assert_eq!(row.data()["lastVerifiedAt"], "2040-01-01T00:00:00.000Z");
        let condition = row.header("etag").unwrap().to_owned();
        let delete = app.request(Method::DELETE, &path, None).insert_header(("If-Match", condition));
        app.send(delete).await.expect(200);
        assert_eq!(app.post("", &app.body("t", Standard::Bitbucket)).await.expect(201).id(), id);
    }
}
