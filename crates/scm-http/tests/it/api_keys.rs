//! API keys as owners make, use and revoke them.

use actix_web::http::Method;
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
    on_every_database,
};
use serde_json::{Value, json};

use crate::{
    app::{Answer, Mode, TestApp},
    audit::lines,
};

const KEYS: &str = "/api-keys";

impl TestApp {
    async fn make(&self, caller: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, KEYS, Some(caller));
        self.send(request.set_json(body)).await
    }

    async fn ask(&self, method: Method, path: &str, caller: &str) -> Answer {
        self.send(self.request(method, path, Some(caller))).await
    }

    /// The list of integrations, asked for with this key.
    async fn with_key(&self, key: &str) -> Answer {
        let request = self.request(Method::GET, "", None);
        let bearer = format!("Bearer {key}");
        self.send(request.insert_header(("Authorization", bearer)))
            .await
    }
}

fn viewer(name: &str) -> Value {
    json!({"role": "viewer", "name": name})
}

on_every_database! {
    async fn from_its_making_to_its_end(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let body = json!({"role": "editor", "name": "CI", "expiresAt": "2026-12-01T00:00:00Z"});
        let made = app.make("t1-owner", &body).await.expect(201);
        assert_eq!(made.json["message"], "API key created; it is shown this once");
        let key = made.data()["key"].as_str().unwrap().to_owned();
        let id = made.id();
        assert!(key.starts_with(&format!("scm_{id}_")) && key.len() == 85, "{}", key.len());
        let mut stored = made.data().clone();
        stored.as_object_mut().unwrap().remove("key");
        assert_eq!(stored, json!({
            "id": id,
            "tenantId": "t1",
            "role": "editor",
            "name": "CI",
            "accountId": "acc-t1-owner",
            "createdAt": "2026-11-01T10:00:00.000Z",
            "createdBy": "acc-t1-owner",
            "expiresAt": "2026-12-01T00:00:00.000Z",
            "lastUsedAt": null,
            "revokedAt": null,
        }));

        app.with_key(&key).await.expect(200);
        let one = format!("{KEYS}/{id}");
        let mut used = Value::Null;
        // It is written beside the request.
        for _ in 0..6_000 {
            used = app.ask(Method::GET, &one, "t1-owner").await.expect(200).data()["lastUsedAt"].clone();
            if used != Value::Null {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert_eq!(used, "2026-11-01T10:00:00.000Z");
        let listed = app.ask(Method::GET, &format!("{KEYS}?limit=1"), "t1-owner").await.expect(200);
        assert_eq!(listed.json["count"], 1);
        assert!(listed.json["nextCursor"].is_string());
        assert!(!String::from_utf8_lossy(&listed.bytes).contains(&key), "a key is shown once");

        let revoked = app.ask(Method::DELETE, &one, "t1-owner").await.expect(200);
        assert_eq!(revoked.data()["revokedAt"], "2026-11-01T10:00:00.000Z");
        let refused = app.with_key(&key).await.expect(401);
        assert_eq!(refused.failure().0, "unauthenticated");
        let again = app.ask(Method::DELETE, &one, "t1-owner").await.expect(200);
        assert_eq!(again.data(), revoked.data(), "once is enough");

        for caller in ["t1-owner", "platform"] {
            let audit = app.ask(Method::GET, &format!("/{id}/audit"), caller).await.expect(200);
            assert_eq!(lines(&audit), ["api_key.created - done -", "api_key.revoked - done -"]);
        }
        app.ask(Method::GET, &format!("/{id}/audit"), "t2-owner").await.expect(404);
    }

    async fn who_may_make_which(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let key = |tenant: Option<&str>, role: &str| {
            let mut body = json!({"role": role, "name": "n"});
            if let Some(tenant) = tenant {
                body["tenantId"] = tenant.into();
            }
            body
        };
        for (caller, body, status, code) in [
            ("t1-viewer", viewer("n"), 403, "forbidden"),
            ("t1-editor", viewer("n"), 403, "forbidden"),
            ("t1-owner", key(None, "viewer"), 201, ""),
            ("t1-owner", key(Some("t1"), "editor"), 201, ""),
            ("t1-owner", key(None, "owner"), 201, ""),
            ("t1-owner", key(None, "platform"), 400, "validation_failed"),
            ("t1-owner", key(Some("t2"), "viewer"), 403, "foreign_tenant"),
            ("platform", key(Some("t1"), "owner"), 201, ""),
            ("platform", key(Some("t2"), "viewer"), 201, ""),
            ("platform", key(None, "platform"), 201, ""),
            ("platform", key(None, "viewer"), 400, "validation_failed"),
            ("platform", key(Some("t1"), "platform"), 400, "validation_failed"),
        ] {
            let made = app.make(caller, &body).await;
            assert_eq!(made.status.as_u16(), status, "{caller} {body}: {}", made.json);
            assert_eq!(made.failure().0, code, "{caller} {body}");
            let Some(key) = made.data()["key"].as_str() else { continue };
            let role = body["role"].as_str().unwrap();
            assert_eq!(made.data()["role"], role);
            // The key may what it says.
            let list = app.send(
                app.request(Method::GET, KEYS, None).insert_header(("Authorization", format!("Bearer {key}")))
            ).await;
            let want = if ["owner", "platform"].contains(&role) { 200 } else { 403 };
            assert_eq!(list.status, want, "{role}");
        }
        let mut named = viewer("n");
        named["accountId"] = "somebody".into();
        assert_eq!(app.make("t1-owner", &named).await.expect(400).failure().1, ["accountId"]);
        named["tenantId"] = "t1".into();
        let made = app.make("platform", &named).await.expect(201);
        assert_eq!(made.data()["accountId"], "somebody");
        assert_eq!(made.data()["createdBy"], "acc-platform");
    }

    async fn a_foreign_key_does_not_exist(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let made = app.make("t1-owner", &viewer("n")).await.expect(201);
        let platforms = app.make("platform", &json!({"role": "platform", "name": "n"})).await.expect(201);
        for method in [Method::GET, Method::HEAD, Method::DELETE] {
            let missing = app.ask(method.clone(), &format!("{KEYS}/nobody"), "t2-owner").await.expect(404);
            for id in [made.id(), platforms.id(), "a_b".to_owned(), "x".repeat(40)] {
                let foreign = app.ask(method.clone(), &format!("{KEYS}/{id}"), "t2-owner").await;
                assert_eq!((foreign.status, &foreign.bytes), (missing.status, &missing.bytes));
            }
            for caller in ["t1-viewer", "t1-editor"] {
                app.ask(method.clone(), &format!("{KEYS}/{}", made.id()), caller).await.expect(403);
            }
        }
        app.with_key(made.data()["key"].as_str().unwrap()).await.expect(200);
        let own = app.ask(Method::GET, KEYS, "t2-owner").await.expect(200);
        assert_eq!(own.json["count"], 0);
        let narrowed = app.ask(Method::GET, &format!("{KEYS}?tenantId=t1"), "t2-owner").await.expect(200);
        assert_eq!(narrowed.json["count"], 0);
    }
}

#[tokio::test]
async fn bad_input_is_named() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::with_keys(&db).await;
    for (body, fields) in [
        (json!({}), &["role", "name"][..]),
        (json!({"role": "root", "name": "n"}), &["role"]),
        (json!({"role": "viewer", "name": " "}), &["name"]),
        (
            json!({"role": "viewer", "name": "n".repeat(256)}),
            &["name"],
        ),
        (
            json!({"role": "viewer", "name": "n", "expiresAt": "tomorrow"}),
            &["expiresAt"],
        ),
        (
            json!({"role": "viewer", "name": "n", "expiresAt": "2026-11-01T10:00:00Z"}),
            &["expiresAt"],
        ),
        (
            json!({"role": "viewer", "name": "n", "tenantId": "a b"}),
            &["tenantId"],
        ),
        (
            json!({"role": "viewer", "name": "n", "key": "scm_x_y"}),
            &["key"],
        ),
        (json!({"role": 1, "name": []}), &["role", "name"]),
    ] {
        let refused = app.make("t1-owner", &body).await.expect(400);
        assert_eq!(refused.failure().1, fields, "{body}");
    }
    let request = app.request(Method::POST, KEYS, Some("t1-owner"));
    let request = request
        .insert_header(("Idempotency-Key", "k"))
        .set_json(viewer("n"));
    let refused = app.send(request).await.expect(400);
    assert_eq!(refused.failure().1, ["Idempotency-Key"]);
    for query in ["?limit=0", "?cursor=x", "?tenantId=a%20b", "?role=owner"] {
        app.ask(Method::GET, &format!("{KEYS}{query}"), "t1-owner")
            .await
            .expect(400);
    }
    let wrong = app.ask(Method::PATCH, KEYS, "t1-owner").await.expect(405);
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, POST"));
}

#[tokio::test]
async fn every_kind_of_credential_may_the_same() {
    for mode in [Mode::Keys, Mode::Stored, Mode::Tokens] {
        let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
        let app = TestApp::new(&db.url, mode).await;
        let connect = async |caller: &str, tenant: &str| {
            let request = app.request(Method::POST, "", Some(caller));
            app.send(request.set_json(app.body(tenant, Standard::Github)))
                .await
        };
        let own = connect("t1-owner", "t1").await.expect(201).id();
        let row = format!("/{own}");
        // Read, change, manage, of the own tenant and of the other one.
        for (caller, statuses) in [
            ("t1-viewer", [200, 403, 403]),
            ("t1-editor", [200, 403, 403]),
            ("t1-owner", [200, 200, 200]),
            ("t2-viewer", [404, 403, 403]),
            ("t2-editor", [404, 403, 403]),
            ("t2-owner", [404, 404, 200]),
            ("platform", [200, 200, 200]),
        ] {
            let change = app.request(Method::PATCH, &row, Some(caller));
            let answers = [
                app.ask(Method::GET, &row, caller).await,
                app.send(change.set_json(json!({"displayName": caller})))
                    .await,
                app.ask(Method::GET, KEYS, caller).await,
            ];
            let got = answers.map(|answer| answer.status.as_u16());
            assert_eq!(got, statuses, "{mode:?} {caller}");
        }
        let foreign = connect("t2-owner", "t1").await.expect(403);
        assert_eq!(foreign.failure().0, "foreign_tenant");

        // The header of tokens for several tenants narrows nothing for others, and widens nothing.
        for (caller, tenant, status) in [
            ("t1-owner", "t1", 200),
            ("t1-owner", "t2", 403),
            ("platform", "t1", 403),
            ("t1-owner", "a b", 400),
        ] {
            let request = app.request(Method::GET, "", Some(caller));
            let answer = app
                .send(request.insert_header(("Scm-Tenant", tenant)))
                .await;
            assert_eq!(answer.status.as_u16(), status, "{mode:?} {caller} {tenant}");
        }
    }
}

#[tokio::test]
async fn two_headers_are_none() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::new(&db.url, Mode::Stored).await;
    let bearer = format!("Bearer {}", app.key("t1-owner"));
    let request = app.request(Method::GET, "", Some("t1-owner"));
    let request = request.append_header(("Authorization", bearer));
    app.send(request).await.expect(401);
}
