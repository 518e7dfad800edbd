//! A database that an import has begun to fill: until it is whole, no program may work with it.
//!
//! The mark is a step that no program knows, beside the applied ones. So everything that looks at the
//! steps before it begins (a server, a migration) refuses, also an older program's.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::{MIGRATIONS_TABLE, MigrateError, Status};

/// What the mark begins with.
const PREFIX: &str = "import_not_finished_";

impl Status {
    /// What is being imported, if an import was begun and has not ended.
    #[must_use]
    pub fn unfinished_import(&self) -> Option<&str> {
        let mut marks = self.unknown.iter();
        marks.find_map(|step| step.strip_prefix(PREFIX))
    }
}

/// Marks a database as one that is being filled with what `id` names. Fails if it is marked with the
/// same already.
pub async fn begin_import(db: &DatabaseConnection, id: &str) -> Result<(), MigrateError> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => "VALUES ($1, 0)",
        _ => "VALUES (?, 0)",
    };
    let sql = format!("INSERT INTO {MIGRATIONS_TABLE} (version, applied_at) {sql}");
    write(db, &sql, id).await
}

/// Takes the mark away: what was imported is whole.
pub async fn end_import(db: &DatabaseConnection, id: &str) -> Result<(), MigrateError> {
    let place = match db.get_database_backend() {
        DbBackend::Postgres => "$1",
        _ => "?",
    };
    let sql = format!("DELETE FROM {MIGRATIONS_TABLE} WHERE version = {place}");
    write(db, &sql, id).await
}

async fn write(db: &DatabaseConnection, sql: &str, id: &str) -> Result<(), MigrateError> {
    let values = [format!("{PREFIX}{id}").into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    db.execute_raw(statement).await?;
    Ok(())
}
