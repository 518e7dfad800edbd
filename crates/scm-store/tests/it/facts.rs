//! What a database says of itself.

use scm_store::{ConnectOptions, OddColumn, StoreError, connect_to_look, database_facts};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{Clock as _, SystemClock};

async fn facts(db: &TestDb) -> scm_store::DatabaseFacts {
    let open = connect_to_look(&db.url, &ConnectOptions::default()).await;
    database_facts(&open.unwrap()).await.unwrap()
}

on_every_database! {
    async fn a_sound_database_is_described(db: TestDb) {
        let facts = facts(&db).await;
        let (product, encoding) = match db.backend {
            Backend::Sqlite => ("SQLite 3.", "UTF-8"),
            Backend::Mysql => ("M", "utf8mb4"),
            Backend::Postgres => ("PostgreSQL ", "UTF8"),
        };
        assert!(facts.product.starts_with(product), "{facts:?}");
        assert!(facts.product.bytes().any(|byte| byte.is_ascii_digit()), "{facts:?}");
        assert_eq!(facts.encoding, encoding);
        assert_eq!(facts.odd_columns, []);
        // The servers of the tests have this machine's clock; a zone would be off by half an hour.
        let apart = facts.now_millis - SystemClock.now().as_millis();
        assert!(apart.abs() < 600_000, "{apart}");
        let server = db.backend != Backend::Sqlite;
        assert_eq!(facts.time_zone.is_some(), server);
        assert_eq!(facts.max_connections.is_some_and(|most| most > 1), server);
        assert_eq!(facts.max_packet.is_some(), db.backend == Backend::Mysql);
    }
}

#[tokio::test]
async fn columns_that_lose_text_are_named() {
    let Some(db) = TestDb::migrated(Backend::Mysql).await else {
        return;
    };
    for statement in [
        "ALTER TABLE scm_events MODIFY kind VARCHAR(32) CHARACTER SET latin1 NOT NULL",
        "ALTER TABLE scm_jobs MODIFY host VARCHAR(255) CHARACTER SET utf8mb4 COLLATE \
         utf8mb4_general_ci NOT NULL",
    ] {
        db.execute_by_hand(statement).await;
    }
    let odd = |table: &str, column: &str, collation: &str, loses_text| OddColumn {
        table: table.to_owned(),
        column: column.to_owned(),
        collation: collation.to_owned(),
        loses_text,
    };
    assert_eq!(
        facts(&db).await.odd_columns,
        [
            odd("scm_events", "kind", "latin1_swedish_ci", true),
            odd("scm_jobs", "host", "utf8mb4_general_ci", false),
        ]
    );
}

#[tokio::test]
async fn looking_makes_no_file_and_writes_none() {
    let directory = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}", directory.path().join("none.db").display());
    let open = connect_to_look(&missing, &ConnectOptions::default()).await;
    assert!(
        matches!(open, Err(StoreError::Unavailable { .. })),
        "{open:?}"
    );
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);

    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let names = || {
        let files = std::fs::read_dir(db.directory().unwrap()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let open = connect_to_look(&db.url, &ConnectOptions::default())
        .await
        .unwrap();
    // The journal of a database that nobody has opened as a server would.
    let facts = database_facts(&open).await.unwrap();
    assert_eq!(facts.journal_mode.as_deref(), Some("delete"));
    let refused = sea_orm::ConnectionTrait::execute_unprepared(&open, "DROP TABLE scm_jobs").await;
    assert!(refused.is_err());
    open.close().await.unwrap();
    assert_eq!(names(), before);
}
