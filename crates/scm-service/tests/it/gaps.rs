//! What deliveries should have told and did not: hosts that deliver for real to a receiver that is
//! out for a while, and servers that find out what they missed.

mod asking;
mod comparing;
mod states;

use std::time::Duration;

use scm_service::{DeliveryFilter, JobReport, JobSettings, Presence, Received, Services};
use scm_store::JobKind;
use scm_testkit::{
    code_host::{CodeHost, Recorded, Reply},
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use scm_types::{
    AccessToken, Clock, CreateScmIntegrationDto, DeliveryState, EventCursor, EventKind, PageLimit,
    TenantEvent,
};
use sea_orm::{ConnectionTrait, QueryResult, Statement};
use url::Url;

use crate::bench::{Bench, owner, platform};

const SILENCE: Duration = Duration::from_mins(2);

/// Only what outages are the reason for, and what somebody asked for.
fn unplanned() -> JobSettings {
    JobSettings {
        gap_interval: None,
        ..JobSettings::default()
    }
}

/// A connected repository with a webhook, and all its branches and tags known.
struct Watched {
    services: Services,
    /// Stands where the server is reached.
    receiver: CodeHost,
    bench: Bench,
}

impl Watched {
    async fn on_sqlite(dialect: Dialect) -> Self {
        Self::on(TestDb::migrated(Backend::Sqlite).await.unwrap(), dialect).await
    }

    async fn on(db: TestDb, dialect: Dialect) -> Self {
        let watched = Self::unlooked(db, dialect).await;
        let report = watched.work_off().await;
        assert_eq!(report.of(JobKind::GapCheck, "done"), 1, "{report:?}");
        assert_eq!(watched.reconciled().await, [""; 0]);
        watched
    }

    /// Nobody has looked at it yet.
    async fn unlooked(db: TestDb, dialect: Dialect) -> Self {
        let mut bench = Bench::empty(db, GitHost::start(dialect).await).await;
        let dto = CreateScmIntegrationDto {
            access_token: AccessToken::parse(bench.git.issue_access_token()).ok(),
            ..bench.dto()
        };
        bench.id = bench.services.create(&platform(), dto).await.unwrap().id;
        bench.git.set_time(bench.clock.now().as_millis() / 1_000);
        let receiver = CodeHost::start().await;
        receiver.on_everything(Reply::empty(202));
        let mut watched = Self {
            services: bench.services.clone(),
            receiver,
            bench,
        };
        watched.services = watched.server().await;
        let (services, id) = (&watched.services, &watched.bench.id);
        services.verify(&owner(), id).await.unwrap();
        services.register_webhook(&owner(), id).await.unwrap();
        watched.bench.git.settle().await;
        watched.arrive().await;
        watched
    }

    /// Another server on the same database.
    async fn server(&self) -> Services {
        let address = format!("{}/webhooks", self.receiver.base_url());
        let server = self.bench.server().await;
        let server = server.receiver_url(Some(Url::parse(&address).unwrap()));
        server.build().unwrap()
    }

    /// What has come to the receiver comes to the server, and is processed.
    async fn arrive(&self) -> Vec<Received> {
        let mut received = Vec::new();
        for request in self.receiver.requests() {
            received.push(self.receive(&request).await);
        }
        self.receiver.forget_requests();
        self.services.work_off_deliveries().await.unwrap();
        received
    }

    async fn receive(&self, request: &Recorded) -> Received {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let body = request.body.clone();
        let received = self.services.receive(&self.bench.id, headers, body).await;
        received.unwrap()
    }

    /// Nobody is there: what is delivered from now on is lost.
    fn out(&self) {
        self.receiver.on_everything(Reply::empty(404));
    }

    /// Somebody is there again, and finds that nobody was.
    async fn back(&self) {
        self.receiver.forget_requests();
        self.receiver.on_everything(Reply::empty(202));
        self.settled().await;
        let before = Presence::new(&self.services, SILENCE);
        before.beat().await.unwrap();
        self.age("scm_servers", "seenAt").await;
        let now = Presence::new(&self.services, SILENCE);
        assert!(now.beat().await.unwrap());
        self.age("scm_jobs", "dueAt").await;
        now.leave().await.unwrap();
        self.execute("DELETE FROM `scm_servers`").await;
    }

    /// Some time goes by after the last delivery.
    async fn settled(&self) {
        let past = self.past();
        self.execute(&format!(
            "UPDATE `scm_known_refs` SET `updatedAt` = '{past}' WHERE `source` = 'delivery'"
        ))
        .await;
    }

    /// What is due is done, but for what is due later; nothing is planned.
    async fn work_off(&self) -> JobReport {
        self.services.work_off_jobs(unplanned()).await
    }

    /// The same when what was put off is due.
    async fn work_off_later(&self) -> JobReport {
        self.age("scm_jobs", "dueAt").await;
        self.work_off().await
    }

    /// A look that finds what it finds at once.
    async fn look(&self) {
        let report = self.work_off().await;
        assert_eq!(report.of(JobKind::GapCheck, "done"), 1, "{report:?}");
    }

    async fn told(&self) -> Vec<TenantEvent> {
        let (first, limit) = (EventCursor::default(), PageLimit::MAX);
        let owner = owner();
        let page = self
            .services
            .events(&owner, None, first, limit, Duration::ZERO);
        page.await.unwrap().items
    }

    /// What was told of branches and tags, by deliveries.
    async fn delivered(&self) -> Vec<String> {
        self.refs_told(false).await
    }

    /// What was told of them without one.
    async fn reconciled(&self) -> Vec<String> {
        self.refs_told(true).await
    }

    async fn refs_told(&self, reconciled: bool) -> Vec<String> {
        let told = self.told().await.into_iter();
        told.filter(|told| told.event.reconciled == reconciled)
            .inspect(|told| assert_eq!(told.delivery_id.is_none(), reconciled))
            .filter_map(|told| text(&told.event.kind))
            .collect()
    }

    /// State and word of each delivery, the oldest first, but for pings.
    async fn states(&self) -> Vec<(DeliveryState, Option<String>)> {
        let filter = DeliveryFilter::default();
        let page = self
            .services
            .deliveries(&owner(), &self.bench.id, &filter)
            .await;
        let items = page.unwrap().items.into_iter().rev();
        let items = items.filter(|item| !item.event.contains("ping"));
        items.map(|item| (item.state, item.last_error)).collect()
    }

    /// How often the branches were listed.
    fn listings(&self) -> usize {
        let requests = self.bench.git.requests().into_iter();
        requests
            .filter(|it| it.method == "GET" && it.path.ends_with("/branches"))
            .count()
    }

    fn past(&self) -> &'static str {
        match self.bench.db.backend {
            Backend::Sqlite => "2001-02-03T04:05:06.007+00:00",
            Backend::Mysql => "2001-02-03 04:05:06.007",
            Backend::Postgres => "2001-02-03 04:05:06.007+00",
        }
    }

    /// The database's clock cannot be moved; what it is compared with can.
    async fn age(&self, table: &str, column: &str) {
        let past = self.past();
        self.execute(&format!("UPDATE `{table}` SET `{column}` = '{past}'"))
            .await;
    }

    /// The same for a while ago.
    async fn age_by_hours(&self, table: &str, column: &str, hours: u32) {
        let past = match self.bench.db.backend {
            Backend::Sqlite => {
                format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-{hours} hours')")
            }
            Backend::Mysql => format!("UTC_TIMESTAMP(3) - INTERVAL {hours} HOUR"),
            Backend::Postgres => format!("NOW() - INTERVAL '{hours} hours'"),
        };
        self.execute(&format!("UPDATE `{table}` SET `{column}` = {past}"))
            .await;
    }

    async fn execute(&self, sql: &str) {
        self.bench.db.execute_by_hand(&self.quoted(sql)).await;
    }

    async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let pool = self.bench.db.connect().await;
        let backend = pool.get_database_backend();
        let statement = Statement::from_string(backend, self.quoted(sql));
        pool.query_all_raw(statement).await.unwrap()
    }

    /// How many rows a condition finds.
    async fn count(&self, from: &str) -> usize {
        self.rows(&format!("SELECT 1 FROM {from}")).await.len()
    }

    fn quoted(&self, sql: &str) -> String {
        match self.bench.db.backend {
            Backend::Mysql => sql.to_owned(),
            Backend::Sqlite | Backend::Postgres => sql.replace('`', "\""),
        }
    }
}

/// Kind and name of what is told of a branch or a tag.
fn text(kind: &EventKind) -> Option<String> {
    let word = kind.as_str();
    match kind {
        EventKind::Push(push) => Some(format!("{word} {}", push.branch)),
        EventKind::BranchCreated(it)
        | EventKind::BranchDeleted(it)
        | EventKind::TagCreated(it)
        | EventKind::TagDeleted(it) => Some(format!("{word} {}", it.name)),
        _ => None,
    }
}
