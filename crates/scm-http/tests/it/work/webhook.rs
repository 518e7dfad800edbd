//! The webhook of an integration, at hosts that keep webhooks as the products do.

use actix_web::http::Method;
use scm_testkit::{code_host::Reply, db::TestDb, git_host::Dialect, on_every_database};
use serde_json::{Value, json};

use super::Bench;
use crate::app::{Answer, Mode};

const DIALECTS: [Dialect; 4] = [
    Dialect::Github,
    Dialect::Gitlab,
    Dialect::Bitbucket,
    Dialect::DataCenter,
];

impl Bench {
    async fn delete(&self, rest: &str) -> Answer {
        let request = self
            .app
            .request(Method::DELETE, &self.path(rest), self.owner());
        self.app.send(request).await
    }

    /// Where deliveries go.
    fn address(&self) -> String {
        format!("https://scm.example.com/hooks/{}", self.id)
    }

    /// The secret that the host has, which no answer may hold.
    fn held_secret(&self) -> String {
        let hooks = self.git.hooks();
        assert_eq!(hooks.len(), 1, "{hooks:?}");
        hooks[0].secret.clone().expect("a secret")
    }
}

#[track_caller]
fn holds_no_secret(answer: &Answer, secret: &str) {
    let text = String::from_utf8_lossy(&answer.bytes);
    assert!(!text.contains(secret), "{text}");
}

#[tokio::test]
async fn one_webhook_for_each_repository() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect).await;
        let none = bench.get("/webhook").await.expect(409);
        assert_eq!(none.failure().0, "webhook_not_registered", "{dialect:?}");

        let made = bench.post("/webhook", &json!({})).await.expect(201);
        assert_eq!(made.json["existing"], false, "{dialect:?}");
        let secret = bench.held_secret();
        assert!(secret.starts_with("whsec_"), "{dialect:?}");
        holds_no_secret(&made, &secret);
        let hook = made.data();
        assert_eq!(hook["webhookUrl"], bench.address(), "{dialect:?}");
        assert_eq!(hook["webhookId"], bench.git.hooks()[0].id, "{dialect:?}");
        assert_eq!(hook["isComplete"], true, "{dialect:?} {hook}");
        assert_eq!(hook["scheme"], scheme(dialect), "{dialect:?}");
        assert_eq!(hook["previousSecretUntil"], Value::Null, "{dialect:?}");

        // Once more changes nothing.
        let again = bench.post("/webhook", &json!({})).await.expect(200);
        assert_eq!(again.json["existing"], true, "{dialect:?}");
        assert_eq!(bench.held_secret(), secret, "{dialect:?}");
        let row = bench.get("").await.expect(200);
        assert_eq!(row.data()["webhookId"], hook["webhookId"], "{dialect:?}");
        assert_eq!(row.data()["webhookUrl"], bench.address(), "{dialect:?}");

        let removed = bench.delete("/webhook").await.expect(200);
        assert_eq!(removed.data()["removedAtHost"], true, "{dialect:?}");
        assert!(bench.git.hooks().is_empty(), "{dialect:?}");
        let row = bench.get("").await.expect(200);
        assert_eq!(row.data()["webhookId"], Value::Null, "{dialect:?}");
        bench.delete("/webhook").await.expect(409);
    }
}

fn scheme(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Github => "github",
        Dialect::Gitlab => "gitlab-signature",
        Dialect::Bitbucket => "bitbucket",
        Dialect::DataCenter => "bitbucket-data-center",
    }
}

#[tokio::test]
async fn the_row_says_which_proof_an_older_gitlab_gives() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.git.set_hook_signing(false);
    let made = bench.post("/webhook", &json!({})).await.expect(201);
    assert_eq!(made.data()["scheme"], "gitlab-token");
}

#[tokio::test]
async fn one_that_is_there_is_adopted_with_a_fresh_secret() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect).await;
        let id = bench.git.add_hook(&bench.address());
        let other = bench.git.add_hook("https://ci.example.com/hook");
        let made = bench.post("/webhook", &json!({})).await.expect(200);
        assert_eq!(made.json["existing"], true, "{dialect:?}");
        assert_eq!(made.data()["webhookId"], id, "{dialect:?}");
        let hooks = bench.git.hooks();
        assert_eq!(hooks.len(), 2, "{dialect:?}");
        for hook in hooks {
            assert_eq!(hook.secret.is_some(), hook.id != other, "{dialect:?}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_at_the_host_is_said_and_made_anew() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect).await;
        let made = bench.post("/webhook", &json!({})).await.expect(201);
        let id = made.data()["webhookId"].as_str().unwrap().to_owned();
        bench.git.drop_hook(&id);
        let seen = bench.get("/webhook").await.expect(200);
        assert_eq!(seen.data()["existsAtHost"], false, "{dialect:?}");
        assert_eq!(seen.data()["isComplete"], false, "{dialect:?}");
        for rest in ["/webhook/rotate", "/webhook/test"] {
            let gone = bench.post(rest, &json!({})).await.expect(409);
            assert_eq!(gone.failure().0, "webhook_gone", "{dialect:?} {rest}");
        }
        let made = bench.post("/webhook", &json!({})).await.expect(201);
        assert_eq!(made.data()["existsAtHost"], true, "{dialect:?}");
        assert_eq!(bench.git.hooks().len(), 1, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_new_secret_is_unconfirmed_until_a_delivery_comes() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect).await;
        bench.post("/webhook", &json!({})).await.expect(201);
        let before = bench.held_secret();
        let rotated = bench.post("/webhook/rotate", &json!({})).await.expect(200);
        let after = bench.held_secret();
        assert_ne!(before, after, "{dialect:?}");
        holds_no_secret(&rotated, &after);
        // Nobody listens at the address.
        assert_eq!(rotated.data()["confirmed"], false, "{dialect:?}");
        let until = rotated.data()["previousSecretUntil"].as_str();
        assert_eq!(until, Some("2026-11-02T10:00:00.000Z"), "{dialect:?}");

        // The change that is not confirmed is gone on with, not begun anew.
        let again = bench.post("/webhook/rotate", &json!({})).await.expect(200);
        assert_eq!(bench.held_secret(), after, "{dialect:?}");
        assert_eq!(
            again.data()["previousSecretUntil"].as_str(),
            until,
            "{dialect:?}"
        );

        // When its time is over, the next one is a new one.
        bench.app.clock.advance(std::time::Duration::from_hours(24));
        bench.post("/webhook/rotate", &json!({})).await.expect(200);
        assert_ne!(bench.held_secret(), after, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_gone_on_with() {
    for dialect in DIALECTS {
        let bench = Bench::new(dialect).await;
        let part = if dialect == Dialect::DataCenter {
            "/webhooks"
        } else {
            "/hooks"
        };
        for (carried_out, fault) in [(true, Reply::html(502)), (false, Reply::close())] {
            bench.post("/webhook", &json!({})).await;
            let before = bench.held_secret();
            let method = match dialect {
                Dialect::Github => "PATCH",
                Dialect::Gitlab | Dialect::Bitbucket | Dialect::DataCenter => "PUT",
            };
            if carried_out {
                bench.git.lose(method, part, fault);
            } else {
                bench.git.instead(method, part, fault);
            }
            let lost = bench.post("/webhook/rotate", &json!({})).await;
            assert!(lost.status.is_server_error(), "{dialect:?} {}", lost.json);
            let unclear = bench.held_secret();
            assert_eq!(unclear != before, carried_out, "{dialect:?}");

            let done = bench.post("/webhook/rotate", &json!({})).await.expect(200);
            assert_eq!(done.data()["isComplete"], true, "{dialect:?}");
            let after = bench.held_secret();
            assert_ne!(after, before, "{dialect:?}");
            if carried_out {
                assert_eq!(after, unclear, "{dialect:?}");
            }
            bench.app.clock.advance(std::time::Duration::from_hours(25));
        }
    }
}

#[tokio::test]
async fn a_refusal_leaves_the_secret_that_was() {
    let bench = Bench::new(Dialect::Gitlab).await;
    bench.post("/webhook", &json!({})).await.expect(201);
    let refusal = Reply::json(403, &json!({"message": "403 Forbidden"}));
    bench.git.instead("PUT", "/hooks/", refusal);
    let refused = bench.post("/webhook/rotate", &json!({})).await.expect(409);
    assert_eq!(refused.failure().0, "insufficient_scope");
    let seen = bench.get("/webhook").await.expect(200);
    assert_eq!(seen.data()["previousSecretUntil"], Value::Null);
}

#[tokio::test]
async fn a_host_that_takes_no_such_address_says_so() {
    for dialect in [Dialect::Gitlab, Dialect::Bitbucket] {
        let bench = Bench::new(dialect).await;
        let refusal = match dialect {
            Dialect::Gitlab => Reply::json(422, &json!({"error": "Invalid url given"})),
            _ => Reply::json(
                400,
                &json!({"type": "error", "error": {"message": "url must resolve to a public address"}}),
            ),
        };
        bench.git.instead("POST", "/hooks", refusal);
        let refused = bench.post("/webhook", &json!({})).await.expect(422);
        assert_eq!(refused.failure().0, "webhook_url_refused", "{dialect:?}");
        bench.get("/webhook").await.expect(409);
    }
}

on_every_database! {
    async fn one_change_at_a_time(db: TestDb) {
        let git = scm_testkit::git_host::GitHost::start(Dialect::Bitbucket).await;
        let bench = Bench::on(&db, Mode::Open, git).await;
        let calls = (0..8).map(|_| {
            let path = bench.path("/webhook");
            let request = bench.app.request(Method::POST, &path, None);
            bench.app.send(request)
        });
        let answers = futures::future::join_all(calls).await;
        let mut made = 0;
        for answer in &answers {
            match answer.status.as_u16() {
                201 => made += 1,
                200 => {}
                other => {
                    assert_eq!(other, 409, "{}", answer.json);
                    assert_eq!(answer.failure().0, "webhook_busy");
                }
            }
        }
        assert_eq!(made, 1);
        assert_eq!(bench.git.hooks().len(), 1);
    }
}

#[tokio::test]
async fn without_a_public_address_the_answer_says_what_is_missing() {
    let db = TestDb::migrated(scm_testkit::db::Backend::Sqlite)
        .await
        .unwrap();
    let git = scm_testkit::git_host::GitHost::start(Dialect::Github).await;
    let bench = Bench::unreachable(&db, git).await;
    let refused = bench.post("/webhook", &json!({})).await.expect(409);
    assert_eq!(refused.failure().0, "public_url_missing");
    assert!(
        refused.json["error"]
            .as_str()
            .unwrap()
            .contains("public_url")
    );
    assert!(bench.git.hooks().is_empty());
}

#[tokio::test]
async fn owners_alone_see_and_change_it() {
    let db = TestDb::migrated(scm_testkit::db::Backend::Sqlite)
        .await
        .unwrap();
    let git = scm_testkit::git_host::GitHost::start(Dialect::Github).await;
    let bench = Bench::on(&db, Mode::Keys, git).await;
    bench.git.forget_requests();
    for role in ["t1-viewer", "t1-editor"] {
        for (method, rest) in [
            (Method::GET, "/webhook"),
            (Method::POST, "/webhook"),
            (Method::DELETE, "/webhook"),
            (Method::POST, "/webhook/rotate"),
            (Method::POST, "/webhook/test"),
        ] {
            let request = bench.app.request(method, &bench.path(rest), Some(role));
            let refused = bench.app.send(request).await.expect(403);
            assert_eq!(refused.json["error"], "This needs the role owner", "{rest}");
        }
    }
    assert_eq!(bench.git.calls(), 0);
    bench.post("/webhook", &json!({})).await.expect(201);
}

#[tokio::test]
async fn what_did_not_come_about_is_noted_as_well() {
    let bench = Bench::new(Dialect::Github).await;
    bench.post("/webhook", &json!({})).await.expect(201);
    bench.git.always("GET", "/repos/", Reply::html(503));
    bench.post("/webhook", &json!({})).await.expect(503);
    bench.post("/webhook/rotate", &json!({})).await.expect(503);
    bench.delete("/webhook").await.expect(503);
    bench.git.heal();
    let log = bench.get("/audit").await.expect(200);
    let rows = log.data().as_array().unwrap();
    let told = |action: &str| {
        let row = rows.iter().find(|row| row["action"] == action);
        let row = row.unwrap_or_else(|| unreachable!("{action}: {log:?}"));
        (row["outcome"].clone(), row["code"].clone())
    };
    for action in ["webhook.registered", "webhook.rotated", "webhook.removed"] {
        let unknown = (json!("unknown"), json!("provider_unavailable"));
        assert_eq!(told(action), unknown, "{action}");
    }
}

#[tokio::test]
async fn a_body_is_not_taken() {
    let bench = Bench::new(Dialect::Github).await;
    for rest in ["/webhook", "/webhook/rotate", "/webhook/test"] {
        let refused = bench.post(rest, &json!({"secret": "x"})).await.expect(400);
        assert_eq!(refused.failure().1, ["secret"], "{rest}");
        let request = bench.app.request(Method::POST, &bench.path(rest), None);
        let refused = bench
            .app
            .send(request.set_payload("{bad"))
            .await
            .expect(400);
        assert_eq!(refused.failure().0, "malformed_json", "{rest}");
    }
    assert!(bench.git.hooks().is_empty());
    let request = bench
        .app
        .request(Method::POST, &bench.path("/webhook"), None);
    bench.app.send(request).await.expect(201);
}
