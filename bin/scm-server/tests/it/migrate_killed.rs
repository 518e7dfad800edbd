//! A migration that is killed: the next one goes on from there, or finds that nothing has happened.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use scm_store::DatabaseConnection;
use scm_testkit::{
    db::{Backend, TestDb},
    line::{Line, State},
};
use tokio::time::{sleep, timeout};

use crate::server::{Place, text};

/// Longer than a migration takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

fn migrate(place: &Place, url: &str) -> Command {
    let mut command = place.command(&["migrate", "up"]);
    command
        .env("SCM_DATABASE__URL", url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits until the migration hangs at the line or has ended; true if it hangs.
async fn hangs(line: &Line, child: &mut Child) -> bool {
    let waiting = async {
        loop {
            if line.is_frozen() {
                return true;
            }
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap()
}

/// MySQL and MariaDB commit each schema statement. Each run is killed a few statements further on than
/// the one before, and goes on from where that one was.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_statement_on_mariadb_the_next_one_goes_on() {
    let Some(db) = TestDb::empty(Backend::Mysql).await else {
        return;
    };
    let place = Place::new();
    let line = Line::to(&db).await;
    let (mut kills, mut seen) = (0, Vec::new());
    for messages in 12.. {
        assert!(messages < 400, "it does not come to an end: {seen:?}");
        line.freeze_after(messages);
        let mut child = migrate(&place, &line.url).spawn().unwrap();
        if !hangs(&line, &mut child).await {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "after {kills} kills: {}",
                text(&output)
            );
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        line.set(State::Cut);
        let plain = db.connect().await;
        gone(&plain).await;
        seen.push(
            scm_migrations::status(&plain)
                .await
                .unwrap()
                .pending()
                .count(),
        );
    }
    assert!(kills >= 20, "{kills}: {seen:?}");
    assert!(
        seen.iter().any(|pending| (2..10).contains(pending)),
        "{seen:?}"
    );
    let fresh = TestDb::migrated(Backend::Mysql).await.unwrap();
    assert_eq!(schema(&db).await, schema(&fresh).await);
    // And it is one that a server can work with.
    let made = place.run(&["keys", "generate", "--out", "master"]);
    assert!(made.status.success());
    let mut command = place.command(&[]);
    command
        .env("SCM_DATABASE__URL", &db.url)
        .env("SCM_KEYS_FILE", place.path("master"));
    let server = crate::server::Server::start(command);
    assert_eq!(server.client().get("/readyz").0, 200);
}

/// Waits until the server has seen that the killed one is gone: its lock is free then.
async fn gone(plain: &DatabaseConnection) {
    let lock = "SELECT CAST(IS_FREE_LOCK(CONCAT('scm_migrations:', MD5(DATABASE()))) AS CHAR)";
    let waiting = async {
        while scm_testkit::db::texts(plain, lock).await != ["1"] {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap();
}

/// Every table as the server would make it again, without the database's name.
async fn schema(db: &TestDb) -> Vec<String> {
    let plain = db.connect().await;
    let columns = "SELECT CONCAT_WS('|', table_name, column_name, ordinal_position, column_type, \
                   is_nullable, IFNULL(column_default, '-'), IFNULL(collation_name, '-')) \
                   FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1";
    let indexes = "SELECT CONCAT_WS('|', table_name, index_name, seq_in_index, column_name, non_unique) \
                   FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1";
    let mut lines = scm_testkit::db::texts(&plain, columns).await;
    lines.extend(scm_testkit::db::texts(&plain, indexes).await);
    lines
}

/// SQLite migrates in one transaction: whenever it is killed, all of it has happened or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_time_on_sqlite_all_or_nothing_has_happened() {
    let (mut in_the_middle, mut rounds) = (0, 0);
    while in_the_middle < 3 {
        rounds += 1;
        assert!(
            rounds < 500,
            "none of {rounds} was killed in its transaction"
        );
        let place = Place::new();
        fs::create_dir(place.path("data")).unwrap();
        let file = place.path("data/scm.db");
        let url = format!("sqlite://{}?mode=rwc", file.display());
        let mut child = migrate(&place, &url).spawn().unwrap();
        // The journal is there while a transaction has changed something.
        while !writes(&file) && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        // Sooner and later, as the machine is idle or busy.
        for _ in 0..rounds % 8 * 25 {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let left = writes(&file);
        let status = text(&place_status(&place, &url));
        let applied = status.matches("applied  m").count();
        let pending = status.matches("pending  m").count();
        assert!(applied == 0 || pending == 0, "{status}");
        in_the_middle += usize::from(left && pending > 0);
        let output = migrate(&place, &url).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        assert!(!text(&output).contains("pending"), "{}", text(&output));
    }
}

/// Whether a transaction is under way, or was when its process died.
fn writes(file: &Path) -> bool {
    ["-journal", "-wal"].iter().any(|end| {
        let beside = format!("{}{end}", file.display());
        fs::metadata(beside).is_ok_and(|it| it.len() > 0)
    })
}

fn place_status(place: &Place, url: &str) -> std::process::Output {
    let mut command = place.command(&["migrate", "status"]);
    command.env("SCM_DATABASE__URL", url).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused_with_both_revisions() {
    let place = Place::new();
    let up = place.run(&["migrate", "up"]);
    assert!(up.status.success(), "{}", text(&up));
    let newest = text(&place.run(&["migrate", "status"]));
    let newest = newest
        .lines()
        .rfind(|line| line.starts_with("applied"))
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    let url = format!("sqlite://{}", place.path("data/scm.db").display());
    let later = "INSERT INTO scm_migrations VALUES ('m29990101_000001_later', 0)";
    let options = scm_store::ConnectOptions::default();
    let db = scm_store::connect(&url, &options);
    let db = db.await.unwrap();
    scm_testkit::db::texts(&db, later).await;
    db.close().await.unwrap();
    for arguments in [&["serve"][..], &["migrate", "up"], &["migrate", "status"]] {
        let refused = place.run(arguments);
        assert!(!refused.status.success());
        let said = text(&refused);
        assert!(said.contains("m29990101_000001_later"), "{said}");
        assert!(said.contains(&newest), "{newest}: {said}");
        assert!(said.contains("newer"), "{said}");
    }
}
