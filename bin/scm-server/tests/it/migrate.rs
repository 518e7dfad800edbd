//! `migrate`, and what `serve` does about pending steps.

use scm_testkit::db::{Backend, TestDb};

use crate::server::{Place, Server, text};

#[test]
fn up_down_status_on_sqlite() {
    let place = Place::new();
    let status = place.run(&["migrate", "status"]);
    assert!(text(&status).contains("pending  m2"), "{}", text(&status));
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
