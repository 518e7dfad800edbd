//! The schema after all steps, as the catalogue has it, in a form in which the servers of one
//! family agree. `schema/*.txt` hold it; `SCM_UPDATE_SCHEMA=1` writes them anew.

use std::{fs, path::PathBuf};

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

/// How many steps there are.
pub(crate) const STEPS: usize = 15;

/// One line per table, column, index and rule, sorted within their kind.
pub(crate) async fn of(db: &DatabaseConnection) -> String {
    let queries: &[&str] = match db.get_database_backend() {
        DbBackend::MySql => &MYSQL,
        DbBackend::Postgres => &POSTGRES,
        _ => &SQLITE,
    };
    let mut lines = Vec::new();
    for query in queries {
        let statement = Statement::from_string(db.get_database_backend(), *query);
        for row in db.query_all_raw(statement).await.unwrap() {
            let line: String = row.try_get_by_index(0).unwrap();
            lines.push(normal(&line, db.get_database_backend()));
        }
        lines.push(String::new());
    }
    lines.join("\n")
}

/// MySQL 8 and MariaDB word the same thing differently.
fn normal(line: &str, backend: DbBackend) -> String {
    if backend != DbBackend::MySql {
        return line.to_owned();
    }
    let mut line = line.to_owned();
    for (theirs, ours) in [
        ("bigint(20)", "bigint"),
        ("int(11)", "int"),
        ("current_timestamp()", "CURRENT_TIMESTAMP"),
        ("current_timestamp(", "CURRENT_TIMESTAMP("),
        ("on update current_timestamp", "on update CURRENT_TIMESTAMP"),
        ("DEFAULT_GENERATED ", ""),
        ("DEFAULT_GENERATED", ""),
        ("default NULL", ""),
        ("default 'main'", "default main"),
        ("default 'PENDING'", "default PENDING"),
    ] {
        line = line.replace(theirs, ours);
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

const MYSQL: [&str; 3] = [
    "SELECT CONCAT('table ', TABLE_NAME, ' ', ENGINE, ' ', TABLE_COLLATION) \
     FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
     AND (TABLE_NAME = 'tenant_scm_integrations' OR TABLE_NAME LIKE 'scm#_%' ESCAPE '#') \
     AND TABLE_NAME <> 'scm_migrations' \
     ORDER BY TABLE_NAME",
    "SELECT CONCAT_WS(' ', CONCAT(TABLE_NAME, '.', COLUMN_NAME), COLUMN_TYPE, COLLATION_NAME, \
     IF(IS_NULLABLE = 'YES', 'null', 'not null'), CONCAT('default ', COLUMN_DEFAULT), EXTRA) \
     FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
     AND (TABLE_NAME = 'tenant_scm_integrations' OR TABLE_NAME LIKE 'scm#_%' ESCAPE '#') \
     AND TABLE_NAME <> 'scm_migrations' \
     ORDER BY TABLE_NAME, ORDINAL_POSITION",
    "SELECT CONCAT(IF(MIN(NON_UNIQUE) = 0, 'unique ', 'index '), TABLE_NAME, '.', INDEX_NAME, \
     ' (', GROUP_CONCAT(COLUMN_NAME ORDER BY SEQ_IN_INDEX SEPARATOR ', '), ')') \
     FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() \
     AND (TABLE_NAME = 'tenant_scm_integrations' OR TABLE_NAME LIKE 'scm#_%' ESCAPE '#') \
     AND TABLE_NAME <> 'scm_migrations' \
     GROUP BY TABLE_NAME, INDEX_NAME ORDER BY TABLE_NAME, INDEX_NAME",
];

const POSTGRES: [&str; 3] = [
    "SELECT CONCAT_WS(' ', table_name || '.' || column_name, data_type || \
     COALESCE('(' || character_maximum_length || ')', \
     CASE WHEN data_type LIKE 'timestamp%' THEN '(' || datetime_precision || ')' END, ''), \
     'collate ' || collation_name, CASE is_nullable WHEN 'YES' THEN 'null' ELSE 'not null' END, \
     'default ' || column_default) FROM information_schema.columns \
     WHERE table_schema = CURRENT_SCHEMA() \
     AND (table_name = 'tenant_scm_integrations' OR table_name LIKE 'scm#_%' ESCAPE '#') \
     AND table_name <> 'scm_migrations' \
     ORDER BY table_name, ordinal_position",
    "SELECT REPLACE(indexdef, CURRENT_SCHEMA() || '.', '') FROM pg_indexes \
     WHERE schemaname = CURRENT_SCHEMA() \
     AND (tablename = 'tenant_scm_integrations' OR tablename LIKE 'scm#_%' ESCAPE '#') \
     AND tablename <> 'scm_migrations' \
     ORDER BY indexname",
    "SELECT r.relname || '.' || c.conname || ' ' || pg_get_constraintdef(c.oid) \
     FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid \
     WHERE c.connamespace = CURRENT_SCHEMA()::regnamespace AND c.contype = 'c' ORDER BY 1",
];

const SQLITE: [&str; 1] = [
    "SELECT sql || ';' FROM sqlite_master WHERE (tbl_name = 'tenant_scm_integrations' OR tbl_name LIKE 'scm#_%' ESCAPE '#') \
     AND tbl_name <> 'scm_migrations' \
     AND sql IS NOT NULL ORDER BY type DESC, name",
];

pub(crate) fn file(backend: Backend) -> PathBuf {
    let name = match backend {
        Backend::Sqlite => "sqlite.txt",
        Backend::Mysql => "mysql.txt",
        Backend::Postgres => "postgres.txt",
    };
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("schema")
        .join(name)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test that writes its expectation when asked to"
)]
fn update_is_asked_for() -> bool {
    std::env::var("SCM_UPDATE_SCHEMA").is_ok_and(|value| value == "1")
}

on_every_database! {
    async fn has_not_drifted(db: TestDb) {
        let plain = db.connect().await;
        let schema = of(&plain).await;
        if update_is_asked_for() {
            fs::write(file(db.backend), &schema).unwrap();
        }
        let want = fs::read_to_string(file(db.backend)).unwrap_or_default();
        assert_eq!(
            schema, want,
            "the schema is not that of {}: a new step? SCM_UPDATE_SCHEMA=1 writes it",
            file(db.backend).display()
        );
    }
}
