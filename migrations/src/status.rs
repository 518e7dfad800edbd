//! Which steps a database has. Reading it changes nothing and needs no right to change anything.

use sea_orm_migration::{
    MigratorTrait,
    sea_orm::{ConnectionTrait, DatabaseConnection},
};

use crate::{
    MIGRATIONS_TABLE, MigrateError, Migrator,
    backend::{has_table, tables, texts},
};

/// The schema after all steps, which a test compares with what the steps make.
const SCHEMA: &str = include_str!("../schema/sqlite.txt");

/// One step that this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, which starts with its date.
    pub name: String,
    /// True if the database has it.
    pub applied: bool,
}

/// The state of a database's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The steps of this program, oldest first.
    pub steps: Vec<Step>,
    /// Steps that the database has and this program does not know: the schema is newer.
    pub unknown: Vec<String>,
}

impl Status {
    /// The state of a database that has no step yet.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self::of(&[])
    }

    /// The state of a database with these steps.
    fn of(applied: &[String]) -> Self {
        let known: Vec<_> = Migrator::migrations()
            .iter()
            .map(|step| step.name().to_owned())
            .collect();
        let unknown = applied.iter().filter(|name| !known.contains(name));
        Self {
            unknown: unknown.cloned().collect(),
            steps: known
                .into_iter()
                .map(|name| Step {
                    applied: applied.contains(&name),
                    name,
                })
                .collect(),
        }
    }

    /// The steps that the database lacks, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = &str> {
        self.steps
            .iter()
            .filter(|step| !step.applied)
            .map(|step| step.name.as_str())
    }

    /// The newest step that this program knows: its revision.
    #[must_use]
    pub fn newest(&self) -> &str {
        self.steps.last().map_or("", |step| step.name.as_str())
    }

    /// True if the database has exactly the steps of this program.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.unknown.is_empty() && self.pending().next().is_none()
    }
}

/// Reads which steps a database has; one that was never migrated has none.
///
/// Fails with [`MigrateError::Failed`] if the database does not answer.
pub async fn status(db: &DatabaseConnection) -> Result<Status, MigrateError> {
    status_on(db).await
}

/// The tables of a current schema that are not there, by name: somebody has removed them since the
/// steps were applied.
///
/// Fails with [`MigrateError::Failed`] if the database does not answer.
pub async fn missing_tables(db: &DatabaseConnection) -> Result<Vec<&'static str>, MigrateError> {
    let there = tables(db).await?;
    let is_there = |name: &str| there.iter().any(|table| table.eq_ignore_ascii_case(name));
    Ok(wanted_tables().filter(|name| !is_there(name)).collect())
}

pub(crate) fn wanted_tables() -> impl Iterator<Item = &'static str> {
    let lines = SCHEMA.lines();
    lines.filter_map(|line| line.strip_prefix("CREATE TABLE \"")?.split('"').next())
}

pub(crate) async fn status_on<C: ConnectionTrait>(db: &C) -> Result<Status, MigrateError> {
    let applied = if has_table(db, MIGRATIONS_TABLE).await? {
        let sql = format!("SELECT version FROM {MIGRATIONS_TABLE} ORDER BY version");
        texts(db, &sql, &[]).await?
    } else {
        Vec::new()
    };
    Ok(Status::of(&applied))
}
