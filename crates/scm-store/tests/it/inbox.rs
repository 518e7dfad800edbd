//! Deliveries: kept once, given out in order, settled together with their events.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use scm_store::{
    Claimed, DeliveryFilter, DeliveryPayload, EventController, InboxController, InboxLimits,
    NewDelivery, RewrapOptions, Settlement, StoreError, Stored, check_canary, key_usage, rewrap,
};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    DeliveryId, DeliveryState, DeliverySummary, EventCursor, EventKind, IntegrationId, PageLimit,
    ScmEvent, SignatureScheme, TenantScope, Timestamp,
};

use crate::given::{Given, KEYS, OTHER_KEYS, SECOND, cipher, key_id, rotated, scope, tenant};

const DAY: Duration = Duration::from_hours(24);

/// An inbox and what was told of it.
struct Deliveries {
    inbox: InboxController,
    events: EventController,
    given: Given,
}

impl Deliveries {
    async fn on(db: TestDb) -> Self {
        let given = Given::on(db).await;
        Self {
            inbox: InboxController::new(given.pool.clone(), cipher(KEYS), given.clock.clone()),
            events: EventController::new(given.pool.clone(), cipher(KEYS)),
            given,
        }
    }

    async fn keep(&self, integration: &str, id: &str) -> String {
        match self.inbox.keep(&delivery("t1", integration, id)).await {
            Ok(Stored::New(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    async fn claim(&self, integration: &str) -> Option<Claimed> {
        self.inbox
            .claim(&integration_id(integration))
            .await
            .unwrap()
    }

    async fn claimed(&self, integration: &str) -> Claimed {
        self.claim(integration).await.unwrap()
    }

    async fn settle(&self, claimed: Claimed, how: Settlement<'_>) {
        assert!(self.inbox.settle(claimed, &how).await.unwrap());
    }

    async fn one(&self, integration: &str, id: &str) -> DeliverySummary {
        let integration = integration_id(integration);
        let found = self.inbox.find(&TenantScope::Platform, &integration, id);
        found.await.unwrap().unwrap().summary
    }

    /// The database's clock cannot be moved; what it is compared with can.
    async fn passed(&self, column: &str, id: &str) {
        let past = match self.given.db.backend {
            Backend::Sqlite => "2001-02-03T04:05:06.007+00:00",
            Backend::Mysql => "2001-02-03 04:05:06.007",
            Backend::Postgres => "2001-02-03 04:05:06.007+00",
        };
        let sql = format!(
            "UPDATE `scm_webhook_deliveries` SET `{column}` = '{past}' WHERE `id` = '{id}'"
        );
        assert_eq!(self.given.execute(&sql).await, 1);
    }

    /// Integrations in the order of the walk, each with whether its head is due.
    async fn heads(&self) -> Vec<(String, bool)> {
        let (mut heads, mut last) = (Vec::new(), None);
        while let Some(head) = self.inbox.next_head(last.as_ref()).await.unwrap() {
            heads.push((head.integration_id.to_string(), head.is_due));
            last = Some(head.integration_id);
        }
        heads
    }

    async fn told(&self, tenant_id: &str) -> Vec<String> {
        let tenant = tenant(tenant_id);
        let page = self
            .events
            .page(&tenant, EventCursor::default(), PageLimit::MAX);
        let items = page.await.unwrap().items.into_iter();
        items.map(|told| name_of(&told.event)).collect()
    }
}

fn name_of(event: &ScmEvent) -> String {
    match &event.kind {
        EventKind::Unknown { event, .. } => event.clone(),
        other => other.as_str().to_owned(),
    }
}

fn event(name: &str) -> ScmEvent {
    ScmEvent {
        kind: EventKind::Unknown {
            event: name.to_owned(),
            action: None,
        },
        repository: None,
        actor: None,
        reconciled: false,
    }
}

fn done(events: &[ScmEvent]) -> Settlement<'_> {
    Settlement::Done { events, note: None }
}

fn integration_id(raw: &str) -> IntegrationId {
    IntegrationId::parse(raw).unwrap()
}

fn delivery(tenant_id: &str, integration: &str, id: &str) -> NewDelivery {
    NewDelivery {
        tenant_id: tenant(tenant_id),
        integration_id: integration_id(integration),
        delivery_id: DeliveryId::parse(id).unwrap(),
        digest: digest(id),
        event: "push".to_owned(),
        payload: DeliveryPayload {
            scheme: SignatureScheme::Github,
            headers: vec![("x-github-event".to_owned(), "push".to_owned())],
            body: format!("{{\"id\":\"{id}\"}}").into_bytes(),
        },
    }
}

/// As long as a digest, and another one for each text.
fn digest(of: &str) -> String {
    let mut bytes = [0; 32];
    bytes[..of.len()].copy_from_slice(of.as_bytes());
    DeliveryId::from_digest(&bytes).to_string()
}

/// On one thread nothing is stored before the arrivals wait for it.
#[tokio::test]
async fn who_comes_when_it_is_full_is_sent_away_and_the_others_are_not() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let on = Deliveries::on(db).await;
    let two = InboxLimits {
        deliveries: 2,
        ..InboxLimits::default()
    };
    let inbox = on.inbox.clone().with_limits(two);
    let arrivals = ["d1", "d2", "d3"].map(|id| delivery("t1", "i1", id));
    let stored = join_all(arrivals.iter().map(|new| inbox.keep(new))).await;
    assert!(
        matches!(
            stored[..],
            [
                Ok(Stored::New(_)),
                Ok(Stored::New(_)),
                Err(StoreError::InboxFull)
            ]
        ),
        "{stored:?}"
    );
    assert!(!inbox.is_full());
    assert!(matches!(inbox.keep(&arrivals[2]).await, Ok(Stored::New(_))));
}

#[tokio::test]
async fn a_delivery_is_stored_though_nobody_waits_for_it_any_more() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let on = Deliveries::on(db).await;
    let new = delivery("t1", "i1", "d1");
    {
        let mut keeping = Box::pin(on.inbox.keep(&new));
        assert!(futures::poll!(&mut keeping).is_pending());
    }
    on.inbox.calm(Duration::from_mins(1)).await;
    assert_eq!(on.heads().await, [("i1".to_owned(), true)]);
}

on_every_database! {
    async fn a_delivery_is_kept_once(db: TestDb) {
        let on = Deliveries::on(db).await;
        let first = on.keep("i1", "d1").await;

        let again = on.inbox.keep(&delivery("t1", "i1", "d1")).await.unwrap();
        assert_eq!(again, Stored::Repeat { id: first.clone(), revived: false });
        let mut renamed = delivery("t1", "i1", "d1");
        renamed.delivery_id = DeliveryId::parse("other").unwrap();
        let again = on.inbox.keep(&renamed).await.unwrap();
        assert_eq!(again, Stored::Repeat { id: first.clone(), revived: false });
        let mut changed = delivery("t1", "i1", "d1");
        changed.digest = digest("other");
        let again = on.inbox.keep(&changed).await.unwrap();
        assert_eq!(again, Stored::Repeat { id: first, revived: false });

        on.keep("i2", "d1").await;
        assert_eq!(on.heads().await, [("i1".to_owned(), true), ("i2".to_owned(), true)]);
    }

    async fn of_many_at_once_one_is_kept(db: TestDb) {
        let on = Deliveries::on(db).await;
        let new = delivery("t1", "i1", "d1");
        let stored = join_all((0..16).map(|_| on.inbox.keep(&new))).await;
        let new = stored.iter().filter(|stored| matches!(stored, Ok(Stored::New(_))));
        assert_eq!(new.count(), 1, "{stored:?}");
        assert!(stored.iter().all(Result::is_ok), "{stored:?}");
    }

    async fn what_arrives_together_is_stored_together(db: TestDb) {
        let on = Deliveries::on(db).await;
        let old = on.keep("i1", "old").await;
        let dead = on.keep("i2", "dead").await;
        let claimed = on.claimed("i2").await;
        on.settle(claimed, Settlement::Dead { code: "payload_json" }).await;
        // A repetition and a dead one among a hundred: each of them is one of a statement that fails.
        let arrivals: Vec<_> = (0..100)
            .map(|place| match place {
                17 => delivery("t1", "i1", "old"),
                53 => delivery("t2", "i2", "dead"),
                _ => delivery("t1", &format!("i{}", place % 5), &format!("d{place}")),
            })
            .collect();
        let stored = join_all(arrivals.iter().map(|new| on.inbox.keep(new))).await;
        for (place, stored) in stored.into_iter().enumerate() {
            match (place, stored.unwrap()) {
                (17, stored) => {
                    assert_eq!(stored, Stored::Repeat { id: old.clone(), revived: false });
                }
                (53, stored) => {
                    assert_eq!(stored, Stored::Repeat { id: dead.clone(), revived: true });
                }
                (_, Stored::New(id)) => {
                    let integration = format!("i{}", place % 5);
                    let kept = on.one(&integration, &id).await;
                    assert_eq!(kept.delivery_id.as_str(), format!("d{place}"));
                }
                (place, other) => panic!("{place}: {other:?}"),
            }
        }
        let touched = on.given.execute("UPDATE `scm_webhook_deliveries` SET `size` = 1").await;
        assert_eq!(touched, 100);
    }

    async fn so_much_waits_and_no_more(db: TestDb) {
        let on = Deliveries::on(db).await;
        let closed = on.inbox.clone().with_limits(InboxLimits { deliveries: 0, bytes: 1_000_000 });
        assert!(closed.is_full());
        let refused = closed.keep(&delivery("t1", "i1", "d1")).await;
        assert!(matches!(refused, Err(StoreError::InboxFull)), "{refused:?}");
        assert!(on.heads().await.is_empty());

        // One is taken in whatever its size, and what is stored takes no room.
        let narrow = on.inbox.clone().with_limits(InboxLimits { deliveries: 1, bytes: 1 });
        for id in ["d1", "d2", "d2"] {
            assert!(!narrow.is_full());
            narrow.keep(&delivery("t1", "i1", id)).await.unwrap();
        }
    }

    async fn deliveries_are_sealed_and_come_back(db: TestDb) {
        let on = Deliveries::on(db).await;
        let mut new = delivery("t1", "i1", "d1");
        new.payload.body = vec![0xff, 0x00, b'x'];
        let Stored::New(id) = on.inbox.keep(&new).await.unwrap() else { panic!("new") };
        let sealed = on.given.rows("SELECT `payload` FROM `scm_webhook_deliveries`").await;
        let sealed: String = sealed[0].try_get_by_index(0).unwrap();
        assert!(sealed.starts_with("v1.k1."), "{sealed}");

        let found = on.inbox.find(&scope("t1"), &integration_id("i1"), &id).await.unwrap().unwrap();
        assert_eq!(found.payload.body, new.payload.body);
        assert_eq!(found.payload.headers, new.payload.headers);
        assert_eq!(found.summary.state, DeliveryState::Pending);
        assert_eq!((found.summary.size, found.summary.event.as_str()), (3, "push"));
        for (scope, integration) in [(scope("t2"), "i1"), (scope("t1"), "i2")] {
            let found = on.inbox.find(&scope, &integration_id(integration), &id).await.unwrap();
            assert!(found.is_none());
        }
        let claimed = on.claimed("i1").await;
        assert_eq!(on.inbox.payload(&claimed).await.unwrap().body, new.payload.body);
        let other = InboxController::new(on.given.pool.clone(), cipher(OTHER_KEYS), on.given.clock.clone());
        assert!(matches!(other.payload(&claimed).await, Err(StoreError::Unreadable { .. })));
    }

    async fn an_integration_is_processed_in_order_by_one_at_a_time(db: TestDb) {
        let on = Deliveries::on(db).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d"] {
            ids.push(on.keep("i1", name).await);
        }
        let other = on.keep("i2", "a").await;
        for id in &ids {
            let all = join_all((0..8).map(|_| on.claim("i1"))).await;
            let mut mine: Vec<_> = all.into_iter().flatten().collect();
            assert_eq!(mine.len(), 1);
            let claimed = mine.remove(0);
            assert_eq!((&claimed.id, claimed.attempts), (id, 1));
            assert!(on.claim("i1").await.is_none());
            assert_eq!(on.heads().await[0], ("i1".to_owned(), false));
            on.settle(claimed, done(&[event("x")])).await;
        }
        // Nobody waits for another integration.
        assert_eq!(on.claimed("i2").await.id, other);
        assert_eq!(on.heads().await, [("i2".to_owned(), false)]);
    }

    async fn what_a_dead_process_had_is_processed_once(db: TestDb) {
        let on = Deliveries::on(db).await;
        let id = on.keep("i1", "a").await;
        let lost = on.claimed("i1").await;
        assert!(on.claim("i1").await.is_none());
        on.passed("nextAttemptAt", &id).await;

        let next = on.claimed("i1").await;
        assert_eq!((&next.id, next.attempts), (&id, 2));
        // The first one was not dead, only slow.
        assert!(!on.inbox.settle(lost, &done(&[event("late")])).await.unwrap());
        on.settle(next, done(&[event("once")])).await;
        assert_eq!(on.told("t1").await, ["once"]);
        assert_eq!(on.one("i1", &id).await.state, DeliveryState::Done);
    }

    async fn a_failure_is_tried_again_later_and_at_last_is_dead(db: TestDb) {
        let on = Deliveries::on(db).await;
        let first = on.keep("i1", "a").await;
        let second = on.keep("i1", "b").await;
        for attempt in 1..=InboxController::ATTEMPTS {
            let claimed = on.claimed("i1").await;
            assert_eq!((&claimed.id, claimed.attempts), (&first, attempt));
            on.settle(claimed, Settlement::Failed { code: "database_away" }).await;
            let now = on.one("i1", &first).await;
            assert_eq!(now.last_error.as_deref(), Some("database_away"));
            if attempt < InboxController::ATTEMPTS {
                assert_eq!(now.state, DeliveryState::Pending);
                // The ones behind it wait.
                assert!(on.claim("i1").await.is_none());
                on.passed("nextAttemptAt", &first).await;
            } else {
                assert_eq!(now.state, DeliveryState::Dead);
            }
        }
        assert_eq!(on.claimed("i1").await.id, second);
    }

    async fn a_dead_one_is_revived_by_its_redelivery(db: TestDb) {
        let on = Deliveries::on(db).await;
        let id = on.keep("i1", "a").await;
        let claimed = on.claimed("i1").await;
        on.settle(claimed, Settlement::Dead { code: "payload_json" }).await;
        assert!(on.claim("i1").await.is_none());

        let again = on.inbox.keep(&delivery("t1", "i1", "a")).await.unwrap();
        assert_eq!(again, Stored::Repeat { id: id.clone(), revived: true });
        let now = on.one("i1", &id).await;
        assert_eq!((now.state, now.attempts, now.last_error), (DeliveryState::Pending, 0, None));
        let claimed = on.claimed("i1").await;
        on.settle(claimed, done(&[])).await;
        let again = on.inbox.keep(&delivery("t1", "i1", "a")).await.unwrap();
        assert_eq!(again, Stored::Repeat { id, revived: false });
    }

    async fn events_are_numbered_without_gaps(db: TestDb) {
        let on = Deliveries::on(db).await;
        for number in 0..12 {
            on.keep(&format!("i{number}"), "a").await;
        }
        let (a, b) = (event("a"), event("b"));
        let settled = join_all((0..12).map(|number| {
            let events = [a.clone(), b.clone()];
            let on = &on;
            async move {
                let claimed = on.claimed(&format!("i{number}")).await;
                on.inbox.settle(claimed, &done(&events)).await.unwrap()
            }
        }))
        .await;
        assert!(settled.into_iter().all(|settled| settled));
        let (mut cursor, mut seen) = (EventCursor::default(), BTreeSet::new());
        for number in 1..=8 {
            let limit = PageLimit::new(3).unwrap();
            let page = on.events.page(&tenant("t1"), cursor, limit).await.unwrap();
            assert_eq!(page.items.len(), 3);
            assert_eq!(page.next.sequence(), number * 3);
            seen.extend(page.items.iter().map(|told| told.id.clone()));
            cursor = page.next;
        }
        assert_eq!(seen.len(), 24);
        let end = on.events.page(&tenant("t1"), cursor, PageLimit::MAX).await.unwrap();
        assert_eq!((end.items.len(), end.next), (0, cursor));
        assert_eq!(on.events.head(&tenant("t1")).await.unwrap(), cursor);
        assert_eq!(on.events.head(&tenant("t2")).await.unwrap(), EventCursor::default());
        assert_eq!(on.told("t2").await, Vec::<String>::new());
    }

    async fn lists_go_by_key_and_stay_within_the_tenant(db: TestDb) {
        let on = Deliveries::on(db).await;
        let mut ids = Vec::new();
        for number in 0..7 {
            ids.push(on.keep("i1", &format!("d{number}")).await);
        }
        on.keep("i2", "d0").await;
        ids.reverse();
        let i1 = integration_id("i1");
        let mut filter = DeliveryFilter { limit: PageLimit::new(3).unwrap(), ..Default::default() };
        let mut seen = Vec::new();
        loop {
            let page = on.inbox.list(&scope("t1"), &i1, &filter).await.unwrap();
            seen.extend(page.items.iter().map(|item| item.id.clone()));
            let Some(next) = page.next else { break };
            filter.after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, ids);
        let page = on.inbox.list(&scope("t2"), &i1, &DeliveryFilter::default()).await.unwrap();
        assert!(page.items.is_empty());

        let claimed = on.claimed("i1").await;
        on.settle(claimed, Settlement::Ignored { code: "paused" }).await;
        let ignored = DeliveryFilter { state: Some(DeliveryState::Ignored), ..Default::default() };
        let page = on.inbox.list(&scope("t1"), &i1, &ignored).await.unwrap();
        let items: Vec<_> = page.items.iter().map(|item| (&item.id, item.last_error.as_deref())).collect();
        assert_eq!(items, [(ids.last().unwrap(), Some("paused"))]);
    }

    async fn replays(db: TestDb) {
        let on = Deliveries::on(db).await;
        let i1 = integration_id("i1");
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(on.keep("i1", name).await);
        }
        for how in [
            Settlement::Dead { code: "x" },
            done(&[]),
            Settlement::Dead { code: "x" },
        ] {
            let claimed = on.claimed("i1").await;
            on.settle(claimed, how).await;
        }
        assert!(!on.inbox.replay(&scope("t2"), &i1, &ids[1]).await.unwrap());
        assert!(!on.inbox.replay(&scope("t1"), &integration_id("i2"), &ids[1]).await.unwrap());
        assert!(!on.inbox.replay(&scope("t1"), &i1, "nothing").await.unwrap());
        assert!(on.heads().await.is_empty());
        assert!(on.inbox.replay(&scope("t1"), &i1, &ids[1]).await.unwrap());
        // One that is pending is that already.
        assert!(on.inbox.replay(&scope("t1"), &i1, &ids[1]).await.unwrap());
        let claimed = on.claimed("i1").await;
        assert_eq!((&claimed.id, claimed.attempts), (&ids[1], 1));
        assert!(!on.inbox.is_late(&claimed).await.unwrap());
        on.settle(claimed, done(&[])).await;

        on.passed("receivedAt", &ids[0]).await;
        let since = Timestamp::parse("2010-01-01T00:00:00Z").unwrap();
        assert_eq!(on.inbox.replay_dead(&scope("t2"), &i1, since).await.unwrap(), 0);
        assert_eq!(on.inbox.replay_dead(&scope("t1"), &i1, since).await.unwrap(), 1);
        assert_eq!(on.claimed("i1").await.id, ids[2]);
        assert_eq!(on.inbox.replay_dead(&scope("t1"), &i1, Timestamp::EPOCH).await.unwrap(), 1);
        let claimed = on.claimed("i1").await;
        assert_eq!(claimed.id, ids[0]);
        // The second one was processed before it.
        assert!(on.inbox.is_late(&claimed).await.unwrap());
    }

    async fn what_is_old_goes_and_what_waits_stays(db: TestDb) {
        let on = Deliveries::on(db).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c"] {
            ids.push(on.keep("i1", name).await);
        }
        for _ in 0..2 {
            let claimed = on.claimed("i1").await;
            on.settle(claimed, done(&[event("x")])).await;
        }
        on.passed("receivedAt", &ids[0]).await;
        on.passed("receivedAt", &ids[2]).await;
        assert_eq!(on.inbox.sweep(DAY, 100).await.unwrap(), 1);
        assert_eq!(on.inbox.sweep(DAY, 100).await.unwrap(), 0);
        let all = DeliveryFilter::default();
        let page = on.inbox.list(&scope("t1"), &integration_id("i1"), &all).await.unwrap();
        let left: BTreeSet<_> = page.items.into_iter().map(|item| item.id).collect();
        assert_eq!(left, ids[1..].iter().cloned().collect());

        assert_eq!(on.events.sweep(DAY, 100).await.unwrap(), 0);
        let past = if on.given.db.backend == Backend::Mysql { "2001-02-03 04:05:06" } else { "2001-02-03T04:05:06.000+00:00" };
        on.given.execute(&format!("UPDATE `scm_events` SET `occurredAt` = '{past}' WHERE `sequence` = 1")).await;
        assert_eq!(on.events.sweep(DAY, 100).await.unwrap(), 1);
        // The number is not given out again.
        let claimed = on.claimed("i1").await;
        on.settle(claimed, done(&[event("y")])).await;
        let told = on.events.page(&tenant("t1"), EventCursor::behind(2), PageLimit::MAX).await.unwrap();
        assert_eq!((told.items.len(), told.next.sequence()), (1, 3));
    }

    async fn what_is_not_pushed_is_found_in_order(db: TestDb) {
        let on = Deliveries::on(db).await;
        for (tenant_id, integration) in [("t1", "i1"), ("t2", "i2")] {
            on.inbox.keep(&delivery(tenant_id, integration, "a")).await.unwrap();
            let claimed = on.claimed(integration).await;
            on.settle(claimed, done(&[event("a"), event("b")])).await;
        }
        let (t1, t2) = (tenant("t1"), tenant("t2"));
        let next = |after| on.events.next_unpushed_tenant(after);
        assert_eq!(next(None).await.unwrap(), Some(t1.clone()));
        assert_eq!(next(Some(&t1)).await.unwrap(), Some(t2.clone()));
        assert_eq!(next(Some(&t2)).await.unwrap(), None);
        for name in ["a", "b"] {
            let unpushed = on.events.next_unpushed(&t1).await.unwrap().unwrap();
            assert_eq!(name_of(&unpushed.event.event), name);
            on.events.mark_pushed(&t1, unpushed.sequence).await.unwrap();
        }
        assert!(on.events.next_unpushed(&t1).await.unwrap().is_none());
        assert_eq!(next(None).await.unwrap(), Some(t2));
        // Pushed or not, the feed tells them.
        assert_eq!(on.told("t1").await, ["a", "b"]);
    }

    async fn what_makes_no_sense_does_not_hold_up_what_is_pushed_after_it(db: TestDb) {
        let on = Deliveries::on(db).await;
        on.inbox.keep(&delivery("t1", "i1", "a")).await.unwrap();
        let claimed = on.claimed("i1").await;
        on.settle(claimed, done(&[event("a"), event("b")])).await;
        on.given.execute("UPDATE `scm_events` SET `integrationId` = '' WHERE `sequence` = 1").await;
        let unpushed = on.events.next_unpushed(&tenant("t1")).await.unwrap().unwrap();
        assert_eq!((name_of(&unpushed.event.event), unpushed.sequence), ("b".to_owned(), 2));
        // What does not open may open later.
        on.given.execute("UPDATE `scm_events` SET `body` = 'v1.k1.AAAA' WHERE `sequence` = 2").await;
        let failed = on.events.next_unpushed(&tenant("t1")).await;
        assert!(matches!(failed, Err(StoreError::Unreadable { .. })), "{failed:?}");
    }

    async fn deliveries_and_events_move_to_the_current_key(db: TestDb) {
        let on = Deliveries::on(db).await;
        let pool = &on.given.pool;
        for name in ["a", "b", "c", "d"] {
            on.keep("i1", name).await;
        }
        let claimed = on.claimed("i1").await;
        on.settle(claimed, done(&[event("x"), event("y")])).await;
        on.given.execute("UPDATE `scm_webhook_deliveries` SET `payload` = 'v1.k1.AAAA' WHERE `deliveryId` = 'd'").await;

        check_canary(pool, &cipher(KEYS)).await.unwrap();
        let keys = cipher(&rotated());
        check_canary(pool, &keys).await.unwrap();
        let (old, new) = (key_id("k1"), key_id("k_2"));
        assert_eq!(key_usage(pool).await.unwrap().of(&old), 6);
        let options = RewrapOptions { batch: 2.try_into().unwrap(), dry_run: true };
        let dry = rewrap(pool, &keys, &options, &mut |_| {}).await.unwrap();
        assert_eq!((dry.total, dry.resealed, dry.unreadable), (6, 5, 1));
        let options = RewrapOptions { dry_run: false, ..options };
        let done = rewrap(pool, &keys, &options, &mut |_| {}).await.unwrap();
        assert_eq!((done.total, done.resealed, done.unreadable, done.left), (6, 5, 1, 0));
        let usage = key_usage(pool).await.unwrap();
        assert_eq!((usage.of(&old), usage.of(&new)), (1, 5));

        let only_new = cipher(&format!("* {SECOND}"));
        let events = EventController::new(pool.clone(), only_new.clone());
        let told = events.page(&tenant("t1"), EventCursor::default(), PageLimit::MAX).await.unwrap();
        let told: Vec<_> = told.items.iter().map(|told| name_of(&told.event)).collect();
        assert_eq!(told, ["x", "y"]);
        let inbox = InboxController::new(pool.clone(), only_new, on.given.clock.clone());
        let claimed = inbox.claim(&integration_id("i1")).await.unwrap().unwrap();
        assert_eq!(inbox.payload(&claimed).await.unwrap().body, b"{\"id\":\"b\"}");
    }

    async fn an_integration_takes_its_deliveries_with_it(db: TestDb) {
        let on = Deliveries::on(db).await;
        let row = on.given.created("t1", "https://github.com/a/b").await;
        let id = row.id.as_str();
        on.keep(id, "a").await;
        on.keep("other", "a").await;
        for integration in [id, "other"] {
            let claimed = on.claimed(integration).await;
            on.settle(claimed, done(&[event(integration)])).await;
        }
        let by = crate::given::by(&scope("t1"));
        assert!(on.given.store.hard_delete(&by, &row.id, None).await.unwrap());
        let page = on.inbox.list(&scope("t1"), &row.id, &DeliveryFilter::default()).await.unwrap();
        assert!(page.items.is_empty());
        assert_eq!(on.told("t1").await, ["other"]);
    }
}
