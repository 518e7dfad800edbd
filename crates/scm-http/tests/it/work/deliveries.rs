//! What code hosts deliver, over HTTP: taken in, listed, processed again, told.

use std::sync::Arc;

use actix_web::{
    App,
    http::{Method, StatusCode},
    test::{self, TestRequest},
    web,
};
use ring::hmac;
use scm_http::{Authentication, configure};
use scm_service::{Cipher, ConnectOptions, InboxLimits, KeyId, KeyRing, Services, connect};
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::{Attempt, Dialect, GitHost},
    on_every_database,
};
use scm_types::{AccountId, DeliveryId};
use serde_json::{Value, json};

use super::Bench;
use crate::app::{Answer, BASE, LOG, Mode};

/// A connection whose webhook is registered, and what GitHub signs with.
struct Hooked {
    bench: Bench,
    secret: String,
}

impl Hooked {
    async fn on(db: &TestDb) -> Self {
        let git = GitHost::start(Dialect::Github).await;
        let bench = Bench::on(db, Mode::Keys, git).await;
        bench.post("/verify", &json!({})).await.expect(200);
        bench.post("/webhook", &json!({})).await.expect(201);
        let secret = bench.git.hooks()[0].secret.clone().unwrap();
        Self { bench, secret }
    }

    async fn push(&self) -> Attempt {
        let attempts = self.bench.git.deliver_push("refs/heads/main", None).await;
        attempts.into_iter().next().unwrap()
    }

    fn signature(&self, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = hmac::sign(&key, body);
        let digest = tag.as_ref().try_into().unwrap();
        let hex = DeliveryId::from_digest(digest);
        format!("sha256={hex}")
    }

    /// A delivery to the connection as GitHub signs it.
    fn signed(&self, event: &str, key: &str, body: &[u8]) -> TestRequest {
        delivery(&self.bench.id, event, key, body)
            .insert_header(("X-Hub-Signature-256", self.signature(body)))
    }

    async fn send(&self, request: TestRequest) -> Answer {
        self.bench.app.send(request).await
    }

    async fn as_role(&self, method: Method, path: &str, role: &str) -> Answer {
        let request = self.bench.app.request(method, path, Some(role));
        self.send(request).await
    }

    async fn work_off(&self) -> u64 {
        self.bench.app.services.work_off_deliveries().await.unwrap()
    }
}

fn delivery(id: &str, event: &str, key: &str, body: &[u8]) -> TestRequest {
    TestRequest::post()
        .uri(&format!("{BASE}/webhooks/{id}"))
        .insert_header(("Content-Type", "application/json"))
        .insert_header(("X-GitHub-Event", event))
        .insert_header(("X-GitHub-Delivery", key))
        .set_payload(body.to_vec())
}

on_every_database! {
    async fn a_delivery_comes_to_the_feed(db: TestDb) {
        let on = Hooked::on(&db).await;
        let push = on.push().await;
        let signed = || on.signed("push", &push.key, push.body.as_bytes());
        let accepted = on.send(signed()).await.expect(202);
        assert_eq!(accepted.json, json!({"success": true, "message": "Delivery accepted"}));
        let again = on.send(signed()).await.expect(200);
        assert_eq!(again.json["message"], "Delivery was accepted before");
        assert_eq!(on.work_off().await, 1);
        on.send(signed()).await.expect(200);
        assert_eq!(on.work_off().await, 0);

        let feed = on.as_role(Method::GET, "/events", "t1-viewer").await.expect(200);
        let kinds: Vec<_> = feed.data().as_array().unwrap().iter().map(|event| &event["kind"]).collect();
        assert!(kinds.contains(&&json!("push")), "{kinds:?}");
        assert_eq!(feed.json["count"], kinds.len());
        let event = &feed.data()[0];
        assert_eq!(event["integrationId"], on.bench.id);
        assert_eq!(event["tenantId"], "t1");
        let next = feed.json["nextCursor"].as_str().unwrap().to_owned();
        let rest = on.as_role(Method::GET, &format!("/events?cursor={next}"), "t1-viewer").await;
        assert_eq!(rest.expect(200).json, json!({"success": true, "data": [], "count": 0, "nextCursor": next}));
        let ahead = on.as_role(Method::GET, "/events?cursor=e999999", "t1-viewer").await;
        assert_eq!(ahead.expect(400).failure().1, ["cursor"]);
        let foreign = on.as_role(Method::GET, "/events", "t2-owner").await.expect(200);
        assert_eq!(foreign.json["count"], 0);
        on.as_role(Method::GET, "/events?tenantId=t1", "t2-owner").await.expect(403);
        on.as_role(Method::GET, "/events", "platform").await.expect(400);
        let all = on.as_role(Method::GET, "/events?tenantId=t1", "platform").await.expect(200);
        assert_eq!(all.data(), feed.data());
    }

    async fn what_is_not_proved_is_answered_in_one_way(db: TestDb) {
        let on = Hooked::on(&db).await;
        let body = br#"{"zen":"S3CR3T-BODY","hook_id":1}"#;
        let id = on.bench.id.as_str();
        let wrong = || delivery(id, "ping", "k", body);
        let good = on.signature(body);
        let unknown = delivery("V1StGXR8_Z5jdHi6B-myT", "ping", "k", body)
            .insert_header(("X-Hub-Signature-256", good.as_str()));
        let unknown = on.send(unknown).await.expect(404);
        let deleted = {
            let other = json!({
                "tenantId": "t1", "scmType": "GITHUB", "accessToken": "ghp_x",
                "repositoryUrl": format!("{}/octo/other", on.bench.git.base_url()),
            });
            let create = on.bench.app.request(Method::POST, "", Some("t1-owner"));
            on.send(create.set_json(other)).await.expect(201).id()
        };
        on.as_role(Method::DELETE, &format!("/{deleted}"), "t1-owner").await.expect(200);
        for (name, request) in [
            ("no signature", wrong()),
            ("empty", wrong().insert_header(("X-Hub-Signature-256", ""))),
            ("malformed", wrong().insert_header(("X-Hub-Signature-256", "sha256=1"))),
            ("another body's", wrong().insert_header(("X-Hub-Signature-256", on.signature(b"{}")))),
            ("twice", wrong().append_header(("X-Hub-Signature-256", good.as_str())).append_header(("X-Hub-Signature-256", good.as_str()))),
            ("another host's", wrong().insert_header(("X-Gitlab-Token", on.secret.as_str()))),
            ("a deleted one", delivery(&deleted, "ping", "k", body).insert_header(("X-Hub-Signature-256", good.as_str()))),
            ("no id", delivery("a%20b", "ping", "k", body)),
            ("a path", delivery("..%2F..", "ping", "k", body)),
        ] {
            let answer = on.send(request).await.expect(404);
            assert_eq!(answer.bytes, unknown.bytes, "{name}");
        }
        assert_eq!(unknown.failure().0, "unknown_webhook");
        let list = on.as_role(Method::GET, &on.bench.path("/deliveries"), "t1-viewer").await.expect(200);
        assert_eq!(list.json["count"], 0);
        let log = LOG.lock().unwrap().clone();
        assert!(!String::from_utf8_lossy(&log).contains("S3CR3T-BODY"));
    }
}

async fn sqlite() -> (TestDb, Hooked) {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let on = Hooked::on(&db).await;
    (db, on)
}

#[tokio::test]
async fn what_cannot_be_a_delivery_is_refused_before_the_signature() {
    let (_db, on) = sqlite().await;
    let body = b"{\"zen\":1}";
    for id in [on.bench.id.as_str(), "V1StGXR8_Z5jdHi6B-myT"] {
        let bomb = delivery(id, "ping", "k", body)
            .insert_header(("X-Hub-Signature-256", on.signature(body)))
            .insert_header(("Content-Encoding", "gzip"));
        let refused = on.send(bomb).await.expect(415);
        assert_eq!(refused.failure().0, "unsupported_content_encoding");
        let large = vec![b' '; 30 * 1024 * 1024];
        let refused = on.send(delivery(id, "ping", "k", &large)).await.expect(413);
        assert_eq!(refused.failure().0, "delivery_too_large");
    }
    let wrong = TestRequest::get().uri(&format!("{BASE}/webhooks/{}", on.bench.id));
    let refused = on.send(wrong).await.expect(405);
    assert_eq!(refused.header("allow"), Some("POST"));
}

#[tokio::test]
async fn a_large_delivery_is_taken_in() {
    let (_db, on) = sqlite().await;
    let mut push: Value = serde_json::from_str(&on.push().await.body).unwrap();
    push["padding"] = "x".repeat(5 * 1024 * 1024).into();
    let body = push.to_string();
    on.send(on.signed("push", "large", body.as_bytes()))
        .await
        .expect(202);
    assert_eq!(on.work_off().await, 1);
    let feed = on
        .as_role(Method::GET, "/events", "t1-viewer")
        .await
        .expect(200);
    assert_ne!(feed.json["count"], 0);
}

#[tokio::test]
async fn genuine_deliveries_that_cannot_be_read_are_dead_and_can_be_replayed() {
    let (_db, on) = sqlite().await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let form = b"payload=%7B%22zen%22%3A1%7D";
    let form = on
        .signed("push", "form", form)
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    on.send(form).await.expect(202);
    on.send(on.signed("push", "bytes", b"\xff\xfe{}"))
        .await
        .expect(202);
    on.send(on.signed("push", "deep", deep.as_bytes()))
        .await
        .expect(202);
    assert_eq!(on.work_off().await, 3);

    let deliveries = on.bench.path("/deliveries");
    let list = |role: &'static str, query: &str| {
        let path = format!("{deliveries}{query}");
        let on = &on;
        async move { on.as_role(Method::GET, &path, role).await }
    };
    let dead = list("t1-viewer", "?state=dead&limit=2").await.expect(200);
    assert_eq!(dead.json["count"], 2);
    assert_eq!(dead.data()[0]["lastError"], "payload_depth");
    let next = dead.json["nextCursor"].as_str().unwrap();
    let rest = list("t1-viewer", &format!("?state=dead&cursor={next}"))
        .await
        .expect(200);
    assert_eq!(rest.data()[0]["lastError"], "payload_content_type");
    assert_eq!(rest.json.get("nextCursor"), None);
    list("t1-viewer", "?state=gone").await.expect(400);
    list("t1-viewer", "?cursor=x").await.expect(400);
    list("t1-viewer", "?limit=0").await.expect(400);

    let id = rest.data()[0]["id"].as_str().unwrap().to_owned();
    let one = format!("{deliveries}/{id}");
    on.as_role(Method::GET, &one, "t1-editor").await.expect(403);
    let detail = on.as_role(Method::GET, &one, "t1-owner").await.expect(200);
    assert_eq!(detail.data()["body"], "payload=%7B%22zen%22%3A1%7D");
    assert_eq!(detail.data()["scheme"], "github");
    let headers = detail.data()["headers"].to_string();
    assert!(
        headers.contains("[\"x-hub-signature-256\",\"***\"]"),
        "{headers}"
    );
    assert!(
        headers.contains("[\"x-github-delivery\",\"form\"]"),
        "{headers}"
    );

    let replay = format!("{one}/replay");
    on.as_role(Method::POST, &replay, "t1-editor")
        .await
        .expect(403);
    on.as_role(Method::POST, &replay, "t1-owner")
        .await
        .expect(202);
    assert_eq!(on.work_off().await, 1);
    for odd in ["%00", "a%20b", "%C3%A9", "..%2F.."] {
        let odd = format!("{deliveries}/{odd}");
        on.as_role(Method::GET, &odd, "t1-owner").await.expect(404);
    }
    let missing = format!("{deliveries}/nothing");
    let missing = on
        .as_role(Method::GET, &missing, "t1-owner")
        .await
        .expect(404);
    assert_eq!(missing.failure().0, "delivery_not_found");

    let all = |since: Value, role: &'static str| {
        let request = on
            .bench
            .app
            .request(Method::POST, &format!("{deliveries}/replay"), Some(role))
            .set_json(since);
        on.send(request)
    };
    let since = json!({"since": "2020-01-01T00:00:00Z"});
    all(since.clone(), "t1-editor").await.expect(403);
    let replayed = all(since, "t1-owner").await.expect(202);
    assert_eq!(replayed.data()["replayed"], 3);
    assert_eq!(on.work_off().await, 3);
    assert_eq!(
        all(json!({}), "t1-owner").await.expect(400).failure().1,
        ["since"]
    );
    let audit = on
        .as_role(Method::GET, &on.bench.path("/audit"), "t1-owner")
        .await
        .expect(200);
    let actions = audit.json["data"].to_string();
    assert!(actions.contains("delivery.replayed"), "{actions}");
}

#[tokio::test]
async fn questions_for_events_are_checked() {
    let (_db, on) = sqlite().await;
    for (query, field) in [
        ("?wait=31", "wait"),
        ("?wait=-1", "wait"),
        ("?wait=x", "wait"),
        ("?cursor=17", "cursor"),
        ("?limit=1001", "limit"),
        ("?since=1", "since"),
    ] {
        let refused = on
            .as_role(Method::GET, &format!("/events{query}"), "t1-viewer")
            .await;
        assert_eq!(refused.expect(400).failure().1, [field], "{query}");
    }
}

/// Whatever the id is: who asks learns nothing of it.
#[tokio::test]
async fn a_full_receiver_says_when_to_come_back() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let database = connect(&db.url, &ConnectOptions::default()).await.unwrap();
    let keys = KeyRing::generate(KeyId::parse("test").unwrap()).unwrap();
    let nothing = InboxLimits {
        deliveries: 0,
        bytes: 0,
    };
    let services = Services::builder(database, Arc::new(Cipher::new(keys)))
        .inbox_limits(nothing)
        .build()
        .unwrap();
    assert!(services.is_receiver_full());
    let account = AccountId::parse("local").unwrap();
    let api = configure(services, Authentication::Open { account });
    let app = App::new().service(web::scope(BASE).configure(api));
    let app = test::init_service(app).await;
    for id in ["V1StGXR8_Z5jdHi6B-myT", "no id at all"] {
        let id = id.replace(' ', "%20");
        let request = delivery(&id, "push", "k1", b"{}").to_request();
        let answer = test::call_service(&app, request).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{id}");
        assert!(answer.headers().contains_key("retry-after"), "{id}");
        let failure: Value = test::read_body_json(answer).await;
        assert_eq!(failure["code"], "receiver_full", "{id}");
    }
}
