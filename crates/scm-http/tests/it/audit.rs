//! Who did what, as owners see it.

use actix_web::http::Method;
use scm_testkit::{
    code_host::{Reply, Standard},
    db::TestDb,
    on_every_database,
};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, token};

/// Action, purpose, outcome and code of each row, the oldest first.
pub(crate) fn lines(answer: &Answer) -> Vec<String> {
    let rows = answer.data().as_array().unwrap().iter().rev();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.map(|row| {
        ["action", "purpose", "outcome", "code"]
            .map(|member| text(&row[member]))
            .join(" ")
    })
    .collect()
}

on_every_database! {
    async fn owners_see_what_was_done(db: TestDb) {
        let app = TestApp::with_keys(&db).await;
        let request = |method, path: &str, caller: &str, id: &str| {
            app.request(method, path, Some(caller)).insert_header(("X-Request-Id", id))
        };
        let create = request(Method::POST, "", "t1-owner", "r-1");
        let id = app.send(create.set_json(app.body("t1", Standard::Github))).await.expect(201).id();
        let path = format!("/{id}");
        let changes = json!({"displayName": "x", "accessToken": format!("{}2", token(Standard::Github))});
        app.send(request(Method::PATCH, &path, "platform", "r-2").set_json(changes)).await.expect(200);
        app.send(request(Method::POST, &format!("{path}/verify"), "t1-owner", "r-3")).await.expect(200);
        app.github.on_everything(Reply::fixture("github/user_401_bad_credentials"));
        app.send(request(Method::POST, &format!("{path}/verify"), "t1-owner", "r-4")).await.expect(422);
        app.github.on_everything(Reply::html(500));
        app.send(request(Method::POST, &format!("{path}/verify"), "t1-owner", "r-5")).await.expect(503);
        app.send(request(Method::DELETE, &path, "t1-owner", "r-6")).await.expect(200);
        app.send(request(Method::POST, &format!("{path}/verify"), "t1-owner", "r-7")).await.expect(409);
        app.send(request(Method::DELETE, &format!("{path}?hard=true"), "t1-owner", "r-8")).await.expect(200);

        let audit = format!("{path}/audit");
        let get = |caller: &str, path: &str| app.request(Method::GET, path, Some(caller));
        for caller in ["t1-owner", "platform"] {
            let all = app.send(get(caller, &audit)).await.expect(200);
            assert_eq!(
                lines(&all),
                [
                    "integration.created - done -",
                    "integration.updated - done -",
                    "credential.opened verify done -",
                    "integration.verified - done -",
                    "credential.opened verify done -",
                    "integration.verified - failed connection_invalid",
                    "credential.opened verify done -",
                    "integration.verified - unknown provider_unavailable",
                    "integration.deleted - done -",
                    "credential.opened verify done -",
                    "integration.verified - failed no_credential",
                    "integration.removed - done -",
                ]
            );
            assert_eq!(all.json["count"], 12);
            assert!(all.json.get("nextCursor").is_none());
            let newest = &all.data()[0];
            assert_eq!(newest["actor"], json!({"type": "member", "id": "acc-t1-owner"}));
            assert_eq!(newest["requestId"], "r-8");
            // Behind the making of the three keys of the tenant.
            assert_eq!(newest["sequence"], 15);
            assert_eq!(newest["at"], "2026-11-01T10:00:00.000Z");
            assert_eq!(newest["hash"].as_str().unwrap().len(), 64);
            assert_eq!(newest["detail"], Value::Null);
            let updated = &all.data()[10];
            assert_eq!(updated["actor"], json!({"type": "platform", "id": "acc-platform"}));
            assert_eq!(updated["detail"], json!({"fields": ["displayName", "accessToken"]}));
        }

        let mut cursor = String::new();
        let mut sequences = Vec::new();
        loop {
            let part = app.send(get("t1-owner", &format!("{audit}?limit=5{cursor}"))).await.expect(200);
            sequences.extend(part.data().as_array().unwrap().iter().map(|row| row["sequence"].as_i64().unwrap()));
            let Some(next) = part.json["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(sequences, (4..=15).rev().collect::<Vec<_>>());

        for (query, field) in [("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=5", "cursor"), ("x=1", "x")] {
            let wrong = app.send(get("t1-owner", &format!("{audit}?{query}"))).await.expect(400);
            assert_eq!(wrong.failure().1, [field]);
        }
        for caller in ["t1-viewer", "t1-editor", "t2-viewer"] {
            let refused = app.send(get(caller, &audit)).await.expect(403);
            assert_eq!(refused.json["error"], "This needs the role owner");
        }
        let foreign = app.send(get("t2-owner", &audit)).await.expect(404);
        let missing = app.send(get("t2-owner", "/V1StGXR8_Z5jdHi6B-myT/audit")).await.expect(404);
        assert_eq!(foreign.bytes, missing.bytes);
        app.send(get("platform", "/V1StGXR8_Z5jdHi6B-myT/audit")).await.expect(404);
        let wrong = app.send(app.request(Method::POST, &audit, Some("t1-owner"))).await.expect(405);
        assert_eq!(wrong.header("allow"), Some("GET, HEAD"));
    }

    async fn what_cannot_be_noted_does_not_happen(db: TestDb) {
        let app = TestApp::open(&db).await;
        let created = app.post("", &app.body("t", Standard::Github)).await.expect(201);
        let path = format!("/{}", created.id());
        let calls = app.provider_calls();
        db.execute_by_hand("ALTER TABLE scm_audit_log RENAME TO away").await;
        let failures = [
            app.post("", &app.body("t", Standard::Gitlab)).await,
            app.patch(&path, &json!({"displayName": "x"})).await,
            app.delete(&path).await,
            app.delete(&format!("{path}?hard=true")).await,
            app.verify(&created.id()).await,
            app.get(&format!("{path}/branches")).await,
            app.post(&format!("{path}/branches"), &json!({"name": "x", "from": "main"})).await,
            app.post(&format!("{path}/tags"), &json!({"name": "v9", "branch": "main"})).await,
            app.post(&format!("{path}/releases"), &json!({"tag": "v9", "branch": "main", "notes": "All"})).await,
            app.get(&format!("{path}/audit")).await,
        ];
        for failure in failures {
            assert_eq!(failure.status, 500, "{}", failure.json);
            assert_eq!(failure.failure().0, "database_error");
        }
        assert_eq!(app.provider_calls(), calls, "nothing was sent to a code host");
        assert_eq!(app.get(&path).await.expect(200).data(), created.data());
        assert_eq!(app.get("").await.json["count"], 1);
        db.execute_by_hand("ALTER TABLE away RENAME TO scm_audit_log").await;
        app.patch(&path, &json!({"displayName": "x"})).await.expect(200);
    }
}
