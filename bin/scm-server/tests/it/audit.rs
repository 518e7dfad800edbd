//! `audit verify` as its operator meets it, beside a server and behind its back.

use scm_testkit::db::{Backend, TestDb};
use serde_json::{Value, json};

use crate::server::{BASE, Place, text};

fn body(tenant: &str, repository: &str) -> Value {
    json!({
        "tenantId": tenant,
        "scmType": "GITHUB",
        "repositoryUrl": format!("https://github.com/octo/{repository}"),
        "accessToken": "ghp_testtoken123",
    })
}

/// The server and its commands on a database of the test.
fn configured(db: &TestDb) -> Place {
    let place = Place::new();
    let made = place.run(&["keys", "generate", "--out", "master"]);
    assert!(made.status.success(), "{}", text(&made));
    // Background work would look at the connections, and that is noted, too.
    let toml = format!(
        "keys_file = \"master\"\n[database]\nurl = \"{}\"\n[jobs]\nenabled = false\n",
        db.url
    );
    place.write("scm.toml", &toml);
    place
}

fn said_to_people(place: &Place) -> String {
    text(&place.run(&["audit", "verify"]))
}

async fn verified(backend: Backend) {
    let Some(db) = TestDb::migrated(backend).await else {
        return;
    };
    let place = configured(&db);
    let server = place.start();
    let client = server.client();
    for (tenant, repository) in [("t1", "a"), ("t1", "b"), ("t2", "a")] {
        let (status, answer) = client.post(BASE, &body(tenant, repository));
        assert_eq!(status, 201, "{answer}");
    }

    let good = place.run(&["audit", "verify"]);
    let said = text(&good);
    assert!(good.status.success(), "{said}");
    assert!(
        said.contains("2 chains with 3 rows were looked at; 0 are broken"),
        "{said}"
    );
    let listed = place.run(&["audit", "verify", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        (&listed["rowCount"], &listed["brokenCount"]),
        (&json!(3), &json!(0))
    );
    let head = &listed["chains"][0];
    assert_eq!(
        (&head["tenant"], &head["head"]["sequence"]),
        (&json!("t1"), &json!(2))
    );
    let known = format!("t1=2:{}", head["head"]["hash"].as_str().unwrap());
    let same = place.run(&["audit", "verify", "--tenant", "t1", "--expect-head", &known]);
    assert!(same.status.success(), "{}", text(&same));

    // Behind the server's back, while it runs.
    db.execute_by_hand("UPDATE scm_audit_log SET outcome = 'failed' WHERE sequence = 2")
        .await;
    let broken = place.run(&["audit", "verify"]);
    let said = text(&broken);
    assert_eq!(broken.status.code(), Some(1), "{said}");
    assert!(
        said.contains(
            "broken: tenant t1, row 2: was changed, or does not follow from the row before it"
        ),
        "{said}"
    );
    let broken = place.run(&["audit", "verify", "--json"]);
    assert_eq!(broken.status.code(), Some(1));
    let broken: Value = serde_json::from_slice(&broken.stdout).unwrap();
    assert_eq!(broken["chains"][0]["faults"][0]["fault"], "changed");
    assert_eq!(broken["chains"][0]["faults"][0]["sequence"], 2);
    assert_eq!(broken["chains"][1]["broken"], false);
    assert!(said_to_people(&place).contains("2 chains with 3 rows were looked at; 1 is broken"));
    let other = place.run(&["audit", "verify", "--tenant", "t2"]);
    let said = text(&other);
    assert!(other.status.success(), "{said}");
    assert!(
        said.contains("1 chain with 1 row was looked at; 0 are broken"),
        "{said}"
    );

    // The end is cut off together with the head: only what was kept elsewhere tells.
    db.execute_by_hand("DELETE FROM scm_audit_log WHERE sequence = 2")
        .await;
    let back = match backend {
        Backend::Mysql => "`tenantId`",
        _ => "\"tenantId\"",
    };
    db.execute_by_hand(&format!(
        "UPDATE scm_audit_heads SET sequence = 1, hash = (SELECT hash FROM scm_audit_log WHERE \
         {back} = 't1' AND sequence = 1) WHERE {back} = 't1'"
    ))
    .await;
    let whole = place.run(&["audit", "verify"]);
    assert!(whole.status.success(), "{}", text(&whole));
    let kept = place.run(&["audit", "verify", "--expect-head", &known]);
    let said = text(&kept);
    assert_eq!(kept.status.code(), Some(1), "{said}");
    assert!(
        said.contains("tenant t1, row 2: is not the row that is known from elsewhere"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_on_sqlite() {
    verified(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_on_mysql() {
    verified(Backend::Mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_on_postgres() {
    verified(Backend::Postgres).await;
}

#[test]
fn what_cannot_be_looked_at_is_told() {
    let place = Place::new();
    place.start().kill();
    let nobody = place.run(&["audit", "verify", "--tenant", "nobody"]);
    assert_eq!(nobody.status.code(), Some(1));
    let said = text(&nobody);
    assert!(
        said.contains("there is no audit log of the tenant nobody"),
        "{said}"
    );
    for wrong in ["t1", "t1=2", "t1=2:abc", "t1=0:", "=1:x"] {
        let refused = place.run(&["audit", "verify", "--expect-head", wrong]);
        let said = text(&refused);
        assert!(!refused.status.success(), "{wrong}");
        assert!(said.contains("64 hexadecimal digits"), "{said}");
    }
    let refused = place.run(&["audit", "verify", "--tenant", "a b"]);
    assert!(!refused.status.success());
}

#[test]
fn where_no_database_is_none_is_made() {
    let arguments = ["audit", "verify"];
    let place = Place::new();
    let refused = place.run(&arguments);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    let want = "there is no database at data/scm.db; look at data_dir and database.url";
    assert!(said.contains(want), "{said}");

    let url = format!(
        "sqlite://{}?mode=rwc",
        place.path("some%20where.db").display()
    );
    let mut command = place.command(&arguments);
    let refused = command.env("SCM_DATABASE__URL", url).output().unwrap();
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("/some where.db; look at"), "{said}");
    let made: Vec<_> = std::fs::read_dir(place.path("")).unwrap().collect();
    assert!(made.is_empty(), "{made:?}");
}
