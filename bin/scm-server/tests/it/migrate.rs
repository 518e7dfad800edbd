//! `migrate`, and what `serve` does about pending steps.

use scm_testkit::db::{Backend, TestDb};

use crate::server::{Place, Server, text};

#[test]
fn up_down_status_on_sqlite() {
    let place = Place::new();
    let status = place.run(&["migrate", "status"]);
    assert!(status.status.success(), "{}", text(&status));
    assert!(text(&status).contains("pending  m2"), "{}", text(&status));
    assert!(!text(&status).contains("applied"), "{}", text(&status));
    assert!(!place.path("data").exists(), "whoever looks makes nothing");
    let up = place.run(&["migrate", "up"]);
    assert!(
        up.status.success() && !text(&up).contains("pending"),
        "{}",
        text(&up)
    );
    let refused = place.run(&["migrate", "down"]);
    assert!(!refused.status.success());
    assert!(text(&refused).contains("--yes"), "{}", text(&refused));
    let down = place.run(&["migrate", "down", "--yes"]);
    assert!(down.status.success(), "{}", text(&down));
    assert_eq!(text(&down).matches("pending").count(), 1, "{}", text(&down));
    place.start().kill();
    assert!(!text(&place.run(&["migrate", "status"])).contains("pending"));
}

/// A server database waits to be told; SQLite migrates itself.
async fn waits_to_be_told(backend: Backend) {
    let Some(db) = TestDb::empty(backend).await else {
        return;
    };
    let place = Place::new();
    assert!(
        place
            .run(&["keys", "generate", "--out", "keys"])
            .status
            .success()
    );
    place.write("scm.toml", "keys_file = \"keys\"\n");
    let command = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("SCM_DATABASE__URL", &db.url);
        command
    };
    let mut job = place.command(&["migrate", "status"]);
    let job = job
        .env("SCM_DATABASE__URL", &db.url)
        .env("SCM_KEYS_FILE", "/nonexist")
        .output();
    assert!(job.unwrap().status.success(), "a schema job needs no keys");
    let refused = command(&["serve"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(
        text(&refused).contains("scm-server migrate up"),
        "{}",
        text(&refused)
    );
    drop(Server::start(command(&["serve", "--migrate"])));
    drop(Server::start(command(&[])));

    let foreign = command(&["migrate", "up"])
        .env("SCM_DATABASE__FOREIGN_KEYS", "true")
        .output();
    let foreign = foreign.unwrap();
    assert!(!foreign.status.success(), "there are no parents");
    assert!(text(&foreign).contains("tenants"), "{}", text(&foreign));
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_waits_to_be_told() {
    waits_to_be_told(Backend::Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_waits_to_be_told() {
    waits_to_be_told(Backend::Postgres).await;
}

/// A port that nobody listens at.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_database_that_does_not_answer_is_waited_for() {
    let place = Place::new();
    let keys = place.run(&["keys", "generate", "--out", "keys"]);
    assert!(keys.status.success());
    place.write("scm.toml", "keys_file = \"keys\"\n");
    for arguments in [&["serve"][..], &["migrate", "up"]] {
        for (url, label) in [("postgres", "PostgreSQL"), ("mysql", "MySQL/MariaDB")] {
            let url = format!("{url}://scm:secret-word@127.0.0.1:{}/scm", closed_port());
            let mut command = place.command(arguments);
            let output = command
                .args(["--wait-for-database", "1"])
                .env("SCM_DATABASE__URL", url)
                .output()
                .unwrap();
            let said = text(&output);
            assert!(!output.status.success(), "{said}");
            assert_eq!(
                said.matches("waiting for the database").count(),
                1,
                "{said}"
            );
            let want = format!("{label} did not answer within 1 s");
            assert!(said.contains(&want), "{said}");
            assert!(!said.contains("secret-word"), "{said}");
        }
    }
}
