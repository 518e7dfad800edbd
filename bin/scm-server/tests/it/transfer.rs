//! `export` and `import`: from each kind of database into each, killed half-way, and what is refused.

#[cfg(debug_assertions)]
use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};
use std::{
    path::PathBuf,
    process::{Command, Output},
};

use scm_testkit::db::{Backend, TestDb};
use serde_json::json;

use crate::server::{BASE, Place, Server, mode, text};

/// A database with keys and a place for files.
struct Side {
    place: Place,
    db: TestDb,
}

impl Side {
    /// A migrated database; `None` if there is no server for it.
    async fn new(backend: Backend) -> Option<Self> {
        let db = TestDb::migrated(backend).await?;
        let place = Place::new();
        let made = place.run(&["keys", "generate", "--out", "master"]);
        assert!(made.status.success(), "{}", text(&made));
        Some(Self { place, db })
    }

    /// With these keys in the place of its own.
    async fn with_keys_of(backend: Backend, other: &Self) -> Option<Self> {
        let side = Self::new(backend).await?;
        std::fs::copy(other.place.path("master"), side.place.path("master")).unwrap();
        Some(side)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("SCM_DATABASE__URL", &self.db.url)
            .env("SCM_KEYS_FILE", self.place.path("master"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn works(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert!(done.status.success(), "{arguments:?}: {}", text(&done));
        text(&done)
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], wants: &[&str]) {
        let done = self.run(arguments);
        assert!(!done.status.success(), "{arguments:?}: {}", text(&done));
        for want in wants {
            assert!(text(&done).contains(want), "{want}: {}", text(&done));
        }
    }

    fn start(&self) -> Server {
        Server::start(self.command(&[]))
    }

    /// Works with the database as a server: integrations, an API key, a removed connection and its audit
    /// log. Gives the ids of two that stay.
    fn used(&self) -> Vec<String> {
        let mut server = self.start();
        let client = server.client();
        let connect = |name: &str, display: &str| {
            let body = json!({
                "tenantId": "tenant-1", "scmType": "GITHUB", "displayName": display,
                "repositoryUrl": format!("https://github.com/octo/{name}"), "accessToken": "ghp_token",
            });
            let (status, answer) = client.post(BASE, &body);
            assert_eq!(status, 201, "{answer}");
            answer["data"]["id"].as_str().unwrap().to_owned()
        };
        let ids = vec![
            connect("one", "plain"),
            connect("two", "Ünï \"🦀\" 日本\\ 'x'"),
        ];
        let gone = connect("three", "gone");
        assert_eq!(
            client
                .send("DELETE", &format!("{BASE}/{gone}"), None)
                .unwrap()
                .0,
            200
        );
        server.signal("TERM");
        assert!(server.wait().success());
        let key = ["api-keys", "create", "--name", "Bot", "--account", "acc"];
        self.works(&key);
        ids
    }

    /// Everything as it is told by a server with this database.
    fn told(&self, ids: &[String]) -> Vec<serde_json::Value> {
        let server = self.start();
        let client = server.client();
        let mut told: Vec<_> = ids
            .iter()
            .flat_map(|id| [format!("{BASE}/{id}"), format!("{BASE}/{id}/audit")])
            .map(|path| {
                let (status, answer) = client.get(&path);
                assert_eq!(status, 200, "{answer}");
                answer
            })
            .collect();
        told.push(client.get(&format!("{BASE}?tenantId=tenant-1")).1);
        told
    }
}

/// A file with the rows of a database that was worked with.
async fn exported(backend: Backend) -> Option<(Side, PathBuf, Vec<String>)> {
    let source = Side::new(backend).await?;
    let ids = source.used();
    let said = source.works(&["export", "rows.jsonl"]);
    assert!(said.contains("the keys are not in it"), "{said}");
    let file = source.place.path("rows.jsonl");
    assert_eq!(mode(&file), 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("ghp_token"));
    Some((source, file, ids))
}

/// From one kind into every kind.
async fn goes_everywhere(from: Backend) {
    let Some((source, file, ids)) = exported(from).await else {
        return;
    };
    let file = file.to_str().unwrap();
    let wanted = source.told(&ids);
    for into in Backend::ALL {
        let Some(target) = Side::with_keys_of(into, &source).await else {
            continue;
        };
        let look = target.works(&["import", file, "--dry-run"]);
        assert!(look.contains("would import"), "{from} into {into}: {look}");
        #[cfg(debug_assertions)]
        killed_on_the_way(&target, file);
        let said = target.works(&["import", file]);
        assert!(said.contains("have the counts and digests"), "{said}");
        target.refused(&["import", file], &["is not empty"]);
        // The way back: the same rows, whatever database they come from.
        target.works(&["export", "again.jsonl"]);
        let frames = |file: &str| {
            let text = std::fs::read_to_string(file).unwrap();
            let frames = text.lines().filter(|line| line.contains("\"digest\""));
            // The last one is of the header, too, which has the time.
            let mut frames: Vec<_> = frames.map(str::to_owned).collect();
            frames.pop();
            frames
        };
        let again = target.place.path("again.jsonl");
        assert_eq!(
            frames(file),
            frames(again.to_str().unwrap()),
            "{from} into {into}"
        );
        assert_eq!(target.told(&ids), wanted, "{from} into {into}");
        target.works(&["audit", "verify"]);
        let usage = target.works(&["keys", "list"]);
        assert!(!usage.contains("MISSING"), "{usage}");
    }
}

/// Killed at each step, it goes on; meanwhile nobody works with what is there.
#[cfg(debug_assertions)]
fn killed_on_the_way(target: &Side, file: &str) {
    for (point, time) in [
        ("import:marked", 1),
        ("import:batch", 1),
        ("import:batch", 2),
        ("import:rows-done", 1),
        ("import:verified", 1),
    ] {
        killed_at(target, &["import", file], point, time);
        for command in [&["serve"][..], &["migrate", "up"], &["keys", "list"]] {
            target.refused(command, &["was begun and is not finished"]);
        }
    }
}

#[cfg(debug_assertions)]
#[track_caller]
fn killed_at(side: &Side, arguments: &[&str], point: &str, time: u32) {
    let mut child = side
        .command(arguments)
        .env("SCM_TEST_FAULT", format!("{point}:{time}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said: Vec<_> = lines
        .map_while(Result::ok)
        .take_while(|line| *line != format!("fault: {point}"))
        .collect();
    let reached = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reached, "{point} was not reached: {said:?}");
}

/// An export that was killed is begun anew: the file is there as a whole or not at all.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_export_leaves_no_file() {
    for backend in Backend::ALL {
        let Some(source) = Side::new(backend).await else {
            continue;
        };
        source.used();
        killed_at(&source, &["export", "rows.jsonl"], "export:table", 5);
        assert!(!source.place.path("rows.jsonl").exists());
        source.works(&["export", "rows.jsonl"]);
        assert!(!source.place.path("rows.jsonl.draft").exists());
        let target = Side::with_keys_of(Backend::Sqlite, &source).await.unwrap();
        let file = source.place.path("rows.jsonl");
        target.works(&["import", file.to_str().unwrap()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_sqlite_into_every_kind() {
    goes_everywhere(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_mysql_into_every_kind() {
    goes_everywhere(Backend::Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_postgres_into_every_kind() {
    goes_everywhere(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_as_it_was_written_is_refused() {
    let (source, file, _) = exported(Backend::Sqlite).await.unwrap();
    let target = Side::with_keys_of(Backend::Sqlite, &source).await.unwrap();
    let good = std::fs::read_to_string(&file).unwrap();
    let without_last = good.trim_end().rsplit_once('\n').unwrap().0;
    let row = good.lines().find(|line| line.contains("octo/one")).unwrap();
    let flipped = good.replacen("octo/one", "octo/0ne", 1);
    let cases = [
        ("", "no export of this service"),
        ("nothing", "no export of this service"),
        ("{\"format\":\"other\"}\n", "no export of this service"),
        (&good[..good.len() / 2], "ends early"),
        (&format!("{without_last}\n"), "ends early"),
        (without_last, "ends early"),
        (&flipped, "are not those it counted"),
        (
            &good.replacen(&format!("{row}\n"), "", 1),
            "are not those it counted",
        ),
        (
            &good.replacen(row, &format!("{row}\n{row}"), 1),
            "are not those it counted",
        ),
        (
            &good.replacen("\"version\":1", "\"version\":2", 1),
            "the format 2",
        ),
        (
            &good.replacen("madeAt\":\"2", "madeAt\":\"3", 1),
            "not the one that was ended here",
        ),
        (
            &good.replacen("_api_keys\"", "_newer\"", 1),
            "its schema is at",
        ),
        (&format!("{good}\n"), "something stands behind the end"),
    ];
    for (content, want) in cases {
        target.place.write("bad.jsonl", content);
        target.refused(
            &["import", "bad.jsonl"],
            &["bad.jsonl was not imported", want],
        );
    }
    target.refused(
        &["import", "missing.jsonl"],
        &["missing.jsonl cannot be used"],
    );
    // None of that has written anything.
    target.works(&["import", file.to_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_belong_together_is_refused() {
    let (source, file, _) = exported(Backend::Sqlite).await.unwrap();
    let file = file.to_str().unwrap();
    let stranger = Side::new(Backend::Sqlite).await.unwrap();
    stranger.refused(
        &["import", file],
        &["the keys of the settings are not the ones that it was sealed with"],
    );
    source.refused(&["export", "rows.jsonl"], &["rows.jsonl is there already"]);

    let target = Side::with_keys_of(Backend::Sqlite, &source).await.unwrap();
    let server = target.start();
    target.refused(&["import", file], &["stop the server first", "is in use"]);
    server.kill();
    target.refused(&["import", file], &["empty"]);

    let older = Side::with_keys_of(Backend::Sqlite, &source).await.unwrap();
    older.works(&["migrate", "down", "--yes"]);
    older.refused(&["import", file], &["schema steps are pending"]);

    let place = Place::new();
    for arguments in [&["export", "x.jsonl"][..], &["import", file]] {
        let mut command = place.command(arguments);
        let done = command
            .env("SCM_KEYS_FILE", source.place.path("master"))
            .output()
            .unwrap();
        assert!(
            text(&done).contains("there is no database at"),
            "{}",
            text(&done)
        );
    }
    assert!(!place.path("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_works_with_the_target_is_noticed() {
    for backend in [Backend::Mysql, Backend::Postgres] {
        let (source, file, _) = exported(Backend::Sqlite).await.unwrap();
        let Some(target) = Side::with_keys_of(backend, &source).await else {
            continue;
        };
        let server = target.start();
        target.refused(&["import", file.to_str().unwrap()], &["is not empty"]);
        assert_eq!(server.client().get("/readyz").0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_clear_is_not_written() {
    let (source, _, ids) = exported(Backend::Sqlite).await.unwrap();
    let sql = format!(
        "UPDATE tenant_scm_integrations SET refreshToken = 'hunter2' WHERE id = '{}'",
        ids[0]
    );
    source.db.execute_by_hand(&sql).await;
    source.refused(
        &["export", "clear.jsonl"],
        &[
            "clear.jsonl was not written",
            "refreshToken that is not sealed",
        ],
    );
    let left = std::fs::read_dir(source.place.path("")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert!(!format!("{left:?}").contains("clear"), "{left:?}");
}
