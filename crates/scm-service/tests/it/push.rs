//! Events that are handed to a sink: in order, at least once, one tenant beside another.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use scm_service::{
    DatabaseConnection, EventSink, PushSecret, PushSettings, Services, SinkError, WebhookSink,
};
use scm_store::{DeliveryPayload, EventController, InboxController, NewDelivery, Settlement};
use scm_testkit::{
    code_host::{CodeHost, Reply},
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
    on_every_database,
};
use scm_types::{
    Clock as _, DeliveryId, EventCursor, EventKind, IntegrationId, PageLimit, ScmEvent,
    SignatureScheme, TenantEvent, TenantId,
};
use serde_json::Value;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    bench::{Bench, owner},
    deliveries::{cipher, pool},
};

/// What is signed with, as its bytes.
const SECRET: &[u8; 32] = b"a secret of some thirty-two byte";

/// Looks often, and waits little.
pub(crate) fn settings() -> PushSettings {
    PushSettings {
        poll: Duration::from_millis(10),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        time_limit: Duration::from_secs(10),
        grace: Duration::from_secs(5),
        ..PushSettings::default()
    }
}

/// What a test's sink does with an event.
#[derive(Clone, Copy)]
enum Doing {
    Take,
    Refuse,
    Panic,
    /// Never answers.
    Hang,
}

type Does = dyn Fn(&TenantEvent, usize) -> Doing + Send + Sync;

/// Keeps what it was handed, and does as a test says.
struct Kept {
    seen: Mutex<Vec<(TenantId, String, bool)>>,
    does: Box<Does>,
}

impl Kept {
    /// `does` is told the event, and how often it was handed over before.
    fn new(does: impl Fn(&TenantEvent, usize) -> Doing + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            does: Box::new(does),
        })
    }

    /// The names of what a tenant's events were when they were handed over.
    fn handed(&self, of: &str) -> Vec<String> {
        self.names(of, |_| true)
    }

    fn taken(&self, of: &str) -> Vec<String> {
        self.names(of, |taken| taken)
    }

    fn names(&self, of: &str, wanted: impl Fn(bool) -> bool) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let wanted = seen
            .iter()
            .filter(|(tenant, _, taken)| tenant.as_str() == of && wanted(*taken));
        wanted.map(|(_, name, _)| name.clone()).collect()
    }
}

#[async_trait]
impl EventSink for Kept {
    async fn deliver(&self, event: &TenantEvent) -> Result<(), SinkError> {
        let name = name_of(event);
        let before = self.handed(event.tenant_id.as_str());
        let before = before.iter().filter(|known| **known == name).count();
        let doing = (self.does)(event, before);
        let taken = matches!(doing, Doing::Take);
        let entry = (event.tenant_id.clone(), name, taken);
        self.seen.lock().unwrap().push(entry);
        match doing {
            Doing::Take => Ok(()),
            Doing::Refuse => Err(SinkError::new("not now")),
            Doing::Panic => panic!("the sink of a test panics"),
            Doing::Hang => std::future::pending().await,
        }
    }
}

fn name_of(event: &TenantEvent) -> String {
    match &event.event.kind {
        EventKind::Unknown { event, .. } => event.clone(),
        other => other.as_str().to_owned(),
    }
}

/// A database whose tenants are told events, as settled deliveries tell them.
pub(crate) struct Told {
    inbox: InboxController,
    events: EventController,
    pub(crate) bench: Bench,
}

impl Told {
    async fn on(db: TestDb) -> Self {
        let bench = Bench::empty(db, GitHost::start(Dialect::Github).await).await;
        let pool: DatabaseConnection = pool(&bench).await;
        Self {
            inbox: InboxController::new(pool.clone(), cipher(), bench.clock.clone()),
            events: EventController::new(pool, cipher()),
            bench,
        }
    }

    pub(crate) async fn new() -> Self {
        Self::on(TestDb::migrated(Backend::Sqlite).await.unwrap()).await
    }

    /// A server with a sink.
    pub(crate) async fn server(&self, sink: Arc<dyn EventSink>) -> Services {
        let server = self.bench.server().await.event_sink(sink);
        server.build().unwrap()
    }

    /// One delivery of a tenant, with these events.
    pub(crate) async fn tell(&self, tenant: &str, names: &[&str]) {
        let integration = IntegrationId::parse(format!("i-{tenant}")).unwrap();
        let id = names.concat();
        let mut digest = [0; 32];
        digest[..id.len()].copy_from_slice(id.as_bytes());
        let delivery = NewDelivery {
            tenant_id: TenantId::parse(tenant).unwrap(),
            integration_id: integration.clone(),
            delivery_id: DeliveryId::parse(&id).unwrap(),
            digest: DeliveryId::from_digest(&digest).to_string(),
            event: "push".to_owned(),
            payload: DeliveryPayload {
                scheme: SignatureScheme::Github,
                headers: Vec::new(),
                body: b"{}".to_vec(),
            },
        };
        self.inbox.keep(&delivery).await.unwrap();
        let claimed = self.inbox.claim(&integration).await.unwrap().unwrap();
        let events: Vec<_> = names.iter().map(|name| event(name)).collect();
        let done = Settlement::Done {
            events: &events,
            note: None,
        };
        assert!(self.inbox.settle(claimed, &done).await.unwrap());
    }

    pub(crate) async fn is_left(&self, tenant: &str) -> bool {
        let tenant = TenantId::parse(tenant).unwrap();
        let next = self.events.next_unpushed(&tenant).await;
        next.unwrap().is_some()
    }

    /// Waits until all events of these tenants are noted as pushed.
    pub(crate) async fn all_pushed(&self, tenants: &[&str]) {
        let pushed = timeout(Duration::from_mins(3), async {
            for tenant in tenants {
                while self.is_left(tenant).await {
                    sleep(Duration::from_millis(5)).await;
                }
            }
        });
        pushed.await.unwrap();
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

/// A server that pushes, until it is told to stop.
pub(crate) struct Pushing {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Pushing {
    pub(crate) fn start(services: &Services, settings: PushSettings) -> Self {
        let services = services.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let over = async { drop(stopped.await) };
            services.push_events(settings, over).await;
        });
        Self { task, stop }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// Notices if a tenant is handed two events at a time.
#[derive(Default)]
struct OneAtATime {
    busy: Mutex<HashSet<TenantId>>,
    taken: Mutex<Vec<TenantEvent>>,
    has_overlapped: AtomicBool,
}

#[async_trait]
impl EventSink for OneAtATime {
    async fn deliver(&self, event: &TenantEvent) -> Result<(), SinkError> {
        if !self.busy.lock().unwrap().insert(event.tenant_id.clone()) {
            self.has_overlapped.store(true, Ordering::SeqCst);
        }
        sleep(Duration::from_millis(1)).await;
        self.taken.lock().unwrap().push(event.clone());
        self.busy.lock().unwrap().remove(&event.tenant_id);
        Ok(())
    }
}

on_every_database! {
    async fn events_are_pushed_in_order_until_each_is_taken(db: TestDb) {
        let on = Told::on(db).await;
        on.tell("t1", &["a", "b", "c"]).await;
        on.tell("t2", &["x", "y"]).await;
        let sink = Kept::new(|event, before| match (name_of(event).as_str(), before) {
            ("a" | "b" | "c", 0) => Doing::Refuse,
            ("b", 1) => Doing::Panic,
            _ => Doing::Take,
        });
        let pushing = Pushing::start(&on.server(sink.clone()).await, settings());
        on.all_pushed(&["t1", "t2"]).await;
        assert_eq!(sink.handed("t1"), ["a", "a", "b", "b", "b", "c", "c"]);
        assert_eq!(sink.handed("t2"), ["x", "y"]);

        // What comes later follows.
        on.tell("t1", &["d"]).await;
        on.all_pushed(&["t1"]).await;
        assert_eq!(sink.taken("t1"), ["a", "b", "c", "d"]);
        pushing.stop().await;
    }

    async fn servers_share_the_tenants_and_keep_the_order(db: TestDb) {
        let on = Told::on(db).await;
        let tenants = ["t1", "t2", "t3"];
        let names: Vec<_> = (0..12).map(|number| format!("e{number:02}")).collect();
        let sink = Arc::new(OneAtATime::default());
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Pushing::start(&on.server(sink.clone()).await, settings()));
        }
        for name in &names {
            for tenant in tenants {
                on.tell(tenant, &[name]).await;
            }
        }
        on.all_pushed(&tenants).await;
        for server in servers {
            server.stop().await;
        }
        assert!(!sink.has_overlapped.load(Ordering::SeqCst));
        let taken = sink.taken.lock().unwrap();
        for tenant in tenants {
            let of = taken.iter().filter(|event| event.tenant_id.as_str() == tenant);
            assert_eq!(of.map(name_of).collect::<Vec<_>>(), names, "{tenant}");
        }
    }
}

#[tokio::test]
async fn a_stuck_tenant_holds_up_nobody_else_and_is_given_back() {
    let on = Told::new().await;
    on.tell("t1", &["a", "b"]).await;
    on.tell("t2", &["x", "y"]).await;
    let stuck = Kept::new(|event, _| match event.tenant_id.as_str() {
        "t1" => Doing::Hang,
        _ => Doing::Take,
    });
    let hasty = PushSettings {
        grace: Duration::from_millis(10),
        ..settings()
    };
    let pushing = Pushing::start(&on.server(stuck.clone()).await, hasty);
    on.all_pushed(&["t2"]).await;
    assert_eq!(stuck.taken("t2"), ["x", "y"]);
    assert_eq!(stuck.handed("t1"), ["a"]);
    // What it could not end in time is another server's at once.
    pushing.stop().await;
    let sink = Kept::new(|_, _| Doing::Take);
    let pushing = Pushing::start(&on.server(sink.clone()).await, settings());
    on.all_pushed(&["t1"]).await;
    assert_eq!(sink.taken("t1"), ["a", "b"]);
    assert_eq!(sink.handed("t2"), Vec::<String>::new());
    pushing.stop().await;
}

#[tokio::test]
async fn a_sink_that_takes_too_long_is_asked_again() {
    let on = Told::new().await;
    on.tell("t1", &["a", "b"]).await;
    let sink = Kept::new(|_, before| match before {
        0 => Doing::Hang,
        _ => Doing::Take,
    });
    let impatient = PushSettings {
        time_limit: Duration::from_millis(10),
        ..settings()
    };
    let pushing = Pushing::start(&on.server(sink.clone()).await, impatient);
    on.all_pushed(&["t1"]).await;
    pushing.stop().await;
    assert_eq!(sink.handed("t1"), ["a", "a", "b", "b"]);
}

#[tokio::test]
async fn without_a_sink_nothing_runs_and_nothing_is_noted() {
    let on = Told::new().await;
    on.tell("t1", &["a"]).await;
    let services = on.bench.server().await.build().unwrap();
    let never = std::future::pending();
    let ended = timeout(
        Duration::from_mins(1),
        services.push_events(settings(), never),
    );
    ended.await.unwrap();
    assert!(on.is_left("t1").await);
}

#[tokio::test]
async fn requests_are_signed_and_repeated_until_the_answer_is_good() {
    let on = Told::new().await;
    on.tell("t1", &["a", "b"]).await;
    let receiver = CodeHost::start().await;
    let answers = [
        Reply::empty(503),
        Reply::redirect(307, "/elsewhere"),
        Reply::close(),
        Reply::empty(204),
    ];
    receiver.on_root("POST", "/events", answers);
    let url = format!("{}/events", receiver.base_url()).parse().unwrap();
    let secret = PushSecret::parse(&format!("whsec_{}", STANDARD.encode(SECRET))).unwrap();
    let sink = WebhookSink::new(url, secret, on.bench.clock.clone()).unwrap();
    let pushing = Pushing::start(&on.server(Arc::new(sink)).await, settings());
    on.all_pushed(&["t1"]).await;
    pushing.stop().await;

    let (tenant, first) = (owner(), EventCursor::default());
    let feed = &on.bench.services;
    let feed = feed.events(&tenant, None, first, PageLimit::MAX, Duration::ZERO);
    let told = feed.await.unwrap().items;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 5, "{requests:?}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    for (index, request) in requests.iter().enumerate() {
        let event = &told[usize::from(index == 4)];
        let header = |name| request.header(name).unwrap();
        assert_eq!((&*request.method, &*request.path), ("POST", "/events"));
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("webhook-id"), event.id);
        let seconds = on.bench.clock.now().as_millis() / 1_000;
        assert_eq!(header("webhook-timestamp"), seconds.to_string());
        let mut signed = format!("{}.{seconds}.", event.id).into_bytes();
        signed.extend_from_slice(&request.body);
        let signature = header("webhook-signature").strip_prefix("v1,").unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        hmac::verify(&key, &signed, &signature).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, serde_json::to_value(event).unwrap());
    }
}
