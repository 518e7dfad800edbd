//! From the inbox to the feed: once, in order, whoever does it.

use std::{collections::BTreeSet, time::Duration};

use scm_service::{DeliveryFilter, DeliverySettings, Received, ServiceError};
use scm_store::InboxController;
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{DeliveryState, EventCursor, EventKind, PageLimit};
use serde_json::json;

use super::{Hooked, Signed, cipher, pool, server};
use crate::bench::{owner, platform};

on_every_database! {
    async fn a_delivery_is_stored_processed_and_told_once(db: TestDb) {
        let on = Hooked::on(db).await;
        let push = on.push().await;
        let signed = Signed::new(&on.secret, "push", &push.key, push.body.as_bytes());
        assert_eq!(on.receive(&signed).await.unwrap(), Received::Accepted);
        assert_eq!(on.receive(&signed).await.unwrap(), Received::Repeated);
        assert!(on.told().await.is_empty());

        assert_eq!(on.work_off().await, 1);
        let told = on.told().await;
        assert!(!told.is_empty());
        assert!(told.iter().any(|told| matches!(told.event.kind, EventKind::Push(_))));
        assert!(told.iter().all(|told| told.integration_id == *on.id()));
        assert_eq!(on.states().await, [(DeliveryState::Done, None)]);

        // Again, with another id: what was signed is the same.
        let renamed = signed.clone().with("x-github-delivery", "another");
        assert_eq!(on.receive(&renamed).await.unwrap(), Received::Repeated);
        assert_eq!(on.receive(&signed).await.unwrap(), Received::Repeated);
        assert_eq!(on.work_off().await, 0);
        assert_eq!(on.told().await, told);
    }

    async fn servers_share_the_work_and_keep_the_order(db: TestDb) {
        let on = Hooked::on(db).await;
        for number in 0..24 {
            let body = on.about(json!({ "zen": number, "hook_id": 1 })).await;
            on.accept(&body, "ping", &format!("key-{number:02}")).await;
        }
        let (other, third) = (server(&on.bench).await, server(&on.bench).await);
        let done = futures::future::join3(
            on.services.work_off_deliveries(),
            other.work_off_deliveries(),
            third.work_off_deliveries(),
        )
        .await;
        let (one, two, three) = (done.0.unwrap(), done.1.unwrap(), done.2.unwrap());
        // Whoever finds a delivery with another one may have ended before.
        let left = on.work_off().await;
        assert_eq!(one + two + three + left, 24);
        let told = on.told().await;
        assert_eq!(told.len(), 24);
        let filter = DeliveryFilter::default();
        let page = on.services.deliveries(&owner(), on.id(), &filter).await.unwrap();
        let came: Vec<_> = page.items.iter().rev().map(|item| Some(item.id.clone())).collect();
        let told: Vec<_> = told.into_iter().map(|told| told.delivery_id).collect();
        assert_eq!(told, came);
    }

    async fn what_a_killed_server_had_is_processed_once(db: TestDb) {
        let on = Hooked::on(db).await;
        let push = on.push().await;
        on.accept(&push.body, "push", &push.key).await;
        // The server took it and died.
        let dead = InboxController::new(pool(&on.bench).await, cipher(), on.bench.clock.clone());
        let taken = dead.claim(on.id()).await.unwrap().unwrap();
        assert_eq!(on.work_off().await, 0);

        let past = match on.bench.db.backend {
            Backend::Mysql => "2001-02-03 04:05:06.007",
            Backend::Sqlite | Backend::Postgres => "2001-02-03T04:05:06.007+00:00",
        };
        let sql = format!("UPDATE scm_webhook_deliveries SET `nextAttemptAt` = '{past}'");
        let sql = if on.bench.db.backend == Backend::Mysql { sql } else { sql.replace('`', "\"") };
        on.bench.db.execute_by_hand(&sql).await;
        assert_eq!(on.work_off().await, 1);
        let told = on.told().await.len();
        assert!(told > 0);
        let late = scm_store::Settlement::Dead { code: "late" };
        assert!(!dead.settle(taken, &late).await.unwrap());
        assert_eq!(on.work_off().await, 0);
        assert_eq!(on.told().await.len(), told);
    }
}

#[tokio::test]
async fn a_running_server_tells_who_waits() {
    let on = Hooked::new().await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runner = on.services.clone();
    let running = tokio::spawn(async move {
        let over = async { drop(stopped.await) };
        runner
            .run_deliveries(DeliverySettings::default(), over)
            .await;
    });
    let waiting = on.services.clone();
    let waiter = tokio::spawn(async move {
        let wait = Duration::from_secs(30);
        let first = EventCursor::default();
        waiting
            .events(&owner(), None, first, PageLimit::MAX, wait)
            .await
    });
    on.accept("{\"zen\":\"1\",\"hook_id\":1}", "ping", "one")
        .await;
    let page = waiter.await.unwrap().unwrap();
    assert_eq!(page.items.len(), 1);
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn the_feed_keeps_to_the_tenant() {
    let on = Hooked::new().await;
    on.accept("{\"zen\":\"1\",\"hook_id\":1}", "ping", "one")
        .await;
    on.work_off().await;
    let first = EventCursor::default();
    let ask = |caller, tenant| {
        let services = on.services.clone();
        async move {
            let tenant: Option<&str> = tenant;
            let tenant = tenant.map(|tenant| scm_types::TenantId::parse(tenant).unwrap());
            services
                .events(
                    &caller,
                    tenant.as_ref(),
                    first,
                    PageLimit::MAX,
                    Duration::ZERO,
                )
                .await
        }
    };
    assert_eq!(ask(platform(), Some("t1")).await.unwrap().items.len(), 1);
    assert_eq!(ask(platform(), Some("t2")).await.unwrap().items.len(), 0);
    assert!(matches!(
        ask(platform(), None).await,
        Err(ServiceError::Invalid(_))
    ));
    assert_eq!(ask(owner(), Some("t1")).await.unwrap().items.len(), 1);
    assert!(matches!(
        ask(owner(), Some("t2")).await,
        Err(ServiceError::ForeignTenant)
    ));
    let ids: BTreeSet<_> = on.told().await.into_iter().map(|told| told.id).collect();
    assert_eq!(ids.len(), 1);
}
