//! Webhooks: what each product makes of a change, and what arrives of a delivery.

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;
use serde_json::{Value, json};

use super::client::{get, send};
use crate::{
    code_host::{CodeHost, Recorded, Reply},
    git_host::{Dialect, GitHost, Pause},
};

const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn route(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Github => "/repos/octo/app/hooks",
        Dialect::Gitlab => "/projects/4/hooks",
        Dialect::Bitbucket => "/repositories/ws/app/hooks",
        Dialect::DataCenter => "/api/latest/projects/KEY/repos/app/webhooks",
    }
}

/// A webhook as a good client makes it.
fn whole(dialect: Dialect, url: &str) -> Value {
    match dialect {
        Dialect::Github => json!({"name": "web", "active": true, "events": ["push"], "config": {
            "url": url, "content_type": "json", "secret": SECRET, "insecure_ssl": "0"}}),
        Dialect::Gitlab => json!({"url": url, "push_events": true, "tag_push_events": true,
            "signing_token": SECRET, "token": "plain"}),
        Dialect::Bitbucket => json!({"description": "ours", "url": url, "active": true,
            "secret": SECRET, "events": ["repo:push"]}),
        Dialect::DataCenter => json!({"name": "ours", "url": url, "active": true,
            "configuration": {"secret": SECRET}, "events": ["repo:refs_changed"]}),
    }
}

async fn call(
    host: &GitHost,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> super::client::Answer {
    let token = format!("Bearer {}", host.dialect().token());
    send(
        host,
        method,
        path,
        &[("authorization", &token)],
        body.as_ref(),
    )
    .await
}

async fn create(host: &GitHost, url: &str) -> String {
    let (path, body) = (route(host.dialect()), whole(host.dialect(), url));
    let made = call(host, "POST", path, Some(body)).await;
    assert!(made.status == 200 || made.status == 201, "{}", made.text);
    host.hooks().pop().unwrap().id
}

/// One webhook's path; braces are encoded.
fn path(dialect: Dialect, id: &str) -> String {
    let id = id.replace('{', "%7B").replace('}', "%7D");
    format!("{}/{id}", route(dialect))
}

fn header<'a>(request: &'a Recorded, name: &str) -> &'a str {
    request.header(name).unwrap_or_default()
}

#[tokio::test]
async fn webhooks_are_made_listed_changed_and_removed() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        let id = create(&host, "https://a.example/x").await;
        let held = host.hooks();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].secret.as_deref(), Some(SECRET), "{dialect:?}");
        let _ = host.add_hook("https://b.example/y");
        let size = match dialect {
            Dialect::Github | Dialect::Gitlab => "per_page=1",
            Dialect::Bitbucket => "pagelen=1",
            Dialect::DataCenter => "limit=1",
        };
        let page = get(&host, &format!("{}?{size}", route(dialect))).await;
        let page = page.expect(200);
        assert!(page.text.contains("a.example") && !page.text.contains("b.example"));
        let goes_on = page.next().is_some()
            || page.json["next"].is_string()
            || page.json["nextPageStart"] == 1;
        assert!(goes_on, "{dialect:?}: {}", page.text);
        let one = get(&host, &path(dialect, &id)).await.expect(200);
        if dialect != Dialect::DataCenter {
            assert!(!one.text.contains(SECRET), "{dialect:?}");
        }
        let gone = call(&host, "DELETE", &path(dialect, &id), None).await;
        assert_eq!(gone.status, 204);
        assert_eq!(get(&host, &path(dialect, &id)).await.status, 404);
        host.set_public_hooks_only(true);
        let refused = whole(dialect, "http://127.0.0.1:1/x");
        let refused = call(&host, "POST", route(dialect), Some(refused)).await;
        assert!(matches!(refused.status, 400 | 422), "{dialect:?}");
        host.set_read_only_token(true);
        let refused = get(&host, route(dialect)).await.status;
        assert_eq!(
            refused,
            if dialect == Dialect::DataCenter {
                401
            } else {
                403
            }
        );
    }
}

#[tokio::test]
async fn what_becomes_of_a_secret_that_is_not_repeated() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        let url = "https://a.example/x";
        let id = create(&host, url).await;
        let (method, body, kept) = match dialect {
            Dialect::Github => ("PATCH", json!({"active": true}), false),
            Dialect::Gitlab => ("PUT", json!({"url": url}), true),
            Dialect::Bitbucket => ("PUT", json!({"url": url, "events": ["repo:push"]}), true),
            Dialect::DataCenter => {
                let body = json!({"name": "n", "url": url, "events": ["repo:modified"]});
                ("PUT", body, false)
            }
        };
        call(&host, method, &path(dialect, &id), Some(body))
            .await
            .expect(200);
        assert_eq!(host.hooks()[0].secret.is_some(), kept, "{dialect:?}");
    }
    let host = GitHost::start(Dialect::Gitlab).await;
    let id = create(&host, "https://a.example/x").await;
    let moved = json!({"url": "https://a.example/y"});
    call(&host, "PUT", &path(Dialect::Gitlab, &id), Some(moved))
        .await
        .expect(200);
    let held = host.hooks().remove(0);
    assert_eq!((held.secret, held.token), (None, None));
    let host = GitHost::start(Dialect::Github).await;
    let id = create(&host, "https://a.example/x").await;
    let config = format!("{}/config", path(Dialect::Github, &id));
    let body = json!({"url": "https://a.example/y"});
    call(&host, "PATCH", &config, Some(body)).await.expect(200);
    let held = host.hooks().remove(0);
    assert_eq!(held.secret.as_deref(), Some(SECRET));
    assert_eq!(held.url, "https://a.example/y");
}

#[tokio::test]
async fn github_takes_no_two_webhooks_with_one_url() {
    let host = GitHost::start(Dialect::Github).await;
    create(&host, "https://a.example/x").await;
    let again = whole(Dialect::Github, "https://a.example/x");
    call(&host, "POST", route(Dialect::Github), Some(again))
        .await
        .expect(422);
    assert_eq!(host.hooks().len(), 1);
}

#[tokio::test]
async fn deliveries_arrive_signed_and_keep_their_key() {
    for dialect in Dialect::ALL {
        let host = GitHost::start(dialect).await;
        let receiver = CodeHost::start().await;
        receiver.on_root("POST", "/in", [Reply::empty(404), Reply::empty(202)]);
        let url = format!("{}/in", receiver.base_url());
        create(&host, &url).await;
        host.settle().await;
        receiver.forget_requests();
        receiver.on_root("POST", "/in", [Reply::empty(404), Reply::empty(202)]);

        let tried = host.deliver_push("refs/heads/main", None).await;
        assert_eq!(tried.last().map(|it| it.status), Some(404), "{dialect:?}");
        let again = host.redeliver(&tried[0].key).await;
        assert_eq!(again[0].status, 202);
        assert!(again[0].redelivery);

        let requests = receiver.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].body, requests[1].body);
        let head = host.repo().peel("main").unwrap();
        assert!(String::from_utf8_lossy(&requests[0].body).contains(&head));
        for request in &requests {
            let key = match dialect {
                Dialect::Github => header(request, "x-github-delivery"),
                Dialect::Gitlab => header(request, "webhook-id"),
                Dialect::Bitbucket => header(request, "x-request-uuid"),
                Dialect::DataCenter => header(request, "x-request-id"),
            };
            assert_eq!(key, tried[0].key, "{dialect:?}");
            check_signature(dialect, request);
        }
    }
}

fn check_signature(dialect: Dialect, request: &Recorded) {
    let (key, signed, signature) = if dialect == Dialect::Gitlab {
        assert_eq!(header(request, "x-gitlab-token"), "plain");
        let id = header(request, "webhook-id");
        let time = header(request, "webhook-timestamp");
        let signed = [format!("{id}.{time}.").as_bytes(), &request.body].concat();
        let signature = header(request, "webhook-signature");
        let signature = signature.strip_prefix("v1,").unwrap();
        let key = SECRET.strip_prefix("whsec_").unwrap();
        let decode = |text| BASE64_STANDARD.decode(text).unwrap();
        (decode(key), signed, decode(signature))
    } else {
        let name = match dialect {
            Dialect::Github => "x-hub-signature-256",
            _ => "x-hub-signature",
        };
        let digits = header(request, name).strip_prefix("sha256=").unwrap();
        let bytes = (0..digits.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        (SECRET.into(), request.body.clone(), bytes.collect())
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    assert!(
        hmac::verify(&key, &signed, &signature).is_ok(),
        "{dialect:?}"
    );
}

#[tokio::test]
async fn bitbucket_tries_twice_more_after_5xx_and_gitlab_pauses() {
    let receiver = CodeHost::start().await;
    receiver.on_everything(Reply::empty(500));
    let url = format!("{}/in", receiver.base_url());
    let host = GitHost::start(Dialect::Bitbucket).await;
    create(&host, &url).await;
    host.deliver_push("refs/heads/main", None).await;
    let numbers = receiver.requests();
    let numbers: Vec<_> = numbers
        .iter()
        .map(|it| header(it, "x-attempt-number"))
        .collect();
    assert_eq!(numbers, ["1", "2", "3"]);

    let host = GitHost::start(Dialect::Gitlab).await;
    let id = create(&host, &url).await;
    for _ in 0..4 {
        assert_eq!(host.deliver_push("refs/heads/main", None).await.len(), 1);
    }
    assert_eq!(host.hooks()[0].pause, Pause::Paused);
    assert!(host.deliver_push("refs/heads/main", None).await.is_empty());
    let one = get(&host, &path(Dialect::Gitlab, &id)).await.expect(200);
    assert_eq!(one.json["alert_status"], "temporarily_disabled");
    // A test that arrives ends the pause.
    receiver.on_everything(Reply::empty(202));
    let test = format!("{}/test/push_events", path(Dialect::Gitlab, &id));
    call(&host, "POST", &test, None).await.expect(201);
    assert_eq!(host.hooks()[0].pause, Pause::None);
    let events = get(&host, &format!("{}/events", path(Dialect::Gitlab, &id))).await;
    let newest = &events.expect(200).json[0];
    assert_eq!(newest["response_status"], "202");
}

#[tokio::test]
async fn github_lists_deliveries_by_cursor_and_sends_one_again() {
    let host = GitHost::start(Dialect::Github).await;
    let receiver = CodeHost::start().await;
    let url = format!("{}/in", receiver.base_url());
    let id = create(&host, &url).await;
    host.settle().await;
    host.deliver_push("refs/heads/main", None).await;
    let list = format!("{}/deliveries?per_page=1", path(Dialect::Github, &id));
    let first = get(&host, &list).await.expect(200);
    assert_eq!(first.json[0]["event"], "push");
    assert_eq!(first.json[0]["status_code"], 404);
    let second = get(&host, &first.next().unwrap()).await.expect(200);
    assert_eq!(second.json[0]["event"], "ping");
    assert!(second.next().is_none());
    receiver.on_everything(Reply::empty(200));
    let number = &first.json[0]["id"];
    let again = format!(
        "{}/deliveries/{number}/attempts",
        path(Dialect::Github, &id)
    );
    call(&host, "POST", &again, None).await.expect(202);
    host.settle().await;
    let attempts = host.attempts();
    let [ping, failed, arrived] = &attempts[..] else {
        panic!("{attempts:?}")
    };
    assert_eq!(ping.event, "ping");
    assert_eq!((&failed.key, failed.status), (&arrived.key, 404));
    assert_eq!(arrived.status, 200);
}
