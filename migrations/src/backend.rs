//! What the steps need of a database beyond sending SQL: asking its catalogue what exists.
//!
//! MySQL commits at every DDL statement, so a step that died half-way has left its first half
//! behind. A step therefore looks before it creates or drops.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// One statement per backend.
pub(crate) struct Sql {
    pub(crate) mysql: &'static str,
    pub(crate) postgres: &'static str,
    pub(crate) sqlite: &'static str,
}

impl Sql {
    pub(crate) fn of(&self, backend: DbBackend) -> &'static str {
        match backend {
            DbBackend::MySql => self.mysql,
            DbBackend::Postgres => self.postgres,
            DbBackend::Sqlite => self.sqlite,
            // The enum is non-exhaustive; no other backend is compiled in.
            _ => "",
        }
    }
}

pub(crate) async fn run<C: ConnectionTrait>(db: &C, sql: &Sql) -> Result<(), DbErr> {
    db.execute_unprepared(sql.of(db.get_database_backend()))
        .await
        .map(|_| ())
}

/// The first column of the first row as a number; `None` if there is no row.
pub(crate) async fn number<C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: &[&str],
) -> Result<Option<i64>, DbErr> {
    let row = db
        .query_one_raw(statement(db.get_database_backend(), sql, values))
        .await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// The first column of every row as text.
pub(crate) async fn texts<C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: &[&str],
) -> Result<Vec<String>, DbErr> {
    db.query_all_raw(statement(db.get_database_backend(), sql, values))
        .await?
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect()
}

fn statement(backend: DbBackend, sql: &str, values: &[&str]) -> Statement {
    Statement::from_sql_and_values(backend, sql, values.iter().map(|value| (*value).into()))
}

async fn found<C: ConnectionTrait>(db: &C, sql: &Sql, values: &[&str]) -> Result<bool, DbErr> {
    let count = number(db, sql.of(db.get_database_backend()), values).await?;
    Ok(count.is_some_and(|count| count > 0))
}

pub(crate) async fn has_table<C: ConnectionTrait>(db: &C, table: &str) -> Result<bool, DbErr> {
    let sql = Sql {
        mysql: "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
        postgres: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA() AND table_name = $1",
        sqlite: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?",
    };
    found(db, &sql, &[table]).await
}

/// The names of all tables that are there.
pub(crate) async fn tables<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    let sql = Sql {
        mysql: "SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
        postgres: "SELECT table_name::text FROM information_schema.tables WHERE table_schema = CURRENT_SCHEMA()",
        sqlite: "SELECT name FROM sqlite_master WHERE type = 'table'",
    };
    texts(db, sql.of(db.get_database_backend()), &[]).await
}

pub(crate) async fn has_column<C: ConnectionTrait>(
    db: &C,
    table: &str,
    column: &str,
) -> Result<bool, DbErr> {
    let sql = Sql {
        mysql: "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND COLUMN_NAME = ?",
        postgres: "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = CURRENT_SCHEMA() AND table_name = $1 AND column_name = $2",
        sqlite: "SELECT COUNT(*) FROM pragma_table_info(?) WHERE name = ?",
    };
    found(db, &sql, &[table, column]).await
}

pub(crate) async fn has_index<C: ConnectionTrait>(
    db: &C,
    table: &str,
    index: &str,
) -> Result<bool, DbErr> {
    let sql = Sql {
        mysql: "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND INDEX_NAME = ?",
        postgres: "SELECT COUNT(*) FROM pg_indexes WHERE schemaname = CURRENT_SCHEMA() AND tablename = $1 AND indexname = $2",
        sqlite: "SELECT COUNT(*) FROM pragma_index_list(?) WHERE name = ?",
    };
    found(db, &sql, &[table, index]).await
}

/// Creates an index unless one of that name is there. `columns` are plain names.
pub(crate) async fn create_index<C: ConnectionTrait>(
    db: &C,
    table: &str,
    index: &str,
    unique: bool,
    columns: &[&str],
) -> Result<(), DbErr> {
    if has_index(db, table, index).await? {
        return Ok(());
    }
    let quote = quote(db.get_database_backend());
    let columns: Vec<_> = columns
        .iter()
        .map(|column| format!("{quote}{column}{quote}"))
        .collect();
    let unique = if unique { "UNIQUE " } else { "" };
    let sql = format!(
        "CREATE {unique}INDEX {quote}{index}{quote} ON {quote}{table}{quote} ({})",
        columns.join(", ")
    );
    db.execute_unprepared(&sql).await.map(|_| ())
}

/// Drops an index if it is there.
pub(crate) async fn drop_index<C: ConnectionTrait>(
    db: &C,
    table: &str,
    index: &str,
) -> Result<(), DbErr> {
    if !has_index(db, table, index).await? {
        return Ok(());
    }
    let sql = match db.get_database_backend() {
        DbBackend::MySql => format!("DROP INDEX `{index}` ON `{table}`"),
        _ => format!("DROP INDEX \"{index}\""),
    };
    db.execute_unprepared(&sql).await.map(|_| ())
}

/// Drops a column if it is there.
pub(crate) async fn drop_column<C: ConnectionTrait>(
    db: &C,
    table: &str,
    column: &str,
) -> Result<(), DbErr> {
    if !has_column(db, table, column).await? {
        return Ok(());
    }
    let quote = quote(db.get_database_backend());
    let sql = format!("ALTER TABLE {quote}{table}{quote} DROP COLUMN {quote}{column}{quote}");
    db.execute_unprepared(&sql).await.map(|_| ())
}

fn quote(backend: DbBackend) -> char {
    if backend == DbBackend::MySql {
        '`'
    } else {
        '"'
    }
}
