//! `doctor`: each thing that can be wrong is found, named and told how to mend.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use scm_testkit::{
    code_host::{CodeHost, Reply},
    db::{Backend, TestDb},
    on_every_database,
};
use serde_json::{Value, json};

use crate::server::{BASE, Place, text};

/// Far more than every limit together, for a machine that is busy.
const BOUNDED: Duration = Duration::from_mins(3);

/// A place with a code host of its own: no other is called.
struct Patient {
    place: Place,
    host: CodeHost,
    db: Option<TestDb>,
}

impl Patient {
    async fn new() -> Self {
        let host = CodeHost::gitlab().await;
        host.on_everything(Reply::fixture("gitlab/user_401"));
        let patient = Self {
            place: Place::new(),
            host,
            db: None,
        };
        patient.configure("");
        patient
    }

    /// With a server database, and keys for it.
    async fn on(db: TestDb) -> Self {
        let patient = Self {
            db: Some(db),
            ..Self::new().await
        };
        let made = patient.place.run(&["keys", "generate", "--out", "master"]);
        assert!(made.status.success(), "{}", text(&made));
        patient
    }

    /// Settings before the hosts.
    fn configure(&self, more: &str) {
        let toml = format!(
            "{more}\n[[hosts]]\nkind = \"gitlab\"\nhost = \"{}\"\nallow_private_addresses = true\n",
            self.host.base_url()
        );
        self.place.write("scm.toml", &toml);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        if let Some(db) = &self.db {
            command.env("SCM_DATABASE__URL", &db.url);
            command.env("SCM_KEYS_FILE", self.place.path("master"));
        }
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) {
        let done = self.command(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", text(&done));
    }

    #[track_caller]
    fn examined(&self) -> Found {
        Found::of(self.command(&["doctor", "--json"]))
    }
}

/// What `doctor --json` said.
struct Found {
    code: i32,
    report: Value,
}

impl Found {
    #[track_caller]
    fn of(mut command: Command) -> Self {
        let begun = Instant::now();
        let done = command.output().unwrap();
        assert!(begun.elapsed() < BOUNDED, "{:?}", begun.elapsed());
        let report = serde_json::from_slice(&done.stdout);
        let report: Value = report.unwrap_or_else(|_| panic!("{}", text(&done)));
        assert!(!text(&done).contains("secret-word"), "{report}");
        let code = done.status.code().unwrap();
        let worst = report["status"].as_str().unwrap();
        assert_eq!(code == 0, worst != "fail", "{report}");
        for check in report["checks"].as_array().unwrap() {
            let fine = check["status"] == "ok";
            assert_eq!(
                check["fix"].is_null(),
                fine,
                "whatever is wrong has a fix: {check}"
            );
        }
        Self { code, report }
    }

    #[track_caller]
    fn check(&self, name: &str) -> &Value {
        let mut checks = self.report["checks"].as_array().unwrap().iter();
        let found = checks.find(|check| check["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}: {:#}", self.report))
    }

    /// The check has this status and says this.
    #[track_caller]
    fn is(&self, name: &str, status: &str, says: &str) {
        let check = self.check(name);
        assert_eq!(check["status"], status, "{check:#}");
        let message = check["message"].as_str().unwrap();
        assert!(message.contains(says), "{says}: {message}");
    }

    /// The names of what fails.
    fn failing(&self) -> Vec<&str> {
        let checks = self.report["checks"].as_array().unwrap().iter();
        checks
            .filter(|check| check["status"] == "fail")
            .map(|check| check["name"].as_str().unwrap())
            .collect()
    }
}

fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_first_start_nothing_fails_and_nothing_is_made() {
    let patient = Patient::new().await;
    let found = patient.examined();
    assert_eq!(found.code, 0, "{:#}", found.report);
    found.is(
        "database",
        "warn",
        "there is no database at data/scm.db yet",
    );
    found.is("keys", "warn", "there is no key file at data/keys yet");
    found.is("host", "ok", "answered in");
    assert!(!patient.place.path("data").exists());
    let text = text(&patient.place.run(&["doctor"]));
    assert!(
        text.contains("ok    settings: the settings can be used\n"),
        "{text}"
    );
    assert!(text.contains("warn  database: "), "{text}");
    assert!(text.contains(" 0 fail\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_server_everything_is_fine() {
    let patient = Patient::new().await;
    let server = patient.place.start();
    let listen = format!("127.0.0.1:{}", server.port);
    let examined = |listen: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scm-server"));
        command
            .current_dir(patient.place.path(""))
            .env_clear()
            .args([
                "--data-dir",
                "data",
                "--config",
                "scm.toml",
                "--listen",
                listen,
            ])
            .args(["doctor", "--json"])
            .stdin(Stdio::null());
        Found::of(command)
    };
    let found = examined(&listen);
    assert_eq!(found.code, 0, "{:#}", found.report);
    found.is("listener", "ok", "is ready");
    for name in [
        "settings",
        "database",
        "database_settings",
        "encoding",
        "schema",
        "keys",
    ] {
        found.is(name, "ok", "");
    }
    assert_eq!(
        found.check("database_settings")["details"]["journalMode"],
        "wal"
    );
    found.is("sealed_values", "ok", "values are sealed with");
    found.is("host", "ok", "without TLS");
    assert_eq!(found.check("host")["details"]["httpStatus"], 401);
    assert_eq!(server.client().get("/readyz").0, 200);

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    // Whoever it is, it is no server of ours.
    std::thread::spawn(move || other.incoming().for_each(drop));
    examined(&address).is("listener", "fail", "something else listens on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_servers_database_is_left_as_it_is() {
    let patient = Patient::new().await;
    let mut server = patient.place.start();
    server.signal("TERM");
    assert!(server.wait().success());
    let files = || {
        let directory = std::fs::read_dir(patient.place.path("data")).unwrap();
        let files = directory.map(|file| file.unwrap());
        let mut files: Vec<_> = files
            .map(|file| (file.file_name(), std::fs::read(file.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = files();
    let found = patient.examined();
    assert_eq!(found.failing(), Vec::<&str>::new(), "{:#}", found.report);
    found.is("schema", "ok", "it is at m2");
    assert!(files() == before, "a file was made or changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_database_is_named_and_the_rest_is_told() {
    let patient = Patient::new().await;
    patient.configure("[database]\nacquire_timeout_seconds = 1\n");
    patient.run(&["keys", "generate", "--out", "master"]);
    let frozen = TcpListener::bind("127.0.0.1:0").unwrap();
    let frozen = frozen
        .local_addr()
        .map(|address| (frozen, address.port()))
        .unwrap();
    for scheme in ["mysql", "postgres"] {
        for (port, says) in [
            (closed_port(), "the connection broke or was refused"),
            (frozen.1, "the server does not answer"),
        ] {
            let mut command = patient.place.command(&["doctor", "--json"]);
            command
                .env(
                    "SCM_DATABASE__URL",
                    format!("{scheme}://scm:secret-word@127.0.0.1:{port}/scm"),
                )
                .env("SCM_KEYS_FILE", "master");
            let found = Found::of(command);
            assert_eq!((found.code, found.failing()), (1, vec!["database"]));
            found.is("database", "fail", says);
            found.is("keys", "ok", "were not compared");
            found.is("host", "ok", "answered");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_cannot_be_reached_are_named() {
    let patient = Patient::new().await;
    patient.configure("[providers]\nrequest_timeout_seconds = 1\nconnect_timeout_seconds = 1\n");
    let dead = format!("http://127.0.0.1:{}", closed_port());
    let config = std::fs::read_to_string(patient.place.path("scm.toml")).unwrap();
    let more = format!(
        "{config}[[hosts]]\nkind = \"gitlab\"\nhost = \"{dead}\"\nallow_private_addresses = true\n\
         [[hosts]]\nkind = \"gitlab\"\nhost = \"http://127.0.0.1:9\"\n"
    );
    patient.place.write("scm.toml", &more);
    patient.host.on_everything(Reply::never());
    let found = patient.examined();
    assert_eq!(found.failing(), ["host"; 3], "{:#}", found.report);
    let hosts = found.report["checks"].as_array().unwrap().iter();
    let said: Vec<_> = hosts
        .filter(|check| check["name"] == "host")
        .map(|check| check["message"].as_str().unwrap())
        .collect();
    assert!(
        said[0].starts_with("The code host did not answer in time"),
        "{said:?}"
    );
    assert!(
        said[1].starts_with("The code host could not be reached"),
        "{said:?}"
    );
    let fix = found.report["checks"].as_array().unwrap().last().unwrap();
    assert!(
        fix["fix"]
            .as_str()
            .unwrap()
            .contains("allow_private_addresses"),
        "{fix}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_not_the_hosts_is_noticed() {
    let patient = Patient::new().await;
    let answer = Reply::fixture("gitlab/user_401");
    let long_ago = "Sun, 31 Jan 2021 09:00:00 GMT";
    patient.host.on_everything(answer.header("date", long_ago));
    let found = patient.examined();
    assert_eq!(found.failing(), ["clock"], "{:#}", found.report);
    found.is("clock", "fail", "ahead of");
    patient.host.on_everything(Reply::text(503, "no"));
    patient.examined().is("host", "warn", "with the status 503");
}

/// Name and material of the current key of a file.
fn current(file: &str) -> (String, String) {
    let line = file.lines().find(|line| line.starts_with('*')).unwrap();
    let mut words = line.split_whitespace().skip(1).map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_not_the_databases_are_named() {
    let patient = Patient::new().await;
    let path = patient.place.path("data/keys");
    patient.place.start().kill();
    let good = std::fs::read_to_string(&path).unwrap();
    let (id, material) = current(&good);

    std::fs::remove_file(&path).unwrap();
    let found = patient.examined();
    assert_eq!(found.failing(), ["keys"], "{:#}", found.report);
    found.is("keys", "fail", &format!("the database needs {id}"));
    assert!(!path.exists(), "none is made");

    patient.run(&["keys", "generate", "--out", "data/keys"]);
    let other = std::fs::read_to_string(&path).unwrap();
    let found = patient.examined();
    found.is("keys", "fail", &format!("lacks the keys {id}"));
    assert_eq!(found.check("keys")["details"]["missing"], json!([id]));

    let (other_id, other_material) = current(&other);
    std::fs::write(&path, other.replace(&other_id, &id)).unwrap();
    let found = patient.examined();
    found.is("keys", "fail", "other keys have the names");
    assert_eq!(found.check("keys")["details"]["wrong"], json!([id]));
    let text = found.report.to_string();
    for key in [material, other_material] {
        assert!(!text.contains(&key), "a key is never told");
    }

    let mut command = patient.command(&["doctor", "--json"]);
    let found = Found::of({
        command.env("SCM_KEYS_FILE", "nowhere");
        command
    });
    found.is("keys", "fail", "nowhere (keys_file)");
}

#[tokio::test(flavor = "multi_thread")]
async fn values_under_an_old_key_and_in_clear_are_counted() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let patient = Patient::on(db).await;
    let server = crate::server::Server::start(patient.command(&[]));
    for name in ["one", "two"] {
        let body = json!({
            "tenantId": "t", "scmType": "GITLAB", "accessToken": "glpat-secret-word",
            "repositoryUrl": format!("{}/octo/{name}", patient.host.base_url()),
        });
        assert_eq!(server.client().post(BASE, &body).0, 201);
    }
    server.kill();
    patient.run(&["keys", "generate", "--promote", "--id", "fresh"]);
    let found = patient.examined();
    found.is("keys", "warn", "a new current key");
    found.is(
        "sealed_values",
        "warn",
        "2 of 2 values are sealed with keys before fresh",
    );
    let db = patient.db.as_ref().unwrap();
    db.execute_by_hand("UPDATE tenant_scm_integrations SET refreshToken = 'secret-word'")
        .await;
    let found = patient.examined();
    found.is("sealed_values", "warn", "2 values are not sealed");
    assert_eq!(found.check("sealed_values")["details"]["unsealed"], 2);
}

on_every_database! {
    async fn a_schema_that_is_not_this_programs_is_named(db: TestDb) {
        let patient = Patient::on(db).await;
        let db = patient.db.as_ref().unwrap();
        patient.examined().is("schema", "ok", "it is at m2");
        patient.run(&["migrate", "down", "--yes"]);
        // The embedded one is brought up to date by the next start.
        let status = if db.backend == Backend::Sqlite { "warn" } else { "fail" };
        let found = patient.examined();
        found.is("schema", status, "the database is at m2");
        let details = &found.check("schema")["details"];
        assert_eq!(details["pending"], 1);
        assert_ne!(details["database"], details["program"]);

        patient.run(&["migrate", "up"]);
        db.execute_by_hand("DROP TABLE scm_jobs").await;
        patient.examined().is("schema", "fail", "tables are missing: scm_jobs");
        db.execute_by_hand(
            "INSERT INTO scm_migrations (version, applied_at) VALUES ('m20990101_000001_new', 0)",
        )
        .await;
        let found = patient.examined();
        found.is("schema", "fail", "the database is at m20990101_000001_new, this program at m2");
        assert_eq!(found.code, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_latin1_database_is_noticed() {
    let Some(db) = TestDb::empty(Backend::Mysql).await else {
        return;
    };
    db.execute_by_hand("ALTER DATABASE CHARACTER SET latin1")
        .await;
    let patient = Patient::on(db).await;
    patient.run(&["migrate", "up"]);
    let found = patient.examined();
    found.is("encoding", "warn", "the database's character set is latin1");
    let db = patient.db.as_ref().unwrap();
    db.execute_by_hand("ALTER TABLE scm_known_refs CONVERT TO CHARACTER SET latin1")
        .await;
    let found = patient.examined();
    found.is(
        "encoding",
        "fail",
        "cannot hold every script: scm_known_refs.",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_told_in_the_same_shape() {
    let patient = Patient::new().await;
    patient.configure("keys_check_seconds = 0\nworkers = 5000");
    let found = patient.examined();
    assert_eq!((found.code, found.failing()), (78, vec!["settings"; 2]));
    found.is(
        "settings",
        "fail",
        "keys_check_seconds: must be from 1 to 3600",
    );
    let text = text(&patient.place.run(&["doctor"]));
    assert!(text.contains("fail  settings: workers: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_secrets_that_others_can_read_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let patient = Patient::new().await;
    let secret = patient.place.write("url", "sqlite://data/scm.db?mode=rwc");
    patient.configure("[database]\nurl_file = \"url\"\n");
    for (mode, status) in [(0o644, "warn"), (0o640, "ok"), (0o600, "ok")] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
        let found = patient.examined();
        found.is("secret_file", status, "url can be read");
        assert_eq!(found.check("secret_file")["subject"], "database.url_file");
    }
}
