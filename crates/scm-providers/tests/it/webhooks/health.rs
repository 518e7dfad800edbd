//! How webhooks fare, as far as each host tells, and test deliveries.

use scm_providers::WebhookTest;
use scm_testkit::{
    code_host::{CodeHost, Reply},
    git_host::{Dialect, GitHost, Pause},
};
use scm_types::WebhookHealth;

use super::{ensure, part, wanted, wanted_at};
use crate::{support::git::GitBench, work::on_every_dialect};

#[tokio::test]
async fn health_by_the_last_delivery() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let receiver = CodeHost::start().await;
        let wanted = wanted_at(&format!("{}/in", receiver.base_url()));
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted).await.unwrap();
        bench.host.settle().await;
        bench
            .host
            .edit_hook(&made.id, |hook| hook.last_status = None);
        let health = async || {
            let found = provider.webhook(&info, &made.id).await.unwrap().unwrap();
            (found.health, found.last_status)
        };
        let is_silent = matches!(dialect, Dialect::Bitbucket);
        let (fresh, failing) = match dialect {
            Dialect::Gitlab => (WebhookHealth::Ok, WebhookHealth::Ok),
            Dialect::Bitbucket => (WebhookHealth::Unknown, WebhookHealth::Unknown),
            _ => (WebhookHealth::Unknown, WebhookHealth::Failing),
        };
        let tells_status = |status| match dialect {
            Dialect::Github | Dialect::DataCenter => Some(status),
            _ => None,
        };
        assert_eq!(health().await, (fresh, None), "{dialect:?}");
        receiver.on_everything(Reply::empty(202));
        bench.host.deliver_push("refs/heads/main", None).await;
        let good = if is_silent {
            WebhookHealth::Unknown
        } else {
            WebhookHealth::Ok
        };
        assert_eq!(health().await, (good, tells_status(202)), "{dialect:?}");
        receiver.on_everything(Reply::empty(404));
        bench.host.deliver_push("refs/heads/main", None).await;
        assert_eq!(health().await, (failing, tells_status(404)), "{dialect:?}");
        // Nobody answers at all.
        receiver.on_everything(Reply::close());
        for _ in 0..4 {
            bench.host.deliver_push("refs/heads/main", None).await;
        }
        let failing = if is_silent {
            WebhookHealth::Unknown
        } else {
            WebhookHealth::Failing
        };
        assert_eq!(health().await, (failing, None), "{dialect:?}");
        bench.host.edit_hook(&made.id, |hook| {
            hook.active = false;
            hook.pause = Pause::Disabled;
        });
        assert_eq!(health().await.0, WebhookHealth::Disabled, "{dialect:?}");
    })
    .await;
}

#[tokio::test]
async fn a_last_delivery_that_cannot_be_asked_for_is_unknown() {
    let bench = GitBench::start(Dialect::DataCenter).await;
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    let latest = format!("/{}/latest", made.id);
    for reply in [
        Reply::empty(503),
        Reply::html(200),
        Reply::json(404, &"no".into()),
    ] {
        bench.host.always("GET", &latest, reply);
        let found = provider.webhook(&info, &made.id).await.unwrap().unwrap();
        assert_eq!(found.health, WebhookHealth::Unknown);
    }
}

#[tokio::test]
async fn what_is_gone_is_told_as_gone() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        bench.host.drop_hook(&made.id);
        assert_eq!(provider.webhook(&info, &made.id).await.unwrap(), None);
        assert_eq!(provider.test_webhook(&info, &made.id).await.unwrap(), None);
        for id in ["", ".", "..", "a/b", "12 ", "\u{664}"] {
            assert_eq!(
                provider.webhook(&info, id).await.unwrap(),
                None,
                "{dialect:?}: {id:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_test_delivery_arrives() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let receiver = CodeHost::start().await;
        receiver.on_everything(Reply::empty(202));
        let wanted = wanted_at(&format!("{}/in", receiver.base_url()));
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted).await.unwrap();
        bench.host.settle().await;
        receiver.forget_requests();
        let tested = provider.test_webhook(&info, &made.id).await.unwrap();
        bench.host.settle().await;
        if dialect == Dialect::Bitbucket {
            assert_eq!(tested, Some(WebhookTest::NotTestable));
            assert_eq!(receiver.calls(), 0);
            return;
        }
        assert_eq!(tested, Some(WebhookTest::Sent), "{dialect:?}");
        assert_eq!(receiver.calls(), 1, "{dialect:?}");
    })
    .await;
}

#[tokio::test]
async fn gitlab_tells_at_once_that_its_test_failed_and_has_none_without_a_commit() {
    let bench = GitBench::start(Dialect::Gitlab).await;
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    let tested = provider.test_webhook(&info, &made.id).await.unwrap();
    assert_eq!(tested, Some(WebhookTest::Failed));
    let limit = Reply::fixture("gitlab/hook_test_429_endpoint_limit");
    bench.host.instead("POST", "/test/", limit);
    let error = provider.test_webhook(&info, &made.id).await.unwrap_err();
    assert_eq!(error.code(), "rate_limited");

    let bench = GitBench::on(GitHost::empty(Dialect::Gitlab).await);
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    let tested = provider.test_webhook(&info, &made.id).await.unwrap();
    assert_eq!(tested, Some(WebhookTest::NotTestable));
    assert_eq!(bench.asked("POST", "/test/"), 0);
    assert_eq!(bench.asked("POST", part(Dialect::Gitlab)), 1);
}
