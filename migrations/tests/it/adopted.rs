//! A table that the original SQL file made is taken over: rows, foreign keys and all.

use std::fs;

use scm_migrations::{
    foreign_keys::{self, KeyState},
    up,
};
use scm_testkit::db::{Backend, TestDb};
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::{execute, schema};

const ORIGINAL: &str = include_str!("original.sql");

const PARENTS: &str = "CREATE TABLE tenants (id CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin \
    NOT NULL PRIMARY KEY); CREATE TABLE accounts (id VARCHAR(255) NOT NULL PRIMARY KEY) DEFAULT \
    CHARSET=latin1; INSERT INTO tenants VALUES ('t1'); INSERT INTO accounts VALUES ('acc_1')";

const KEYS: &str = "ALTER TABLE tenant_scm_integrations ADD CONSTRAINT fk_scm_tenant FOREIGN KEY \
    (tenantId) REFERENCES tenants(id) ON DELETE CASCADE, ADD CONSTRAINT fk_scm_created_by \
    FOREIGN KEY (createdByAccountId) REFERENCES accounts(id) ON DELETE RESTRICT";

const ROWS: &str = "INSERT INTO tenant_scm_integrations (id, tenantId, scmType, displayName, \
    repositoryUrl, createdByAccountId, isActive, verificationStatus, defaultBranch, createdAt, \
    updatedAt) VALUES ('a', 't1', 'GITHUB', 'Müller', 'https://github.com/A/B', 'acc_1', NULL, \
    NULL, NULL, NULL, '2025-01-02 03:04:05'), ('b', 't1', 'GITLAB', 'B', 'https://gitlab.com/a/b', \
    'acc_1', FALSE, 'VALID', 'develop', '2025-01-02 03:04:05', '2025-02-03 04:05:06')";

async fn original(with_keys: bool) -> Option<(TestDb, DatabaseConnection)> {
    let db = TestDb::empty(Backend::Mysql).await?;
    let plain = db.connect().await;
    plain.execute_unprepared(ORIGINAL).await.unwrap();
    plain.execute_unprepared(PARENTS).await.unwrap();
    if with_keys {
        plain.execute_unprepared(KEYS).await.unwrap();
    }
    plain.execute_unprepared(ROWS).await.unwrap();
    Some((db, plain))
}

async fn cells(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

async fn assert_rows_are_whole(db: &DatabaseConnection) {
    let rows = "SELECT CONCAT_WS('|', id, displayName, isActive, verificationStatus, \
                defaultBranch, createdAt, updatedAt) FROM tenant_scm_integrations ORDER BY id";
    assert_eq!(
        cells(db, rows).await,
        [
            "a|Müller|1|PENDING|main|2025-01-02 03:04:05.000|2025-01-02 03:04:05.000",
            "b|B|0|VALID|develop|2025-01-02 03:04:05.000|2025-02-03 04:05:06.000",
        ]
    );
    execute(
        db,
        "UPDATE tenant_scm_integrations SET displayName = '日本 🚀' WHERE id = 'a'",
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn without_foreign_keys_it_becomes_as_a_new_one() {
    let Some((db, plain)) = original(false).await else {
        return;
    };
    assert_eq!(up(&db.url, None).await.unwrap().len(), schema::STEPS);
    let want = fs::read_to_string(schema::file(Backend::Mysql)).unwrap();
    assert_eq!(schema::of(&plain).await, want);
    assert_rows_are_whole(&plain).await;
}

#[tokio::test]
async fn with_foreign_keys_their_columns_stay() {
    let Some((db, plain)) = original(true).await else {
        return;
    };
    // Something else in the platform refers to our rows.
    let user = "CREATE TABLE releases (id INT PRIMARY KEY, scmId VARCHAR(255) CHARACTER SET \
                latin1, FOREIGN KEY (scmId) REFERENCES tenant_scm_integrations(id))";
    plain.execute_unprepared(user).await.unwrap();
    up(&db.url, None).await.unwrap();
    let want = fs::read_to_string(schema::file(Backend::Mysql)).unwrap();
    let got = schema::of(&plain).await;
    let different: Vec<_> = got
        .lines()
        .filter(|line| !want.lines().any(|other| other == *line))
        .collect();
    assert_eq!(
        different,
        [
            "tenant_scm_integrations.id varchar(255) latin1_swedish_ci not null",
            "tenant_scm_integrations.tenantId char(36) latin1_bin not null",
            "tenant_scm_integrations.createdByAccountId varchar(255) latin1_swedish_ci not null",
        ]
    );
    assert_rows_are_whole(&plain).await;
    let keys = foreign_keys::status(&plain).await.unwrap();
    assert_eq!(
        (keys.tenant, keys.created_by),
        (KeyState::Enabled, KeyState::Enabled)
    );
    foreign_keys::enable(&db.url).await.unwrap();
}

/// delivr's later server keeps one of the same name and another shape.
#[tokio::test]
async fn a_table_of_another_shape_is_left_alone() {
    for backend in Backend::ALL {
        let Some(db) = TestDb::empty(backend).await else {
            continue;
        };
        let plain = db.connect().await;
        let later = "CREATE TABLE tenant_scm_integrations (id VARCHAR(255) NOT NULL PRIMARY KEY, \
                     owner VARCHAR(255) NOT NULL, repo VARCHAR(255) NOT NULL)";
        plain.execute_unprepared(later).await.unwrap();
        let row = "INSERT INTO tenant_scm_integrations VALUES ('a', 'octo', 'app')";
        plain.execute_unprepared(row).await.unwrap();
        for _ in 0..2 {
            let refused = format!("{:?}", up(&db.url, None).await.unwrap_err());
            assert!(refused.contains("of another shape"), "{backend}: {refused}");
        }
        let rows = "SELECT CONCAT_WS('|', id, owner, repo) FROM tenant_scm_integrations";
        assert_eq!(cells(&plain, rows).await, ["a|octo|app"], "{backend}");
        // It is out of the way under another name.
        execute(
            &plain,
            "ALTER TABLE tenant_scm_integrations RENAME TO delivr_scm_integrations",
        )
        .await
        .unwrap();
        up(&db.url, None).await.unwrap();
    }
}
