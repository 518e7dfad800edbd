//! Copies of the embedded database.

use scm_store::{ConnectOptions, SnapshotError, backup, connect, open_snapshot, restore};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

async fn count(db: &DatabaseConnection) -> i64 {
    let count = Statement::from_string(DbBackend::Sqlite, "SELECT COUNT(*) FROM notes");
    let row = db.query_one_raw(count).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn filled(directory: &std::path::Path, name: &str, rows: usize) -> DatabaseConnection {
    let url = format!("sqlite://{}", directory.join(name).display());
    let db = connect(&url, &ConnectOptions::default()).await.unwrap();
    db.execute_unprepared("CREATE TABLE notes (text TEXT)")
        .await
        .unwrap();
    for _ in 0..rows {
        db.execute_unprepared("INSERT INTO notes VALUES ('a')")
            .await
            .unwrap();
    }
    db
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_whole_while_others_write() {
    let directory = tempfile::tempdir().unwrap();
    let db = filled(directory.path(), "db", 10).await;
    let writer = {
        let db = db.clone();
        tokio::spawn(async move {
            loop {
                db.execute_unprepared("INSERT INTO notes VALUES ('b')")
                    .await
                    .unwrap();
            }
        })
    };
    for copy in ["one", "two"] {
        let out = directory.path().join(copy);
        let size = backup(&db, &out).await.unwrap();
        let metadata = std::fs::metadata(&out).unwrap();
        assert_eq!(metadata.len(), size);
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777,
            0o600
        );
        let copy = open_snapshot(&out).await.unwrap();
        assert!(count(&copy).await >= 10);
        assert!(
            copy.execute_unprepared("DELETE FROM notes").await.is_err(),
            "only read"
        );
        let again = backup(&db, &out).await;
        assert!(matches!(again, Err(SnapshotError::Exists(_))), "{again:?}");
    }
    writer.abort();
    assert!(
        !names(directory.path())
            .iter()
            .any(|name| name.contains("draft"))
    );
}

#[tokio::test]
async fn what_cannot_be_written_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let db = filled(directory.path(), "db", 1).await;
    let missing = directory.path().join("missing").join("copy");
    let failed = backup(&db, &missing).await;
    assert!(
        matches!(failed, Err(SnapshotError::File { .. })),
        "{failed:?}"
    );
    let directories_name = directory.path().join("copy.draft");
    std::fs::create_dir(&directories_name).unwrap();
    let failed = backup(&db, &directory.path().join("copy")).await;
    assert!(
        matches!(failed, Err(SnapshotError::File { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_not_taken() {
    let directory = tempfile::tempdir().unwrap();
    let db = filled(directory.path(), "db", 2_000).await;
    let good = directory.path().join("good");
    backup(&db, &good).await.unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let cases: [(&str, Vec<u8>); 4] = [
        ("half", bytes[..bytes.len() / 2].to_vec()),
        ("other", b"no database at all, but some text".repeat(100)),
        (
            "header",
            [&bytes[..50], &[0xff; 100], &bytes[150..]].concat(),
        ),
        (
            "page",
            [&bytes[..4096], &[0x55; 4096], &bytes[8192..]].concat(),
        ),
    ];
    for (name, bytes) in cases {
        let file = directory.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let opened = open_snapshot(&file).await;
        assert!(
            matches!(opened, Err(SnapshotError::Damaged(_))),
            "{name}: {opened:?}"
        );
    }
    let missing = open_snapshot(&directory.path().join("missing")).await;
    assert!(
        matches!(missing, Err(SnapshotError::File { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn a_copy_takes_the_place_of_a_database_that_nobody_has_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let db = filled(directory.path(), "db", 3).await;
    backup(&db, &path("copy")).await.unwrap();
    db.execute_unprepared("INSERT INTO notes VALUES ('later')")
        .await
        .unwrap();
    let refused = restore(&path("copy"), &path("db"), &path("aside")).await;
    assert!(
        matches!(refused, Err(SnapshotError::InUse(_))),
        "{refused:?}"
    );
    assert_eq!(count(&db).await, 4, "as it was");
    db.close().await.unwrap();

    restore(&path("copy"), &path("db"), &path("aside"))
        .await
        .unwrap();
    assert_eq!(names(directory.path()), ["aside", "copy", "db"]);
    for (name, rows) in [("db", 3), ("aside", 4), ("copy", 3)] {
        let db = open_snapshot(&path(name)).await.unwrap();
        assert_eq!(count(&db).await, rows, "{name}");
    }
    let refused = restore(&path("copy"), &path("db"), &path("aside")).await;
    assert!(
        matches!(refused, Err(SnapshotError::Exists(_))),
        "{refused:?}"
    );
    restore(&path("copy"), &path("new"), &path("none"))
        .await
        .unwrap();
    assert!(!path("none").exists());
}

#[tokio::test]
async fn what_a_lost_database_has_left_is_no_part_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let db = filled(directory.path(), "db", 1).await;
    backup(&db, &path("copy")).await.unwrap();
    for left in ["lost-wal", "lost-journal"] {
        std::fs::write(path(left), "changes of another file").unwrap();
        let refused = restore(&path("copy"), &path("lost"), &path("aside")).await;
        assert!(
            matches!(refused, Err(SnapshotError::Exists(_))),
            "{refused:?}"
        );
        assert!(
            !path("lost").exists() && !path("lost.draft").exists(),
            "{left}"
        );
        std::fs::remove_file(path(left)).unwrap();
    }
    restore(&path("copy"), &path("lost"), &path("aside"))
        .await
        .unwrap();
}

on_every_database! {
    async fn a_server_database_is_not_copied_like_this(db: TestDb) {
        if db.backend == Backend::Sqlite {
            return;
        }
        let pool = db.connect().await;
        let directory = tempfile::tempdir().unwrap();
        let refused = backup(&pool, &directory.path().join("copy")).await;
        assert!(matches!(refused, Err(SnapshotError::NotSqlite)), "{refused:?}");
    }
}
