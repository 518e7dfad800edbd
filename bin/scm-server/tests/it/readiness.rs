//! What a running server stands on is looked at while it runs.

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use serde_json::json;

use crate::{
    rotation::wait_for,
    server::{BASE, Place, Server, text},
};

fn server(db: &TestDb) -> (Place, Server) {
    let place = Place::new();
    let made = place.run(&["keys", "generate", "--out", "master"]);
    assert!(made.status.success(), "{}", text(&made));
    let mut command = place.command(&[]);
    command
        .env("SCM_DATABASE__URL", &db.url)
        .env("SCM_KEYS_FILE", place.path("master"));
    let server = Server::start(command);
    (place, server)
}

on_every_database! {
    async fn a_lost_table_is_noticed_and_named_in_the_log(db: TestDb) {
        let (_place, server) = server(&db);
        let client = server.client();
        assert_eq!(client.get("/readyz").0, 200);
        db.execute_by_hand("DROP TABLE scm_audit_log").await;
        wait_for("the loss to be noticed", || client.get("/readyz").0 == 503);
        let (_, ready) = client.get("/readyz");
        let schema = json!({"name": "schema", "ok": false, "reason": "has lost a table"});
        assert_eq!(ready["checks"][1], schema, "{ready}");
        wait_for("a line in the log that names it", || {
            let log = server.log();
            let mut lines = log.lines().filter(|line| line.contains("tables are missing"));
            lines.any(|line| line.contains("scm_audit_log"))
        });
        // A database that is there keeps the process alive.
        assert_eq!(client.get("/livez").0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_can_be_asked_for_without_their_text() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let (_place, server) = server(&db);
    let client = server.client();
    wait_for("the first figures", || {
        client.text("/metrics").contains("scm_")
    });
    let (status, _) = client.send("HEAD", "/metrics", None).unwrap();
    assert_eq!(status, 200);
    let (status, refused) = client.post("/metrics", &json!({}));
    assert_eq!(
        (status, &refused["code"]),
        (405, &json!("method_not_allowed"))
    );
    let (status, _) = client.get(&format!("{BASE}/providers"));
    assert_eq!(status, 200);
}
