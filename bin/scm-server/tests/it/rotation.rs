//! A place whose keys change: commands about keys, rows and load for the servers beside them.

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
pub(crate) fn assert_no_key(place: &Place, said: &str) {
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
            begin.elapsed() < Duration::from_mins(3),
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
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<usize>>,
}

impl Load {
    pub(crate) fn on(servers: &[&Server], ids: &[String]) -> Self {
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
    pub(crate) fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        let requests = self
            .threads
            .into_iter()
            .map(|thread| thread.join().unwrap());
        requests.sum()
    }
}
