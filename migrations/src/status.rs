//! Which steps a database has. Reading it changes nothing and needs no right to change anything.

use sea_orm_migration::{
    MigratorTrait,
    sea_orm::{ConnectionTrait, DatabaseConnection},
};

use crate::{
    MIGRATIONS_TABLE, MigrateError, Migrator,
    backend::{has_table, texts},
};

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
    /// The steps that the database lacks, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = &str> {
        self.steps
            .iter()
            .filter(|step| !step.applied)
            .map(|step| step.name.as_str())
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

pub(crate) async fn status_on<C: ConnectionTrait>(db: &C) -> Result<Status, MigrateError> {
    let applied = if has_table(db, MIGRATIONS_TABLE).await? {
        let sql = format!("SELECT version FROM {MIGRATIONS_TABLE} ORDER BY version");
        texts(db, &sql, &[]).await?
    } else {
        Vec::new()
    };
    let known: Vec<_> = Migrator::migrations()
        .iter()
        .map(|step| step.name().to_owned())
        .collect();
    Ok(Status {
        unknown: applied
            .iter()
            .filter(|name| !known.contains(name))
            .cloned()
            .collect(),
        steps: known
            .into_iter()
            .map(|name| Step {
                applied: applied.contains(&name),
                name,
            })
            .collect(),
    })
}
