//! From the registration of a webhook to the feed: a code host that delivers for real, to a server
//! process behind a public address.

use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread,
    time::Duration,
};

use scm_testkit::{
    code_host::{CodeHost, Reply},
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
    on_every_database,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    rotation::wait_for,
    server::{BASE, Client, Place, Server, text},
};

/// What pushed events are signed with.
const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The public address: whatever stands in front of a server, whose own address changes.
struct Relay {
    port: u16,
    target: Arc<AtomicU16>,
}

impl Relay {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(0));
        let to = Arc::clone(&target);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let port = to.load(Ordering::Acquire);
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    copy(&client, &server);
                    copy(&server, &client);
                }
            }
        });
        Self { port, target }
    }
}

fn started(place: &Place, database: &str, fault: Option<&str>) -> Server {
    let mut command = place.command(&[]);
    command
        .env("SCM_DATABASE__URL", database)
        .env("SCM_KEYS_FILE", place.path("data/keys"));
    if let Some(point) = fault {
        command.env("SCM_TEST_FAULT", format!("{point}:1"));
    }
    Server::start(command)
}

/// Passes on what one side says until it has said everything.
fn copy(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        io::copy(&mut from, &mut to).ok();
        to.shutdown(std::net::Shutdown::Write).ok();
    });
}

/// A server with a connected repository.
pub(crate) struct Bench {
    pub(crate) git: GitHost,
    pub(crate) server: Server,
    row: String,
    relay: Relay,
    place: Place,
    database: String,
}

impl Bench {
    pub(crate) async fn on(db: &TestDb) -> Self {
        Self::with(db, "").await
    }

    /// With further lines of configuration.
    pub(crate) async fn with(db: &TestDb, lines: &str) -> Self {
        let git = GitHost::start(Dialect::Github).await;
        let (place, relay) = (Place::new(), Relay::start());
        place.write(
            "scm.toml",
            &format!(
                "public_url = \"http://127.0.0.1:{}\"\n[[hosts]]\nkind = \"github\"\n\
                 host = \"{}\"\napi_url = \"{}\"\nallow_private_addresses = true\n{lines}",
                relay.port,
                git.base_url(),
                git.api_url(),
            ),
        );
        std::fs::create_dir(place.path("data")).unwrap();
        let made = place.run(&["keys", "generate", "--out", "data/keys"]);
        assert!(made.status.success(), "{}", text(&made));
        let server = started(&place, &db.url, None);
        relay.target.store(server.port, Ordering::Release);
        let body = json!({
            "tenantId": "t",
            "scmType": "GITHUB",
            "repositoryUrl": git.repository_url(),
            "accessToken": "ghp_0123456789",
        });
        let (status, made) = server.client().post(BASE, &body);
        assert_eq!(status, 201, "{made}");
        let row = format!("{BASE}/{}", made["data"]["id"].as_str().unwrap());
        Self {
            git,
            server,
            row,
            relay,
            place,
            database: db.url.clone(),
        }
    }

    /// Kills the server and starts another one, which stops at a point if one is given.
    #[cfg(debug_assertions)]
    pub(crate) fn restart(&mut self, fault: Option<&str>) {
        let server = started(&self.place, &self.database, fault);
        self.relay.target.store(server.port, Ordering::Release);
        std::mem::replace(&mut self.server, server).kill();
    }

    /// The server dies, and `meanwhile` goes by before another one is there.
    async fn killed(mut self, meanwhile: impl AsyncFnOnce(&GitHost)) -> Self {
        self.server.kill();
        meanwhile(&self.git).await;
        self.server = started(&self.place, &self.database, None);
        self.relay.target.store(self.server.port, Ordering::Release);
        self
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }

    pub(crate) fn post(&self, rest: &str, want: u16) -> Value {
        let path = format!("{}{rest}", self.row);
        let (status, answer) = self.client().post(&path, &json!({}));
        assert_eq!(status, want, "{rest}: {answer}\n{}", self.server.log());
        answer
    }

    /// The states of all deliveries.
    #[cfg(debug_assertions)]
    pub(crate) fn states(&self) -> Vec<String> {
        let (status, page) = self.client().get(&format!("{}/deliveries", self.row));
        assert_eq!(status, 200, "{page}");
        let deliveries = page["data"].as_array().unwrap().iter();
        deliveries
            .map(|it| it["state"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Reads the feed until so many events of a kind were told.
    pub(crate) fn events(&self, kind: &str, many: usize) -> Vec<Value> {
        let (mut cursor, mut found) = (None::<String>, Vec::new());
        while found.len() < many {
            let after = cursor.map(|it| format!("&cursor={it}")).unwrap_or_default();
            let path = format!("{BASE}/events?tenantId=t&wait=20{after}");
            let (status, page) = self.client().get(&path);
            assert_eq!(status, 200, "{page}");
            let events = page["data"].as_array().unwrap();
            assert!(
                !events.is_empty(),
                "{kind}: {found:?}\n{}",
                self.server.log()
            );
            let wanted = events.iter().filter(|it| it["kind"] == kind);
            found.extend(wanted.cloned());
            cursor = page["nextCursor"].as_str().map(str::to_owned);
        }
        found
    }
}

on_every_database! {
    async fn from_registration_to_the_feed(db: TestDb) {
        let bench = Bench::on(&db).await;
        let made = bench.post("/webhook", 201);
        let url = made["data"]["webhookUrl"].as_str().unwrap();
        assert!(url.starts_with(&format!("http://127.0.0.1:{}{BASE}/webhooks/", bench.relay.port)));

        // The host pings by itself.
        bench.git.settle().await;
        bench.events("ping", 1);
        let before = format!("{:040x}", 7);
        let pushed = bench.git.deliver_push("refs/heads/main", Some(&before)).await;
        assert_eq!(pushed.len(), 1);
        assert_eq!(pushed[0].status, 202, "{}", bench.server.log());
        let events = bench.events("push", 1);
        assert_eq!(events[0]["branch"], "main", "{events:?}");
        assert_eq!(events[0]["before"], before, "{events:?}");

        // The very same once more is taken for what it is.
        let again = bench.git.redeliver(&pushed[0].key).await;
        assert_eq!(again[0].status, 200);
    }

    async fn none_is_lost_that_came_while_nobody_was_there(db: TestDb) {
        let bench = Bench::with(&db, "[jobs]\nsilence_seconds = 2\n").await;
        bench.post("/webhook", 201);
        bench.git.settle().await;
        bench.events("ping", 1);
        let looked = "scm_jobs_ended_total{kind=\"gap_check\",outcome=\"done\"}";
        let first_look = timeout(Duration::from_mins(3), async {
            while !bench.client().text("/metrics").contains(looked) {
                sleep(Duration::from_millis(50)).await;
            }
        });
        first_look.await.unwrap();
        // Later than any test: the server looks back by its own clock.
        bench.git.set_time(4_000_000_000);
        let bench = bench
            .killed(async |git| {
                let before = git.repo().rev_parse("main");
                git.repo().commit("main", "Nobody is told");
                let lost = git.deliver_push("refs/heads/main", before.as_deref()).await;
                assert_eq!(lost[0].status, 0, "nobody answers");
            })
            .await;
        let events = bench.events("push", 1);
        assert_eq!(events[0]["branch"], "main", "{events:?}");
        assert_eq!(events[0]["reconciled"], false, "{events:?}");
        let attempts = bench.git.attempts();
        let again: Vec<_> = attempts.iter().filter(|it| it.event == "push").collect();
        assert_eq!(again.len(), 2, "{again:?}");
        assert_eq!(again[0].key, again[1].key);
        assert!(again[1].redelivery && again[1].status == 202, "{again:?}");
        wait_for("a line in the log", || {
            bench.server.log().contains("nobody was there for deliveries")
        });
    }

    async fn none_is_lost_while_the_secret_changes(db: TestDb) {
        let bench = Arc::new(Bench::on(&db).await);
        bench.post("/webhook", 201);
        bench.git.settle().await;
        let done = Arc::new(AtomicBool::new(false));
        let stream = {
            let (bench, done) = (Arc::clone(&bench), Arc::clone(&done));
            tokio::spawn(async move {
                let mut sent = 0_usize;
                while !done.load(Ordering::Acquire) || sent < 10 {
                    let before = format!("{:040x}", sent + 1);
                    for attempt in bench.git.deliver_push("refs/heads/main", Some(&before)).await {
                        assert_eq!(attempt.status, 202, "{}", bench.server.log());
                    }
                    sent += 1;
                }
                sent
            })
        };
        let rotating = Arc::clone(&bench);
        let secrets = tokio::task::spawn_blocking(move || {
            (0..3)
                .map(|_| {
                    let rotated = rotating.post("/webhook/rotate", 200);
                    assert_eq!(rotated["data"]["confirmed"], true, "{rotated}");
                    rotating.git.hooks()[0].secret.clone().unwrap()
                })
                .collect::<std::collections::HashSet<_>>()
        })
        .await
        .unwrap();
        assert_eq!(secrets.len(), 3, "a new one each time");
        done.store(true, Ordering::Release);
        let sent = stream.await.unwrap();
        assert_eq!(bench.events("push", sent).len(), sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_pushed_as_the_feed_has_it() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let receiver = CodeHost::start().await;
    receiver.on_root("POST", "/events", [Reply::empty(500), Reply::empty(204)]);
    let bench = Bench::with(
        &db,
        &format!(
            "[events]\npush_url = \"{}/events\"\npush_secret = \"{SECRET}\"\n",
            receiver.base_url()
        ),
    )
    .await;
    bench.post("/webhook", 201);
    bench.git.settle().await;
    let told = bench.events("ping", 1);
    // The first attempt is refused, and the second one follows by itself.
    let pushed = timeout(Duration::from_mins(3), async {
        while receiver.calls() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
        receiver.requests()
    });
    for request in pushed.await.unwrap() {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, told[0]);
        assert_eq!(request.header("webhook-id"), told[0]["id"].as_str());
        let signature = request.header("webhook-signature").unwrap();
        assert!(signature.starts_with("v1,"), "{signature}");
    }
    wait_for("a line in the log", || {
        bench.server.log().contains("status 500")
    });
    let log = bench.server.log();
    assert!(!log.contains("BwcHBwcH"), "{log}");
}
