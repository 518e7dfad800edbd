//! What is known of branches and tags: moved together with what is told, by who read it last.

use std::time::Duration;

use futures::future::join_all;
use scm_store::{
    CheckDue, Claimed, Conclusion, DeliveryPayload, EventController, FoundEvents, InboxController,
    KnownRef, NewDelivery, RefController, RefMoves, RefRecord, RefSource, RefWrite,
    ServerController, Settled, Settlement,
};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    CommitSha, DeliveryId, EventCursor, EventKind, FullRef, IntegrationId, PageLimit, ScmEvent,
    SignatureScheme, TenantEvent, TenantScope,
};

use crate::given::{Given, KEYS, by, cipher, scope, tenant};

const HOUR: Duration = Duration::from_hours(1);
const URL: &str = "https://github.com/acme/shop";

struct Refs {
    known: RefController,
    inbox: InboxController,
    events: EventController,
    id: IntegrationId,
    given: Given,
}

impl Refs {
    /// Of an integration with a webhook.
    async fn on(db: TestDb) -> Self {
        let given = Given::on(db).await;
        let row = given.created("t1", URL).await;
        given
            .execute("UPDATE `tenant_scm_integrations` SET `webhookId` = 'h1'")
            .await;
        let known = RefController::new(given.pool.clone(), cipher(KEYS));
        known.begin(&row.id).await.unwrap();
        Self {
            known,
            inbox: InboxController::new(given.pool.clone(), cipher(KEYS), given.clock.clone()),
            events: EventController::new(given.pool.clone(), cipher(KEYS)),
            id: row.id,
            given,
        }
    }

    async fn version(&self) -> i64 {
        self.known.tally(&self.id).await.unwrap().unwrap().version
    }

    async fn conclude(&self, version: i64, refs: &[RefWrite], events: &[ScmEvent]) -> bool {
        let tenant = tenant("t1");
        let conclusion = Conclusion::Known {
            refs,
            found: FoundEvents {
                tenant: &tenant,
                events,
            },
        };
        let ended = self.known.conclude(&self.id, version, &conclusion).await;
        ended.unwrap()
    }

    /// What is known, by name and without ages.
    async fn records(&self) -> Vec<(String, RefRecord)> {
        let known = self.known.all_known(&self.id).await.unwrap();
        let mut known: Vec<_> = known
            .into_iter()
            .map(|it| (it.name.to_string(), it.record))
            .collect();
        known.sort_by(|one, other| one.0.cmp(&other.0));
        known
    }

    async fn told(&self) -> Vec<TenantEvent> {
        let (tenant, first) = (tenant("t1"), EventCursor::default());
        let page = self.events.page(&tenant, first, PageLimit::MAX);
        page.await.unwrap().items
    }

    async fn claimed(&self, id: &str) -> Claimed {
        let new = NewDelivery {
            tenant_id: tenant("t1"),
            integration_id: self.id.clone(),
            delivery_id: DeliveryId::parse(id).unwrap(),
            digest: format!("{id:0>64}"),
            event: "push".to_owned(),
            payload: DeliveryPayload {
                scheme: SignatureScheme::Github,
                headers: Vec::new(),
                body: b"{}".to_vec(),
            },
        };
        self.inbox.keep(&new).await.unwrap();
        self.inbox.claim(&self.id).await.unwrap().unwrap()
    }

    /// A column's time was so long ago: the database's clock cannot be moved.
    async fn aged(&self, table: &str, column: &str, age: Duration) {
        let seconds = age.as_secs();
        let past = match self.given.db.backend {
            Backend::Sqlite => {
                format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{seconds} seconds')")
            }
            Backend::Mysql => format!("UTC_TIMESTAMP(3) - INTERVAL {seconds} SECOND"),
            Backend::Postgres => format!("NOW() - INTERVAL '{seconds} seconds'"),
        };
        let sql = format!("UPDATE `{table}` SET `{column}` = {past}");
        self.given.execute(&sql).await;
    }

    /// Whether nothing but the integration is due.
    async fn is_due(&self, due: CheckDue) -> bool {
        let (targets, next) = self.known.targets(due, None, 100).await.unwrap();
        assert_eq!(next, None);
        assert!(targets.iter().all(|it| it.id == self.id), "{targets:?}");
        !targets.is_empty()
    }
}

fn sha(letter: char) -> CommitSha {
    CommitSha::parse(&letter.to_string().repeat(40)).unwrap()
}

fn at(name: &str, letter: char) -> RefWrite {
    RefWrite {
        name: FullRef::parse(name).unwrap(),
        record: RefRecord {
            present: true,
            commit: Some(sha(letter)),
            other: None,
            source: RefSource::Listing,
        },
    }
}

fn gone(name: &str, letter: char) -> RefWrite {
    let mut gone = at(name, letter);
    gone.record.present = false;
    gone
}

fn event(name: &str) -> ScmEvent {
    ScmEvent {
        kind: EventKind::Unknown {
            event: name.to_owned(),
            action: None,
        },
        repository: None,
        actor: None,
        reconciled: true,
    }
}

on_every_database! {
    async fn what_is_written_is_read_back(db: TestDb) {
        let on = Refs::on(db).await;
        let tally = on.known.tally(&on.id).await.unwrap().unwrap();
        assert!(!tally.baseline && !tally.too_many && tally.checked.is_none());
        let longest = format!("refs/tags/{}", "ü".repeat(FullRef::MAX));
        let first = [
            at("refs/heads/main", 'a'),
            at("refs/heads/Main", 'b'),
            at("refs/tags/main", 'c'),
            at(&longest, 'd'),
        ];
        assert!(on.conclude(tally.version, &first, &[]).await);
        let mut want: Vec<_> = first.iter().map(|it| (it.name.to_string(), it.record.clone())).collect();
        want.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(on.records().await, want);
        let tally = on.known.tally(&on.id).await.unwrap().unwrap();
        assert!(tally.baseline && tally.checked.unwrap() < HOUR);

        // Some of them change, and the others stay.
        let mut changed = at("refs/heads/main", 'e');
        changed.record.other = Some(sha('a'));
        changed.record.source = RefSource::Reconciled;
        let mut unknown = at("refs/tags/main", 'f');
        unknown.record.commit = None;
        let second = [changed.clone(), unknown.clone(), gone("refs/heads/Main", 'b')];
        assert!(on.conclude(tally.version, &second, &[]).await);
        let names = [changed.name.clone(), unknown.name.clone(), FullRef::tag("none").unwrap()];
        let mut found = on.known.known(&on.id, &names).await.unwrap();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        let records: Vec<_> = found.into_iter().map(|KnownRef { record, .. }| record).collect();
        assert_eq!(records, [changed.record, unknown.record]);
        assert_eq!(on.records().await.len(), 4);
    }

    async fn many_are_written_and_told_at_once(db: TestDb) {
        let on = Refs::on(db).await;
        let many: Vec<_> = (0..1_203).map(|it| at(&format!("refs/heads/b{it:04}"), 'a')).collect();
        let events: Vec<_> = (0..1_203).map(|it| event(&format!("e{it:04}"))).collect();
        assert!(on.conclude(on.version().await, &many, &events).await);
        assert_eq!(on.records().await.len(), 1_203);
        let (mut after, mut told) = (EventCursor::default(), Vec::new());
        loop {
            let page = on.events.page(&tenant("t1"), after, PageLimit::MAX).await.unwrap();
            if page.items.is_empty() {
                break;
            }
            told.extend(page.items);
            after = page.next;
        }
        let told: Vec<_> = told.into_iter().map(|told| told.event).collect();
        assert_eq!(told, events, "in their order");
    }

    async fn of_two_who_decided_by_the_same_state_one_writes(db: TestDb) {
        let on = Refs::on(db).await;
        let version = on.version().await;
        let events = [event("found")];
        let refs = [at("refs/heads/main", 'a')];
        let ended = join_all((0..8).map(|_| on.conclude(version, &refs, &events))).await;
        assert_eq!(ended.iter().filter(|written| **written).count(), 1);
        let told = on.told().await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].delivery_id, None);
        assert!(told[0].event.reconciled);
        assert_eq!(told[0].integration_id, on.id);
    }

    async fn a_delivery_moves_what_is_known_or_nothing_happens(db: TestDb) {
        let on = Refs::on(db).await;
        let claimed = on.claimed("d1").await;
        let events = [event("push")];
        let how = Settlement::Done { events: &events, note: None };
        let moves = |version| RefMoves { version, refs: vec![at("refs/heads/main", 'b')] };
        let version = on.version().await;
        // A comparison comes in between.
        assert!(on.conclude(version, &[at("refs/heads/main", 'a')], &[]).await);
        let settled = on.inbox.settle_moving(&claimed, &how, Some(&moves(version))).await.unwrap();
        assert_eq!(settled, Settled::Outdated);
        assert!(on.told().await.is_empty());
        assert_eq!(on.records().await[0].1.commit, Some(sha('a')));

        let newer = moves(on.version().await);
        let settled = on.inbox.settle_moving(&claimed, &how, Some(&newer)).await.unwrap();
        assert_eq!(settled, Settled::Yes);
        assert_eq!(on.told().await.len(), 1);
        assert_eq!(on.records().await[0].1.commit, Some(sha('b')));

        // It is settled: whoever has it no more moves nothing.
        let again = RefMoves { version: on.version().await, refs: vec![at("refs/heads/main", 'c')] };
        let settled = on.inbox.settle_moving(&claimed, &how, Some(&again)).await.unwrap();
        assert_eq!(settled, Settled::NotMine);
        assert_eq!(on.records().await[0].1.commit, Some(sha('b')));
        assert!(!on.inbox.has_pending(&on.id).await.unwrap());
    }

    async fn what_is_gone_is_forgotten_after_a_day(db: TestDb) {
        let on = Refs::on(db).await;
        let refs = [gone("refs/heads/old", 'a'), at("refs/heads/main", 'a')];
        assert!(on.conclude(on.version().await, &refs, &[]).await);
        on.aged("scm_known_refs", "updatedAt", HOUR * 23).await;
        assert!(on.conclude(on.version().await, &[], &[]).await);
        assert_eq!(on.records().await.len(), 2);
        on.aged("scm_known_refs", "updatedAt", HOUR * 25).await;
        assert!(on.conclude(on.version().await, &[], &[]).await);
        let known = on.records().await;
        assert_eq!(known.len(), 1);
        assert!(known[0].1.present);
    }

    async fn too_many_are_not_kept(db: TestDb) {
        let on = Refs::on(db).await;
        assert!(on.conclude(on.version().await, &[at("refs/heads/main", 'a')], &[]).await);
        let version = on.version().await;
        assert!(on.known.conclude(&on.id, version, &Conclusion::TooMany).await.unwrap());
        let tally = on.known.tally(&on.id).await.unwrap().unwrap();
        assert!(tally.too_many && !tally.baseline && tally.checked.is_some());
        assert!(on.records().await.is_empty());
    }

    async fn who_is_due(db: TestDb) {
        let on = Refs::on(db).await;
        let other = on.given.created("t2", URL).await;
        on.known.begin(&other.id).await.unwrap();
        // Once more changes nothing.
        on.known.begin(&on.id).await.unwrap();
        assert!(on.is_due(CheckDue::Never).await, "the other has no webhook");
        assert_eq!(on.known.tally(&other.id).await.unwrap(), None, "and is forgotten");

        let unwatched = Conclusion::Unwatched;
        assert!(on.known.conclude(&on.id, on.version().await, &unwatched).await.unwrap());
        assert!(!on.is_due(CheckDue::Never).await);
        assert!(!on.is_due(CheckDue::Since(HOUR)).await);
        assert!(on.is_due(CheckDue::All).await);
        on.aged("scm_ref_checks", "checkedAt", HOUR * 2).await;
        assert!(on.is_due(CheckDue::Since(HOUR)).await);
        let (targets, next) = on.known.targets(CheckDue::All, None, 1).await.unwrap();
        assert_eq!((targets.len(), next), (1, Some(on.id.clone())));
        let (targets, next) = on.known.targets(CheckDue::All, Some(&on.id), 1).await.unwrap();
        assert_eq!((targets.len(), next), (0, None));
    }

    async fn what_was_asked_for_is_remembered(db: TestDb) {
        let on = Refs::on(db).await;
        let keys = ["k1", "k2", "K1"];
        assert!(on.known.asked(&on.id, &keys).await.unwrap().is_empty());
        on.known.note_asked(&on.id, "k1").await.unwrap();
        on.known.note_asked(&on.id, "k1").await.unwrap();
        on.known.note_asked(&on.id, "k2").await.unwrap();
        let asked = on.known.asked(&on.id, &keys).await.unwrap();
        let asks = |key: &str| asked.get(key).map(|it| it.asks);
        assert_eq!([asks("k1"), asks("k2"), asks("K1")], [Some(2), Some(1), None]);
        assert!(asked["k1"].age < HOUR);
        // Longer than any host keeps it.
        on.aged("scm_redeliveries", "askedAt", HOUR * 24 * 11).await;
        assert!(on.conclude(on.version().await, &[], &[]).await);
        assert!(on.known.asked(&on.id, &keys).await.unwrap().is_empty());
    }

    async fn all_of_it_goes_with_its_integration(db: TestDb) {
        let on = Refs::on(db).await;
        assert!(on.conclude(on.version().await, &[at("refs/heads/main", 'a')], &[]).await);
        on.known.note_asked(&on.id, "k1").await.unwrap();
        assert!(on.given.store.hard_delete(&by(&scope("t1")), &on.id, None).await.unwrap());
        assert!(on.records().await.is_empty());
        assert_eq!(on.known.tally(&on.id).await.unwrap(), None);
        assert!(on.known.asked(&on.id, &["k1"]).await.unwrap().is_empty());
        let gone = on.given.store.find_by_id(&TenantScope::Platform, &on.id).await.unwrap();
        assert!(gone.is_none());
    }

    async fn arrived_deliveries_are_known_by_the_hosts_ids(db: TestDb) {
        let on = Refs::on(db).await;
        assert!(!on.inbox.has_pending(&on.id).await.unwrap());
        let _claimed = on.claimed("d1").await;
        assert!(on.inbox.has_pending(&on.id).await.unwrap());
        let ids: Vec<_> = ["d1", "D1", "d2"].map(|id| DeliveryId::parse(id).unwrap()).into();
        let arrived = on.inbox.arrived(&on.id, &ids).await.unwrap();
        assert_eq!(arrived, ["d1".to_owned()].into());
        let nobody = IntegrationId::parse("nobody").unwrap();
        assert!(on.inbox.arrived(&nobody, &ids).await.unwrap().is_empty());
    }

    async fn servers_are_on_a_list_with_their_times(db: TestDb) {
        let on = Refs::on(db).await;
        let servers = ServerController::new(on.given.pool.clone());
        let (one, two) = (ServerController::new_id(), ServerController::new_id());
        assert_ne!(one, two);
        servers.enter(&one).await.unwrap();
        servers.enter(&two).await.unwrap();
        on.aged("scm_servers", "startedAt", HOUR * 2).await;
        on.aged("scm_servers", "seenAt", HOUR).await;
        assert!(servers.note_seen(&one).await.unwrap());
        assert!(servers.note_stopped(&two).await.unwrap());
        let all = servers.all().await.unwrap();
        let find = |id: &str| all.iter().find(|it| it.id == id).unwrap();
        let (first, second) = (find(&one), find(&two));
        assert!(first.started >= HOUR * 2 && first.seen < HOUR && first.stopped.is_none());
        assert!(second.seen >= HOUR && second.stopped.unwrap() < HOUR);
        servers.remove(&two).await.unwrap();
        assert!(!servers.note_seen(&two).await.unwrap());
        assert_eq!(servers.all().await.unwrap().len(), 1);
    }
}
