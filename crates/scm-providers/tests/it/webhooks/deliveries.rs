//! Deliveries that did not arrive, and sending them again.

use std::time::Duration;

use scm_providers::{FailedDeliveries, FailedDelivery};
use scm_testkit::{
    code_host::{CodeHost, Reply},
    git_host::Dialect,
};
use scm_types::Timestamp;

use super::{ensure, wanted, wanted_at};
use crate::support::{at, git::GitBench};

/// The host's time.
const THEN: i64 = 1_793_380_800;

fn then() -> Timestamp {
    Timestamp::from_millis(THEN * 1_000).unwrap()
}

#[tokio::test]
async fn what_failed_is_listed_until_a_later_attempt_arrives() {
    for dialect in [Dialect::Github, Dialect::Gitlab] {
        let bench = GitBench::start(dialect).await;
        let receiver = CodeHost::start().await;
        receiver.on_everything(Reply::empty(202));
        let wanted = wanted_at(&format!("{}/in", receiver.base_url()));
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted).await.unwrap();
        bench.host.settle().await;
        let failed = async |since: &Timestamp| {
            let failed = provider.failed_deliveries(&info, &made.id, *since).await;
            let failed = failed.unwrap().unwrap();
            assert!(!failed.truncated);
            failed.items
        };
        assert_eq!(failed(&then()).await, [], "{dialect:?}");

        let mut keys = Vec::new();
        for (second, status) in [(10, 500), (20, 202), (30, 0), (40, 404)] {
            receiver.on_everything(match status {
                0 => Reply::close(),
                status => Reply::empty(status),
            });
            bench.host.set_time(THEN + second);
            let tried = bench.host.deliver_push("refs/heads/main", None).await;
            keys.push(tried[0].key.clone());
        }
        let found = failed(&then()).await;
        let told = |it: &FailedDelivery| (it.key.clone(), it.status);
        let told: Vec<_> = found.iter().map(told).collect();
        let want = [
            (keys[0].clone(), Some(500)),
            (keys[2].clone(), None),
            (keys[3].clone(), Some(404)),
        ];
        assert_eq!(told, want, "{dialect:?}: oldest first");
        assert_eq!(found[0].at, Some(then().plus(Duration::from_secs(10))));
        let later = then().plus(Duration::from_secs(25));
        assert_eq!(failed(&later).await.len(), 2, "{dialect:?}");
        assert_eq!(failed(&at("2027-01-01T00:00:00Z")).await, []);

        // One fails again: it is still one.
        bench.host.set_time(THEN + 50);
        assert!(
            provider
                .redeliver(&info, &made.id, &found[0])
                .await
                .unwrap()
        );
        bench.host.settle().await;
        let still = failed(&then()).await;
        assert_eq!(still.len(), 3, "{dialect:?}");
        assert_eq!(still[2].key, keys[0], "{dialect:?}: by its newest attempt");
        // All arrive.
        receiver.on_everything(Reply::empty(202));
        for delivery in &still {
            assert!(provider.redeliver(&info, &made.id, delivery).await.unwrap());
            bench.host.settle().await;
        }
        assert_eq!(failed(&then()).await, [], "{dialect:?}");
        let attempts = bench.host.attempts();
        let again = attempts
            .iter()
            .filter(|it| it.redelivery && it.status == 202);
        assert_eq!(again.count(), 3, "{dialect:?}: under the same keys");
    }
}

#[tokio::test]
async fn all_pages_are_looked_through() {
    for (dialect, count) in [(Dialect::Github, 130), (Dialect::Gitlab, 45)] {
        let bench = GitBench::start(dialect).await;
        let receiver = CodeHost::start().await;
        receiver.on_everything(Reply::empty(202));
        let wanted = wanted_at(&format!("{}/in", receiver.base_url()));
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted).await.unwrap();
        bench.host.settle().await;
        let body = serde_json::json!({});
        let event = bench.host.hooks()[0].events[0].clone();
        receiver.on_everything(Reply::empty(500));
        let oldest = bench.host.deliver(&event, &body).await.remove(0);
        receiver.on_everything(Reply::empty(202));
        for _ in 0..count {
            bench.host.deliver(&event, &body).await;
        }
        let failed = provider.failed_deliveries(&info, &made.id, then()).await;
        let failed = failed.unwrap().unwrap();
        assert!(!failed.truncated, "{dialect:?}");
        let failed = failed.items;
        assert_eq!(failed.len(), 1, "{dialect:?}");
        assert_eq!(failed[0].key, oldest.key, "{dialect:?}");
        assert!(
            bench
                .queries(if dialect == Dialect::Github {
                    "/deliveries"
                } else {
                    "/events"
                })
                .len()
                > 1
        );
    }
}

#[tokio::test]
async fn hosts_without_a_list_and_deliveries_that_are_gone() {
    let nothing = FailedDelivery {
        id: "404".to_owned(),
        key: "k".to_owned(),
        at: None,
        status: None,
        event: None,
    };
    for dialect in Dialect::ALL {
        let bench = GitBench::start(dialect).await;
        let (provider, info) = bench.work().await;
        let made = ensure(&*provider, &info, &wanted()).await.unwrap();
        let failed = provider.failed_deliveries(&info, &made.id, then()).await;
        let lists = matches!(dialect, Dialect::Github | Dialect::Gitlab);
        assert_eq!(failed.unwrap().is_some(), lists, "{dialect:?}");
        for id in ["404", "", "../x"] {
            let delivery = FailedDelivery {
                id: id.to_owned(),
                ..nothing.clone()
            };
            let sent = provider.redeliver(&info, &made.id, &delivery).await;
            assert!(!sent.unwrap(), "{dialect:?}: {id:?}");
        }
        bench.host.drop_hook(&made.id);
        let failed = provider.failed_deliveries(&info, &made.id, then()).await;
        assert_eq!(failed.unwrap(), None, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_gitlab_that_tells_neither_key_nor_time_of_a_delivery() {
    let bench = GitBench::start(Dialect::Gitlab).await;
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    let events = serde_json::json!([
        {"id": 8, "trigger": "push_hooks", "response_status": 202},
        {"id": 7, "trigger": "push_hooks", "response_status": "500", "request_headers": {}},
        {"id": 6, "response_status": "internal error", "request_headers": {"X-Gitlab-Event": 1}},
    ]);
    bench
        .host
        .always("GET", "/events", Reply::json(200, &events));
    let failed = provider.failed_deliveries(&info, &made.id, then()).await;
    let failed = failed.unwrap().unwrap().items;
    let told: Vec<_> = failed
        .iter()
        .map(|it| (&*it.id, &*it.key, it.status))
        .collect();
    assert_eq!(told, [("6", "6", None), ("7", "7", Some(500))]);
    assert_eq!(failed[1].event.as_deref(), Some("push_hooks"));
}

#[tokio::test]
async fn an_older_gitlab_has_no_list() {
    let bench = GitBench::start(Dialect::Gitlab).await;
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    let missing = serde_json::json!({"error": "404 Not Found"});
    bench
        .host
        .always("GET", "/events", Reply::json(404, &missing));
    let failed = provider.failed_deliveries(&info, &made.id, then()).await;
    assert_eq!(failed.unwrap(), None);
}

/// As recorded: two attempts of one delivery, of which the newer one comes last.
#[tokio::test]
async fn a_recorded_list_of_deliveries() {
    let bench = GitBench::start(Dialect::Github).await;
    let (provider, info) = bench.work().await;
    let made = ensure(&*provider, &info, &wanted()).await.unwrap();
    let recorded = Reply::fixture("github/hook_deliveries_200").without_header("link");
    bench.host.always("GET", "/deliveries", recorded);
    let since = at("2019-01-01T00:00:00Z");
    let failed = provider.failed_deliveries(&info, &made.id, since).await;
    assert_eq!(failed.unwrap(), Some(FailedDeliveries::default()));
}
