//! Two tenants, three roles: a foreign row is one that does not exist, and nobody is asked about it.

use actix_web::{http::Method, test::TestRequest};
use scm_testkit::{code_host::Standard, db::TestDb, on_every_database};
use serde_json::json;

use crate::app::TestApp;

/// Every route that names a row; a new one belongs here.
fn routes(app: &TestApp, id: &str, caller: &str) -> Vec<(&'static str, TestRequest)> {
    let request = |method, path: String| app.request(method, &path, Some(caller));
    vec![
        ("get", request(Method::GET, format!("/{id}"))),
        ("head", request(Method::HEAD, format!("/{id}"))),
        (
            "patch",
            request(Method::PATCH, format!("/{id}")).set_json(json!({"displayName": "x"})),
        ),
        (
            "patch of a credential",
            request(Method::PATCH, format!("/{id}")).set_json(json!({"accessToken": "x"})),
        ),
        (
            "patch of nothing",
            request(Method::PATCH, format!("/{id}")).set_json(json!({})),
        ),
        (
            "conditional patch",
            request(Method::PATCH, format!("/{id}"))
                .insert_header(("If-Match", "\"1-0\", \"2-0\""))
                .set_json(json!({"isActive": false})),
        ),
        ("verify", request(Method::POST, format!("/{id}/verify"))),
        ("delete", request(Method::DELETE, format!("/{id}"))),
        (
            "hard delete",
            request(Method::DELETE, format!("/{id}?hard=true")),
        ),
    ]
}

on_every_database! {
    async fn a_foreign_row_does_not_exist(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let create = app.request(Method::POST, "", Some("t1-owner"));
        let created = app.send(create.set_json(app.body("t1", Standard::Github))).await.expect(201);
        let id = created.id();
        for caller in ["t2-viewer", "t2-editor", "t2-owner"] {
            let foreign = routes(&app, &id, caller);
            let missing = routes(&app, "V1StGXR8_Z5jdHi6B-myT", caller);
            for ((name, foreign), (_, missing)) in foreign.into_iter().zip(missing) {
                let (foreign, missing) = (app.send(foreign).await, app.send(missing).await);
                assert_eq!(foreign.status, missing.status, "{caller} {name}");
                assert!([403, 404].contains(&foreign.status.as_u16()), "{caller} {name}");
                assert_eq!(foreign.bytes, missing.bytes, "{caller} {name}");
                let names = |answer: &crate::app::Answer| {
                    let mut names: Vec<_> =
                        answer.headers.keys().map(ToString::to_string).collect();
                    names.sort();
                    names
                };
                assert_eq!(names(&foreign), names(&missing), "{caller} {name}");
            }
        }
        assert_eq!(app.provider_calls(), 0, "no provider is called");
        let now = app.send(app.request(Method::GET, &format!("/{id}"), Some("t1-viewer"))).await;
        assert_eq!(now.expect(200).data(), created.data(), "nothing was changed");
    }

    async fn the_tenant_comes_from_the_credential(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let post = |caller: &str| app.request(Method::POST, "", Some(caller));
        let body = app.body("t1", Standard::Github);
        let foreign = app.send(post("t2-owner").set_json(&body)).await.expect(403);
        assert_eq!(foreign.failure().0, "foreign_tenant");
        let mut own = body.clone();
        own.as_object_mut().unwrap().remove("tenantId");
        let created = app.send(post("t1-owner").set_json(&own)).await.expect(201);
        assert_eq!(created.data()["tenantId"], "t1");
        assert_eq!(created.data()["createdByAccountId"], "acc-t1-owner");

        let mut other = app.body("t1", Standard::Gitlab);
        other["createdByAccountId"] = "somebody".into();
        let refused = app.send(post("t1-owner").set_json(&other)).await.expect(400);
        assert_eq!(refused.failure().1, ["createdByAccountId"]);
        let allowed = app.send(post("platform").set_json(&other)).await.expect(201);
        assert_eq!(allowed.data()["createdByAccountId"], "somebody");

        let list = |caller: &str, query: &str| app.request(Method::GET, query, Some(caller));
        let count = |answer: crate::app::Answer| answer.expect(200).json["count"].clone();
        assert_eq!(count(app.send(list("t1-viewer", "")).await), 2);
        assert_eq!(count(app.send(list("t2-viewer", "")).await), 0);
        assert_eq!(count(app.send(list("t2-viewer", "?tenantId=t1")).await), 0);
        assert_eq!(count(app.send(list("platform", "")).await), 2);
        assert_eq!(count(app.send(list("platform", "?tenantId=t2")).await), 0);
    }

    async fn each_role_may_what_it_may(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let create = app.request(Method::POST, "", Some("t1-owner"));
        let id = app.send(create.set_json(app.body("t1", Standard::Github))).await.expect(201).id();
        for (role, read, write) in
            [("t1-viewer", 200, 403), ("t1-editor", 200, 403), ("t1-owner", 200, 200)]
        {
            let path = format!("/{id}");
            let request = |method, path: &str| app.request(method, path, Some(role));
            let cases = [
                ("list", request(Method::GET, ""), read),
                ("get", request(Method::GET, &path), read),
                ("providers", request(Method::GET, "/providers"), read),
                ("patch", request(Method::PATCH, &path).set_json(json!({"displayName": "x"})), write),
                ("verify", request(Method::POST, &format!("{path}/verify")), write),
                (
                    "dry run",
                    request(Method::POST, "/verify").set_json({
                        let mut body = app.body("t1", Standard::Github);
                        body.as_object_mut().unwrap().remove("tenantId");
                        body
                    }),
                    write,
                ),
            ];
            for (name, request, status) in cases {
                let answer = app.send(request).await;
                assert_eq!(answer.status.as_u16(), status, "{role} {name}: {}", answer.json);
                if status == 403 {
                    assert_eq!(answer.json["error"], "This needs the role owner");
                }
            }
        }
    }

    async fn without_a_good_key_nothing_answers(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let good = app.key("t1-owner").to_owned();
        let cut = &good[..good.len() - 1];
        for header in [None, Some(String::new()), Some("Bearer".into()), Some(format!("Bearer {cut}")), Some(format!("Basic {good}")), Some(good.clone()), Some("Bearer scm_t1-owner_0".into())] {
            for request in [
                app.request(Method::GET, "", None),
                app.request(Method::POST, "", None).set_json(json!({})),
                app.request(Method::GET, "/providers", None),
                app.request(Method::POST, "/verify", None).set_json(json!({})),
                app.request(Method::GET, "/x", None),
                app.request(Method::PATCH, "/x", None).set_json(json!({})),
                app.request(Method::DELETE, "/x", None),
                app.request(Method::POST, "/x/verify", None),
            ] {
                let request = match &header {
                    None => request,
                    Some(header) => request.insert_header(("Authorization", header.clone())),
                };
                let answer = app.send(request).await.expect(401);
                assert_eq!(answer.failure().0, "unauthenticated");
                assert!(answer.header("www-authenticate").is_some());
            }
        }
        let lower = app.request(Method::GET, "", None);
        let lower = lower.insert_header(("Authorization", format!("bearer {good}")));
        app.send(lower).await.expect(200);
    }
}
