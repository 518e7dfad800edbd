//! A new key from its making to the old one's end, while the server works.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use scm_testkit::{
    code_host::{CodeHost, Reply},
    db::{Backend, TestDb},
};
use serde_json::{Value, json};

use crate::server::{BASE, Place, Server, text};

const QUICK: &str = "keys_check_seconds = 1\n[database]\nacquire_timeout_seconds = 2\n\
                     statement_timeout_seconds = 2\n";

/// A place whose servers notice a changed key file soon, and a code host that refuses every token.
pub(crate) struct Rotation {
    pub(crate) place: Place,
    host: CodeHost,
    /// A database, if it is not the server's own one.
    pub(crate) db: Option<TestDb>,
}

impl Rotation {
    /// On SQLite in the data directory, or on a server; `None` if there is none to test on.
    pub(crate) async fn on(backend: Backend) -> Option<Self> {
        if backend == Backend::Sqlite {
            return Some(Self::with(None).await);
        }
        Some(Self::with(Some(TestDb::migrated(backend).await?)).await)
    }

    pub(crate) async fn with(db: Option<TestDb>) -> Self {
        let host = CodeHost::gitlab().await;
        host.on_everything(Reply::fixture("gitlab/user_401"));
        let place = Place::new();
        let hosts = format!(
            "[[hosts]]\nkind = \"gitlab\"\nhost = \"{}\"\nallow_private_addresses = true\n",
            host.base_url(),
        );
        place.write("scm.toml", &format!("{QUICK}{hosts}"));
        let rotation = Self { place, host, db };
        if rotation.db.is_some() {
            std::fs::create_dir(rotation.place.path("data")).unwrap();
            rotation.keys(&["generate", "--out", "data/keys"]);
        }
        rotation
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.place.command(arguments);
        if let Some(db) = &self.db {
            command.env("SCM_DATABASE__URL", &db.url);
            command.env("SCM_KEYS_FILE", self.place.path("data/keys"));
        }
        command
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(self.command(&[]))
    }

    /// Runs `keys` with these arguments; what it printed.
    #[track_caller]
    pub(crate) fn keys(&self, arguments: &[&str]) -> String {
        let output = self
            .command(&[&["keys"], arguments].concat())
            .output()
            .unwrap();
        let said = text(&output);
        assert!(output.status.success(), "{arguments:?}: {said}");
        assert_no_key(&self.place, &said);
        said
    }

    #[track_caller]
    pub(crate) fn list(&self) -> Value {
        let output = self.command(&["keys", "list", "--json"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// By id: whether it is current, its canary, and how many values need it.
    #[track_caller]
    pub(crate) fn listed(&self) -> BTreeMap<String, (bool, String, u64)> {
        self.listed_with(0)
    }

    /// The same where so many values were never sealed.
    #[track_caller]
    pub(crate) fn listed_with(&self, unsealed: u64) -> BTreeMap<String, (bool, String, u64)> {
        let list = self.list();
        assert_eq!(
            (&list["missing"], &list["unsealed"]),
            (&json!([]), &json!(unsealed))
        );
        let keys = list["keys"].as_array().unwrap();
        keys.iter()
            .map(|key| {
                let known = (
                    key["current"].as_bool().unwrap(),
                    key["canary"].as_str().unwrap().to_owned(),
                    key["values"].as_u64().unwrap(),
                );
                (key["id"].as_str().unwrap().to_owned(), known)
            })
            .collect()
    }

    #[track_caller]
    pub(crate) fn current(&self) -> String {
        let mut keys = self.listed().into_iter();
        keys.find(|(_, (current, ..))| *current).unwrap().0
    }
}

/// No key of the file stands in what was printed.
#[track_caller]
fn assert_no_key(place: &Place, said: &str) {
    let file = std::fs::read_to_string(place.path("data/keys")).unwrap();
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        let key = line.split_whitespace().last().unwrap();
        assert!(key.len() > 40 && !said.contains(key), "a key was printed");
    }
}

fn body(rotation: &Rotation, number: usize) -> Value {
    json!({
        "tenantId": format!("t{}", number % 3),
        "scmType": "GITLAB",
        "repositoryUrl": rotation.host.repository_url(&format!("group/app-{number}")),
        "accessToken": format!("glpat-{number}"),
        "refreshToken": format!("refresh-{number}"),
    })
}

/// Rows through the API, two values each, by several clients at once; their ids.
pub(crate) fn fill(rotation: &Rotation, server: &Server, rows: usize) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let client = || {
        let mut ids = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= rows {
                return ids;
            }
            let (status, made) = server.client().post(BASE, &body(rotation, number));
            assert_eq!(status, 201, "{made}");
            ids.push(made["data"]["id"].as_str().unwrap().to_owned());
        }
    };
    thread::scope(|threads| {
        let threads: Vec<_> = (0..4).map(|_| threads.spawn(client)).collect();
        let ids = threads.into_iter().map(|thread| thread.join().unwrap());
        ids.flatten().collect()
    })
}

#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_there() {
        assert!(
            begin.elapsed() < Duration::from_mins(1),
            "{what} did not come"
        );
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Opens a row's token, whoever sealed it, and has the code host refuse it.
#[track_caller]
pub(crate) fn opens(server: &Server, id: &str) {
    let path = format!("{BASE}/{id}/verify");
    let (status, answer) = server.client().send("POST", &path, None).unwrap();
    assert!(status < 500 && status != 404, "{status} {answer}");
}

/// Clients that read, change and check rows until they are told to stop. Any failure of the server
/// fails the test.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<usize>>,
}

impl Load {
    fn on(servers: &[&Server], ids: &[String]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |number: usize| {
            let client = servers[number % servers.len()].client();
            let (stop, ids) = (Arc::clone(&stop), ids.to_owned());
            thread::spawn(move || {
                let mut requests = 0;
                for id in ids.iter().cycle().skip(number * 37) {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let path = format!("{BASE}/{id}");
                    let token = json!({"accessToken": format!("glpat-{number}-{requests}")});
                    let (method, path, body) = match (requests + number) % 3 {
                        0 => ("POST", format!("{path}/verify"), None),
                        1 => ("PATCH", path, Some(&token)),
                        _ => ("GET", path, None),
                    };
                    let (status, answer) = client.send(method, &path, body).unwrap();
                    // A check can find that the token was changed under it.
                    let good = status == 200 || method == "POST" && [409, 422].contains(&status);
                    assert!(good, "{method} {path}: {status} {answer}");
                    requests += 1;
                }
                requests
            })
        };
        let threads = (0..3).map(client).collect();
        Self { stop, threads }
    }

    /// How many requests they made.
    fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        let requests = self
            .threads
            .into_iter()
            .map(|thread| thread.join().unwrap());
        requests.sum()
    }
}

/// The whole way, with two servers on one database and one key file.
fn rotate_under_load(rotation: &Rotation, rows: usize) {
    let one = rotation.start();
    let two = rotation.start();
    let ids = fill(rotation, &one, rows);
    let old = rotation.current();
    let values = 2 * rows as u64;
    let load = Load::on(&[&one, &two], &ids);

    rotation.keys(&["generate", "--add", "--id", "fresh"]);
    let both = format!("keys=\"{old}, fresh\"");
    wait_for("the added key", || {
        [&one, &two]
            .iter()
            .all(|server| server.log().contains(&both))
    });
    let listed = rotation.listed();
    assert_eq!(listed["fresh"], (false, "no".to_owned(), 0));
    assert_eq!(listed[&old], (true, "yes".to_owned(), values));

    let said = rotation.keys(&["promote", "fresh"]);
    assert!(said.contains("fresh is the current key of"), "{said}");
    one.signal("HUP");
    let begin = Instant::now();
    let said = rotation.keys(&["rewrap", "--batch", "50"]);
    println!("{rows} rows were sealed anew in {:?}", begin.elapsed());
    assert!(said.contains("with the key fresh"), "{said}");
    let listed = rotation.listed();
    assert_eq!(listed[&old], (false, "yes".to_owned(), 0), "{listed:?}");
    assert_eq!(listed["fresh"], (true, "yes".to_owned(), values));

    let said = rotation.keys(&["retire", &old]);
    assert!(said.contains(&format!("the key {old} is gone")), "{said}");
    wait_for("the file without the old key", || {
        [&one, &two]
            .iter()
            .all(|server| server.log().contains("keys=\"fresh\""))
    });
    assert_eq!(rotation.listed().len(), 1);
    let requests = load.end();
    println!("{requests} requests were made meanwhile");
    assert!(requests > 50, "{requests}");
    for server in [&one, &two] {
        assert_eq!(server.client().get("/readyz").0, 200);
        let log = server.log();
        assert!(
            !log.contains("cannot be opened") && !log.contains("cannot be taken"),
            "{log}"
        );
        assert_no_key(&rotation.place, &log);
    }
    one.kill();
    two.kill();
    // With the new key alone everything is there.
    let server = rotation.start();
    for id in ids.iter().step_by(10) {
        opens(&server, id);
    }
    assert!(!server.log().contains("cannot be opened"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_a_key_takes_over() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || rotate_under_load(&rotation, 500);
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// `cargo test --release -p scm-server --test it -- --ignored --nocapture ten_thousand`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn ten_thousand_rows() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || rotate_under_load(&rotation, 10_000);
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_on_a_server_database() {
    let mut running = Vec::new();
    for backend in [Backend::Mysql, Backend::Postgres] {
        if let Some(rotation) = Rotation::on(backend).await {
            let work = move || rotate_under_load(&rotation, 60);
            running.push(tokio::task::spawn_blocking(work));
        }
    }
    for work in running {
        work.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_step_a_key_is_first_read_with() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || {
        let server = rotation.start();
        let ids = fill(&rotation, &server, 3);
        let old = rotation.current();
        let said = rotation.keys(&["generate", "--promote", "--id", "fresh"]);
        assert!(
            said.contains("Servers seal with fresh as soon as"),
            "{said}"
        );
        wait_for("the new key", || server.log().contains("a new current key"));
        assert_eq!(rotation.listed()["fresh"], (true, "no".to_owned(), 0));
        let keys = format!("keys=\"fresh, {old}\"");
        wait_for("the new key's use", || server.log().contains(&keys));
        let path = format!("{BASE}/{}", ids[0]);
        let change = json!({"accessToken": "glpat-new"});
        assert_eq!(
            server
                .client()
                .send("PATCH", &path, Some(&change))
                .unwrap()
                .0,
            200
        );
        assert_eq!(rotation.listed()["fresh"], (true, "yes".to_owned(), 1));
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lost_a_needed_key_is_refused() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || {
        let server = rotation.start();
        let ids = fill(&rotation, &server, 3);
        let path = rotation.place.path("data/keys");
        let good = std::fs::read_to_string(&path).unwrap();
        let old = rotation.current();
        let other = format!("* {old}x BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\n");
        for (bad, want) in [
            (other.as_str(), format!("it needs {old}, given are {old}x")),
            ("hunter2", "line 1 is not".to_owned()),
        ] {
            std::fs::write(&path, bad).unwrap();
            wait_for("the refusal", || server.log().contains(&want));
            opens(&server, &ids[0]);
            let change = json!({"accessToken": "glpat-new"});
            let row = format!("{BASE}/{}", ids[1]);
            assert_eq!(
                server
                    .client()
                    .send("PATCH", &row, Some(&change))
                    .unwrap()
                    .0,
                200
            );
        }
        std::fs::remove_file(&path).unwrap();
        wait_for("the refusal", || {
            server.log().contains("the key file cannot be read")
        });
        let times = |server: &Server| server.log().matches("the keys cannot be taken").count();
        assert_eq!(times(&server), 3, "once for each problem");
        std::fs::write(&path, &good).unwrap();
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, owner_only).unwrap();
        server.signal("HUP");
        wait_for("the keys", || server.log().contains("the keys in use"));
        let log = server.log();
        assert!(!log.contains("hunter2") && !log.contains("BAQE"), "{log}");
        opens(&server, &ids[1]);
        assert_eq!(server.client().get("/readyz").0, 200);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
