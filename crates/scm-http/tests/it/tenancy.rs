//! Two tenants, four roles, every operation of the document: a foreign row is one that does not exist,
//! and nobody is asked about it. A new operation is here without being added, or fails until it is.

use actix_web::{http::Method, test::TestRequest};
use scm_testkit::{code_host::Standard, db::TestDb, on_every_database};
use serde_json::json;

use crate::{
    app::{BASE, TestApp},
    document::{DOCUMENT, Operation},
    openapi::request,
};

/// Every operation that takes a caller's credential, what takes a row away last.
fn operations() -> Vec<&'static Operation> {
    let mut operations: Vec<_> = DOCUMENT
        .operations
        .iter()
        .filter(|operation| operation.role().is_some())
        .collect();
    operations.sort_by_key(|operation| operation.method == Method::DELETE);
    operations
}

/// True if the path of an operation names a row.
fn names_a_row(operation: &Operation) -> bool {
    operation.path.starts_with(&format!("{BASE}/{{id}}"))
}

/// A request for an operation, with the first example of its body.
fn asked(app: &TestApp, operation: &Operation, id: &str, caller: Option<&str>) -> TestRequest {
    let (_, request) = request(app, operation, id, caller);
    match operation.example() {
        Some(mut body) => {
            if let Some(tenant) = body.get_mut("tenantId") {
                *tenant = "t1".into();
            }
            request.set_json(body)
        }
        None => request,
    }
}

/// Requests that name a row: every operation of the document, and some in another way.
fn routes(app: &TestApp, id: &str, caller: &str) -> Vec<(String, TestRequest)> {
    let of_the_document = operations()
        .into_iter()
        .filter(|operation| names_a_row(operation))
        .map(|operation| {
            (
                operation.id().to_owned(),
                asked(app, operation, id, Some(caller)),
            )
        });
    let request = |method, query: &str| app.request(method, &format!("/{id}{query}"), Some(caller));
    let patch = |body| request(Method::PATCH, "").set_json(body);
    let others = [
        ("head", request(Method::HEAD, "")),
        ("patch of a credential", patch(json!({"accessToken": "x"}))),
        ("patch of nothing", patch(json!({}))),
        (
            "conditional patch",
            patch(json!({"isActive": false})).insert_header(("If-Match", "\"1-0\", \"2-0\"")),
        ),
        ("hard delete", request(Method::DELETE, "?hard=true")),
    ];
    let others = others.map(|(name, request)| (name.to_owned(), request));
    of_the_document.chain(others).collect()
}

/// What another tenant gets of an operation that names no row.
async fn hold_without_a_row(app: &TestApp, operation: &Operation) {
    let empty = json!([]);
    let get = |path: &str| app.request(Method::GET, path, Some("t2-owner"));
    match operation.id() {
        "listIntegrations" => {
            for path in ["", "?tenantId=t1"] {
                assert_eq!(*app.send(get(path)).await.expect(200).data(), empty);
            }
        }
        "createIntegration" => {
            let create = app.request(Method::POST, "", Some("t2-owner"));
            let create = create.set_json(app.body("t1", Standard::Gitlab));
            assert_eq!(
                app.send(create).await.expect(403).failure().0,
                "foreign_tenant"
            );
        }
        "listEvents" => {
            assert_eq!(*app.send(get("/events")).await.expect(200).data(), empty);
            let foreign = app.send(get("/events?tenantId=t1")).await.expect(403);
            assert_eq!(foreign.failure().0, "foreign_tenant");
        }
        "listApiKeys" => {
            for path in ["/api-keys", "/api-keys?tenantId=t1"] {
                assert_eq!(*app.send(get(path)).await.expect(200).data(), empty);
            }
        }
        "createApiKey" => {
            let create = app.request(Method::POST, "/api-keys", Some("t2-owner"));
            let create = create.set_json(json!({"tenantId": "t1", "role": "viewer", "name": "n"}));
            let refused = app.send(create).await.expect(403);
            assert_eq!(refused.failure().0, "foreign_tenant");
        }
        // A key of another tenant does not exist: the tests of keys hold the bytes side by side.
        "getApiKey" => {
            app.send(get("/api-keys/nobody")).await.expect(404);
        }
        "revokeApiKey" => {
            let revoke = app.request(Method::DELETE, "/api-keys/nobody", Some("t2-owner"));
            app.send(revoke).await.expect(404);
        }
        // Neither takes nor gives anything of a tenant.
        "verifyCredential" | "listProviders" => {}
        other => panic!("{other} names no row: say here what another tenant gets of it"),
    }
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

    async fn another_tenant_gets_nothing_that_names_no_row(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let create = app.request(Method::POST, "", Some("t1-owner"));
        app.send(create.set_json(app.body("t1", Standard::Github))).await.expect(201);
        for operation in operations() {
            if !names_a_row(operation) {
                hold_without_a_row(&app, operation).await;
            }
        }
    }

    async fn each_role_may_what_the_document_says(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let roles = ["viewer", "editor", "owner"];
        for (rank, caller) in ["t1-viewer", "t1-editor", "t1-owner", "platform"].into_iter().enumerate() {
            let create = app.request(Method::POST, "", Some("platform"));
            let id = app.send(create.set_json(app.body("t1", Standard::Github))).await.expect(201).id();
            for operation in operations() {
                let before = app.provider_calls();
                let answer = app.send(asked(&app, operation, &id, Some(caller))).await;
                let (name, role) = (operation.id(), operation.role().unwrap());
                if rank >= roles.iter().position(|known| *known == role).unwrap() {
                    assert!(![401, 403].contains(&answer.status.as_u16()), "{caller} {name}: {}", answer.json);
                } else {
                    assert_eq!(answer.status, 403, "{caller} {name}: {}", answer.json);
                    assert_eq!(answer.json["error"], format!("This needs the role {role}"), "{name}");
                    assert_eq!(app.provider_calls(), before, "{caller} {name}");
                }
            }
            let gone = app.request(Method::DELETE, &format!("/{id}?hard=true"), Some("platform"));
            app.send(gone).await;
        }
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
                ("audit", request(Method::GET, &format!("{path}/audit")), write),
                ("events", request(Method::GET, "/events"), read),
                ("deliveries", request(Method::GET, &format!("{path}/deliveries")), read),
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
            for operation in operations() {
                let request = asked(&app, operation, "x", None);
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
