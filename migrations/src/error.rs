//! What can go wrong with the schema.

use sea_orm_migration::DbErr;

/// Why the schema could not be changed or looked at.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL is none, or of a database that is not supported.
    #[error("the database URL must start with sqlite:, mysql:// or postgres://")]
    Url,
    /// The database cannot be reached, or refuses the login.
    #[error("the database cannot be reached")]
    Connect(#[source] DbErr),
    /// Another process was migrating the whole time.
    #[error("another process is migrating this database; it did not finish in {seconds} seconds")]
    Locked {
        /// How long was waited.
        seconds: u32,
    },
    /// The schema has steps that this program does not know: it is older than the schema.
    #[error(
        "the schema is newer than this program: it has the unknown steps {}, and the newest that this \
         program knows is {newest}; start a newer program",
        unknown.join(", ")
    )]
    NewerSchema {
        /// The name of the newest step of this program.
        newest: String,
        /// The names of those steps.
        unknown: Vec<String>,
    },
    /// Somebody has begun to import rows into this database and has not finished.
    #[error("an import into this database was begun and is not finished; run it again")]
    ImportNotFinished,
    /// A statement failed. On MySQL and MariaDB, what ran before it stays; running again goes on
    /// from there. Elsewhere nothing was changed.
    #[error("a schema step failed")]
    Failed(#[from] DbErr),
}
