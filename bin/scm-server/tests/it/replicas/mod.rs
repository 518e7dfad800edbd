//! Three replicas on one database behind a plain HTTP balancer: one is killed, all are replaced, the
//! database goes away. Nothing that was acknowledged is lost, whoever is refused is told to come back,
//! and what is to be done once is done once.

mod cluster;
mod load;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use scm_store::{Cipher, ConnectOptions, JobController, JobKind, KeyRing};
use scm_testkit::{
    db::{Backend, TestDb},
    git_host::GitHost,
    line::State,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use self::{
    cluster::{Cluster, REPLICAS},
    load::{Load, Seen},
};
use crate::server::{BASE, Client};

/// How long the database is away.
const AWAY: Duration = Duration::from_secs(20);

/// Connections whose token has ended, each at its first use.
const RENEWED: usize = 6;

/// How many deliveries there are at the most: a page of them, and one of the feed, holds them all.
const DELIVERIES: usize = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn three_replicas_on_postgres() {
    on(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn three_replicas_on_mariadb() {
    on(Backend::Mysql).await;
}

async fn on(backend: Backend) {
    let Some(db) = TestDb::empty(backend).await else {
        return;
    };
    let Some(cluster) = Cluster::on(db).await else {
        return;
    };
    let runtime = Handle::current();
    let work = move || Scenario { cluster, runtime }.play();
    tokio::task::spawn_blocking(work).await.unwrap();
}

struct Scenario {
    cluster: Cluster,
    runtime: Handle,
}

impl Scenario {
    fn play(mut self) {
        self.cluster.start_all();
        self.the_schema_was_made_once();
        // Time does not pass at the code host: tokens end when all of them do.
        let tokens: Vec<_> = (0..RENEWED).map(|_| self.cluster.git.issue()).collect();
        self.cluster.git.expire_tokens();
        let watched = self.watched();
        let load = Load::on(self.cluster.balancer.port, &self.cluster.git.base_url());
        let deliveries = Deliveries::start(&self.cluster.git, &self.runtime);
        self.work_goes_on(&load);

        self.one_is_killed(&load);
        self.all_are_replaced(&load, &tokens);
        self.the_database_goes_away(&load);

        deliveries.end();
        let seen = load.end();
        assert!(
            seen.wrong.is_empty(),
            "{:#?}\n{}",
            seen.wrong,
            self.cluster.balancer.log()
        );
        self.no_write_is_lost(&seen);
        self.each_delivery_is_told_once(&watched);
        self.each_row_was_checked_once(&seen);
    }

    fn client(&self) -> Client {
        self.cluster.balancer.client()
    }

    fn the_schema_was_made_once(&self) {
        let logs = self.cluster.logs();
        let steps = logs.matches("applied a schema step").count();
        let said: BTreeSet<_> = logs
            .lines()
            .filter_map(|line| line.split_once("applied a schema step").map(|it| it.1))
            .collect();
        assert!(steps > 10 && said.len() == steps, "{steps}: {logs}");
    }

    /// A connection with a webhook; its path.
    fn watched(&self) -> String {
        let body = json!({
            "tenantId": "t",
            "scmType": "GITHUB",
            "repositoryUrl": self.cluster.git.repository_url(),
            "accessToken": self.cluster.git.issue().0,
        });
        let (status, made) = self.client().post(BASE, &body);
        assert_eq!(status, 201, "{made}");
        let row = format!("{BASE}/{}", made["data"]["id"].as_str().unwrap());
        let (status, made) = self.client().post(&format!("{row}/webhook"), &json!({}));
        assert_eq!(status, 201, "{made}");
        self.runtime.block_on(self.cluster.git.settle());
        row
    }

    /// Waits until more was done than now.
    fn work_goes_on(&self, load: &Load) {
        let made = load.made();
        let begin = Instant::now();
        while load.made() < made + 10 {
            assert!(
                begin.elapsed() < Duration::from_mins(3),
                "{:?}\n{}\n{}",
                load.wrong(),
                self.cluster.logs(),
                self.cluster.balancer.log()
            );
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn one_is_killed(&mut self, load: &Load) {
        let before = load.so_far();
        self.cluster.kill(0);
        self.work_goes_on(load);
        self.cluster.start(0);
        self.work_goes_on(load);
        report("one was killed", before, load.so_far());
    }

    /// SIGTERM and a new start, one after the other, while tokens are renewed and all rows checked.
    fn all_are_replaced(&mut self, load: &Load, tokens: &[(String, String)]) {
        let before = load.so_far();
        self.runtime.block_on(self.forget_the_plan());
        let share = tokens.len().div_ceil(REPLICAS);
        for (number, tokens) in tokens.chunks(share).enumerate() {
            let renewing = self.renewing(tokens);
            let log = self.cluster.stop(number);
            assert!(log.contains("stopped"), "{log}");
            self.cluster.start(number);
            for request in renewing {
                request.join().unwrap();
            }
            self.work_goes_on(load);
        }
        assert_eq!(self.cluster.git.refreshes(), tokens.len(), "one for each");
        let after = load.so_far();
        report("all were replaced", before, after);
        // Each says that it stops before it takes no more: nobody is refused.
        assert_eq!(before.1, after.1, "{}", self.cluster.balancer.log());
    }

    /// Several at once that need a connection whose token has ended, while a replica stops.
    fn renewing(&self, tokens: &[(String, String)]) -> Vec<thread::JoinHandle<()>> {
        let mut requests = Vec::new();
        for (access, refresh) in tokens {
            // A repository is connected once for each tenant.
            let tenant = format!("t-{}", &access[access.len() - 8..]);
            let body = json!({
                "tenantId": tenant,
                "scmType": "GITHUB",
                "repositoryUrl": self.cluster.git.repository_url(),
                "accessToken": access,
                "refreshToken": refresh,
                "tokenExpiresAt": "2026-01-31T09:00:00Z",
            });
            let (status, made) = self.client().post(BASE, &body);
            assert_eq!(status, 201, "{made}");
            let path = format!("{BASE}/{}/branches", made["data"]["id"].as_str().unwrap());
            for _ in 0..4 {
                let (client, path) = (self.client(), path.clone());
                requests.push(thread::spawn(move || {
                    let (status, answer) = client.get(&path);
                    assert_eq!(status, 200, "{answer}");
                }));
            }
        }
        requests
    }

    /// So that the next start plans at once what is due, and not minutes after the last plan.
    async fn forget_the_plan(&self) {
        let options = ConnectOptions::default();
        let db = scm_store::connect(&self.cluster.db.url, &options);
        let db = db.await.unwrap();
        let ring = KeyRing::load(&self.cluster.place.path("master")).unwrap();
        let jobs = JobController::new(db.clone(), Cipher::new(ring).into());
        jobs.forget(JobKind::Plan, "").await.unwrap();
        db.close().await.unwrap();
    }

    fn the_database_goes_away(&mut self, load: &Load) {
        let before = load.so_far();
        self.cluster.line.set(State::Cut);
        let begin = Instant::now();
        while begin.elapsed() < AWAY {
            thread::park_timeout(Duration::from_millis(100));
        }
        let (_, refused) = load.so_far();
        assert!(refused > before.1, "nobody was refused");
        self.cluster.line.set(State::Works);
        for number in 0..REPLICAS {
            self.cluster.wait_until_ready(number);
        }
        self.work_goes_on(load);
        report("the database was away", before, load.so_far());
    }

    fn no_write_is_lost(&self, seen: &Seen) {
        let client = self.client();
        for made in &seen.made {
            let (status, row) = client.get(&format!("{BASE}/{}", made.id));
            assert_eq!(status, 200, "{made:?} was acknowledged and is gone");
            assert_eq!(row["data"]["repositoryUrl"], made.url, "{row}");
            if let Some(name) = &made.name {
                assert_eq!(row["data"]["displayName"], **name, "{made:?}");
            }
        }
        for (url, id) in &seen.keyed {
            let (status, row) = client.get(&format!("{BASE}/{id}"));
            assert_eq!(status, 200, "{url} was acknowledged and is gone");
            assert_eq!(row["data"]["repositoryUrl"], **url, "another one's answer");
        }
    }

    /// Each that was acknowledged is told once, and so is each that the host sends again.
    fn each_delivery_is_told_once(&self, row: &str) {
        let git = &self.cluster.git;
        let mut last = BTreeMap::new();
        for attempt in git.attempts() {
            last.insert(attempt.key.clone(), attempt);
        }
        let mut befores = BTreeSet::new();
        for attempt in last.values().filter(|it| it.event == "push") {
            let told: Value = serde_json::from_str(&attempt.body).unwrap();
            befores.insert(told["before"].as_str().unwrap().to_owned());
            assert!([200, 202, 503].contains(&attempt.status), "{attempt:?}");
            if attempt.status == 503 {
                let again = self.runtime.block_on(git.redeliver(&attempt.key));
                assert!([200, 202].contains(&again[0].status), "{again:?}");
            }
        }
        assert!(befores.len() > 10, "{befores:?}");
        let client = self.client();
        let begin = Instant::now();
        while states(&client, row).iter().any(|it| it == "pending") {
            // What the killed one had claimed is free after a minute.
            assert!(
                begin.elapsed() < Duration::from_mins(4),
                "{}",
                self.cluster.logs()
            );
            thread::park_timeout(Duration::from_millis(200));
        }
        let mut told = BTreeMap::<String, usize>::new();
        let page = client
            .get(&format!("{BASE}/events?tenantId=t&limit=1000"))
            .1;
        for event in page["data"].as_array().unwrap() {
            if event["kind"] == "push" {
                let before = event["before"].as_str().unwrap_or_default();
                *told.entry(before.to_owned()).or_default() += 1;
            }
        }
        for before in &befores {
            assert_eq!(told.get(before), Some(&1), "{before}: {told:?}");
        }
    }

    /// The plan of the roll has every row of that moment checked, by one replica each.
    fn each_row_was_checked_once(&self, seen: &Seen) {
        let client = self.client();
        let mut checked = 0;
        for made in &seen.made {
            let (status, page) = client.get(&format!("{BASE}/{}/audit", made.id));
            assert_eq!(status, 200, "{page}");
            let entries = page["data"].as_array().unwrap().iter();
            let looks = entries.filter(|it| it["action"] == "integration.verified");
            let looks = looks.count();
            assert!(looks <= 1, "{page}");
            checked += looks;
        }
        assert!(checked >= 10, "{checked} of {}", seen.made.len());
    }
}

/// How much was done and refused in a phase; seen with `--nocapture`.
fn report(phase: &str, before: (usize, usize), after: (usize, usize)) {
    let (answered, refused) = (after.0 - before.0, after.1 - before.1);
    writeln!(
        io::stdout(),
        "{phase}: {answered} answered, {refused} refused"
    )
    .ok();
}

/// The states of the newest deliveries.
fn states(client: &Client, row: &str) -> Vec<String> {
    let (status, page) = client.get(&format!("{row}/deliveries?limit=1000"));
    assert_eq!(status, 200, "{page}");
    let deliveries = page["data"].as_array().unwrap().iter();
    deliveries
        .map(|it| it["state"].as_str().unwrap().to_owned())
        .collect()
}

/// The code host delivers, one push after the other.
struct Deliveries {
    stop: Arc<AtomicBool>,
    work: Option<thread::JoinHandle<()>>,
}

impl Deliveries {
    fn start(git: &Arc<GitHost>, runtime: &Handle) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (ended, runtime, git) = (Arc::clone(&stop), runtime.clone(), Arc::clone(git));
        let work = thread::spawn(move || {
            for number in 0..DELIVERIES {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let before = format!("{:040x}", number + 1);
                runtime.block_on(git.deliver_push("refs/heads/main", Some(&before)));
                thread::park_timeout(Duration::from_millis(400));
            }
        });
        Self {
            stop,
            work: Some(work),
        }
    }

    fn end(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.work.take().unwrap().join().unwrap();
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}
