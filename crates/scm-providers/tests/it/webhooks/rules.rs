//! What only one product does.

use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, Pause},
};
use scm_types::{SignatureScheme, WebhookHealth};
use serde_json::{Value, json};

use super::{OURS, assert_as_wanted, ensure, wanted};
use crate::support::git::GitBench;

#[tokio::test]
async fn github_says_that_one_exists_and_it_is_adopted() {
    let bench = GitBench::start(Dialect::Github).await;
    let id = bench.host.add_hook(OURS);
    let (provider, info) = bench.work().await;
    // Made by somebody else right after the look.
    bench
        .host
        .instead("GET", "/hooks", Reply::json(200, &json!([])));
    let wanted = wanted();
    let adopted = ensure(&*provider, &info, &wanted).await.unwrap();
    assert_eq!((adopted.existing, adopted.id), (true, id));
    assert_eq!(bench.asked("POST", "/hooks"), 1);
    let [held] = &bench.host.hooks()[..] else {
        panic!("one")
    };
    assert_as_wanted(Dialect::Github, held, &wanted);
}

#[tokio::test]
async fn github_is_never_sent_a_change_that_leaves_the_secret_out() {
    let bench = GitBench::start(Dialect::Github).await;
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    ensure(&*provider, &info, &wanted()).await.unwrap();
    let last = wanted();
    provider
        .set_webhook_secret(&info, &made.id, &last)
        .await
        .unwrap();
    let mut changes = bench.host.writes();
    changes.retain(|it| it.method == "PATCH");
    assert_eq!(changes.len(), 2);
    for change in changes {
        let body: Value = serde_json::from_slice(&change.body).unwrap();
        let config = if change.path.ends_with("/config") {
            &body
        } else {
            &body["config"]
        };
        for member in ["url", "content_type", "secret", "insecure_ssl"] {
            assert!(config[member].is_string(), "{}: {member}", change.path);
        }
    }
    assert_as_wanted(Dialect::Github, &bench.host.hooks()[0], &last);
}

#[tokio::test]
async fn a_gitlab_that_does_not_sign_is_told_apart_by_its_answer() {
    let bench = GitBench::start(Dialect::Gitlab).await;
    bench.host.set_hook_signing(false);
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    assert_eq!(made.scheme, SignatureScheme::GitlabToken);
    let held = bench.host.hooks().remove(0);
    assert!(held.secret.is_none() && held.token.is_some());
    // The instance is brought up to date: the next change makes it sign.
    bench.host.set_hook_signing(true);
    let found = provider.webhook(&info, &made.id).await.unwrap().unwrap();
    assert_eq!(found.scheme, SignatureScheme::GitlabToken);
    let wanted = wanted();
    let set = provider.set_webhook_secret(&info, &made.id, &wanted).await;
    assert_eq!(
        set.unwrap().unwrap().scheme,
        SignatureScheme::GitlabSignature
    );
    assert_as_wanted(Dialect::Gitlab, &bench.host.hooks()[0], &wanted);
}

#[tokio::test]
async fn one_that_gitlab_has_given_up_is_replaced() {
    let bench = GitBench::start(Dialect::Gitlab).await;
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    bench
        .host
        .edit_hook(&made.id, |hook| hook.pause = Pause::Disabled);
    let found = provider.webhook(&info, &made.id).await.unwrap().unwrap();
    assert_eq!(found.health, WebhookHealth::Disabled);
    let wanted = wanted();
    let again = provider
        .ensure_webhook(&info, &wanted, Some(&made.id))
        .await;
    let again = again.unwrap();
    assert_ne!(again.id, made.id);
    let [held] = &bench.host.hooks()[..] else {
        panic!("one")
    };
    assert_eq!((&held.id, held.pause), (&again.id, Pause::None));
    assert_as_wanted(Dialect::Gitlab, held, &wanted);
}

#[tokio::test]
async fn what_gitlab_sends_by_default_or_to_others_is_switched_off() {
    let bench = GitBench::start(Dialect::Gitlab).await;
    let id = bench.host.add_hook(OURS);
    bench.host.edit_hook(&id, |hook| {
        hook.events = vec!["issues_events".to_owned(), "pipeline_events".to_owned()];
    });
    let (provider, info) = bench.work().await;
    let found = provider.webhook(&info, &id).await.unwrap().unwrap();
    assert!(!found.complete);
    let wanted = wanted();
    ensure(&*provider, &info, &wanted).await.unwrap();
    assert_as_wanted(Dialect::Gitlab, &bench.host.hooks()[0], &wanted);
}

#[tokio::test]
async fn github_refuses_a_local_address_or_another_thing_about_the_url() {
    for error in [
        json!({"resource": "Hook", "code": "invalid", "field": "url"}),
        json!("url is not supported because it isn't reachable over the public Internet"),
    ] {
        let bench = GitBench::start(Dialect::Github).await;
        let (provider, info) = bench.work().await;
        let body = json!({"message": "Validation Failed", "errors": [error]});
        bench
            .host
            .instead("POST", "/hooks", Reply::json(422, &body));
        let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
        assert_eq!(error.code(), "webhook_url_refused");
    }
    let bench = GitBench::start(Dialect::Github).await;
    let (provider, info) = bench.work().await;
    let body = json!({"message": "Validation Failed", "errors": [{"field": "events"}]});
    bench
        .host
        .instead("POST", "/hooks", Reply::json(422, &body));
    let error = ensure(&*provider, &info, &wanted()).await.unwrap_err();
    assert_eq!(error.code(), "bad_request");
}

/// The answers that the products' own descriptions give as examples.
#[tokio::test]
async fn recorded_webhooks() {
    let cases = [
        (
            Dialect::Github,
            "github/hook_201",
            "12345678",
            "https://example.com/webhook",
            (false, SignatureScheme::Github, WebhookHealth::Unknown),
        ),
        (
            Dialect::Gitlab,
            "gitlab/hook_201",
            "1",
            "http://example.com/hook",
            (true, SignatureScheme::GitlabSignature, WebhookHealth::Ok),
        ),
        (
            Dialect::Bitbucket,
            "bitbucket/hook_201",
            "{d3a5e1f0-1111-4222-8333-444455556666}",
            "https://hooks.example.com/bitbucket",
            (false, SignatureScheme::Bitbucket, WebhookHealth::Unknown),
        ),
        (
            Dialect::DataCenter,
            "bitbucket/datacenter_webhook_200",
            "10",
            "https://hooks.example.com/dc",
            (
                false,
                SignatureScheme::BitbucketDataCenter,
                WebhookHealth::Unknown,
            ),
        ),
    ];
    for (dialect, fixture, id, url, (complete, scheme, health)) in cases {
        let bench = GitBench::start(dialect).await;
        let (provider, info) = bench.work().await;
        let mut reply = Reply::fixture(fixture);
        if dialect == Dialect::DataCenter {
            bench.host.always("GET", "/10/latest", Reply::empty(204));
            reply = reply.with(&json!({"configuration": {"secret": {"odd": 1}}}));
        }
        let end = id.trim_matches(['{', '}']);
        bench.host.instead("GET", end, reply);
        let found = provider.webhook(&info, id).await.unwrap().unwrap();
        assert_eq!((&*found.id, &*found.url), (id, url));
        assert_eq!(
            (found.active, found.complete),
            (true, complete),
            "{dialect:?}"
        );
        assert_eq!(
            (found.scheme, found.health),
            (scheme, health),
            "{dialect:?}"
        );
        assert_eq!(found.last_status, None);
    }
}
