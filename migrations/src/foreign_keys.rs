//! Foreign keys to the platform's own tables: `tenantId` to `tenants(id)`, whose removal takes the
//! integrations with it, and `createdByAccountId` to `accounts(id)`, which cannot be removed while
//! it is named.
//!
//! - They are no schema step: the parents exist in a delivr database and not in one of our own.
//!   Whoever has them calls [`enable`]; [`status`] tells whether that was forgotten.
//! - MySQL and MariaDB want the same character set and collation on both ends, so the columns take
//!   over those of their parents first. PostgreSQL needs parents with an id of type `varchar` or
//!   `text`.
//! - [`enable`] looks at everything before it changes anything, and doing it again does nothing.
//! - SQLite cannot add a foreign key to a table that exists.

mod mysql;
mod postgres;

use sea_orm_migration::{
    DbErr,
    sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend},
};

use crate::{MigrateError, TABLE, backend::has_table, run::connect};

/// One of the two keys.
#[derive(Debug, Clone, Copy)]
struct Key {
    name: &'static str,
    column: &'static str,
    parent: &'static str,
    on_delete: &'static str,
    /// The column's type on MySQL, without its character set.
    mysql_type: &'static str,
    mysql_comment: &'static str,
}

const TENANT: Key = Key {
    name: "fk_scm_tenant",
    column: "tenantId",
    parent: "tenants",
    on_delete: "CASCADE",
    mysql_type: "CHAR(36)",
    mysql_comment: "Reference to tenants table",
};

const CREATED_BY: Key = Key {
    name: "fk_scm_created_by",
    column: "createdByAccountId",
    parent: "accounts",
    on_delete: "RESTRICT",
    mysql_type: "VARCHAR(255)",
    mysql_comment: "Account ID who created this integration",
};

/// How it stands with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It is there.
    Enabled,
    /// Its parent is there and it is not: [`enable`] would make it.
    Missing,
    /// There is no parent table in this database.
    NoParent,
    /// The database cannot have it.
    Unsupported,
}

/// How it stands with both keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignKeys {
    /// `tenantId` to `tenants(id)`.
    pub tenant: KeyState,
    /// `createdByAccountId` to `accounts(id)`.
    pub created_by: KeyState,
}

impl ForeignKeys {
    /// True if both keys are there.
    #[must_use]
    pub fn are_enabled(&self) -> bool {
        self.tenant == KeyState::Enabled && self.created_by == KeyState::Enabled
    }

    /// True if a parent is there and its key is not: worth a word to the operator.
    #[must_use]
    pub fn are_forgotten(&self) -> bool {
        self.tenant == KeyState::Missing || self.created_by == KeyState::Missing
    }
}

/// Why the keys cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ForeignKeyError {
    /// The database cannot be reached, or its URL is none.
    #[error(transparent)]
    Connect(#[from] MigrateError),
    /// SQLite.
    #[error("SQLite cannot add foreign keys to a table that exists")]
    Unsupported,
    /// The schema steps have not been applied.
    #[error("there is no table tenant_scm_integrations yet: apply the schema steps first")]
    NotMigrated,
    /// A parent table is not in this database.
    #[error("there is no table {table} with a column id in this database")]
    NoParent {
        /// Its name.
        table: &'static str,
    },
    /// The parent's id has a type that our column cannot refer to.
    #[error("{table}.id is of type {found}; it must be {accepted}")]
    ParentType {
        /// The parent.
        table: &'static str,
        /// Its id's type.
        found: String,
        /// What would do.
        accepted: &'static str,
    },
    /// Rows name a parent that does not exist.
    #[error("{rows} rows have a {column} that is not in {table}: correct or delete them first")]
    Orphans {
        /// The column.
        column: &'static str,
        /// The parent.
        table: &'static str,
        /// How many.
        rows: i64,
    },
    /// The database refused a statement.
    #[error("the foreign keys could not be changed")]
    Failed(#[from] DbErr),
}

/// Reads which keys are there, and which could be.
///
/// Fails with [`ForeignKeyError::Failed`] if the database does not answer.
pub async fn status(db: &DatabaseConnection) -> Result<ForeignKeys, ForeignKeyError> {
    Ok(ForeignKeys {
        tenant: state(db, &TENANT).await?,
        created_by: state(db, &CREATED_BY).await?,
    })
}

async fn state(db: &DatabaseConnection, key: &Key) -> Result<KeyState, DbErr> {
    let (exists, parent) = match db.get_database_backend() {
        DbBackend::MySql => (
            mysql::exists(db, key).await?,
            mysql::parent(db, key).await?.is_some(),
        ),
        DbBackend::Postgres => (
            postgres::exists(db, key).await?,
            postgres::parent(db, key).await?.is_some(),
        ),
        _ => return Ok(KeyState::Unsupported),
    };
    Ok(match (exists, parent) {
        (true, _) => KeyState::Enabled,
        (false, true) => KeyState::Missing,
        (false, false) => KeyState::NoParent,
    })
}

/// Makes the keys that are not there yet.
///
/// Fails without having changed anything if a parent is missing or of another type, or if there
/// are rows without one; on MySQL and MariaDB a failure after that can leave the first key behind,
/// and calling again goes on from there. Fails with [`ForeignKeyError::Connect`] if the database
/// cannot be reached.
pub async fn enable(url: &str) -> Result<(), ForeignKeyError> {
    let db = connect(url).await?;
    let result = enable_on(&db).await;
    db.close().await.ok();
    result
}

/// Drops the keys that are there. The columns stay as they are.
///
/// Fails with [`ForeignKeyError::Connect`] if the database cannot be reached.
pub async fn disable(url: &str) -> Result<(), ForeignKeyError> {
    let db = connect(url).await?;
    let result = disable_on(&db).await;
    db.close().await.ok();
    result
}

/// [`enable`] on an existing connection.
pub async fn enable_on(db: &DatabaseConnection) -> Result<(), ForeignKeyError> {
    match db.get_database_backend() {
        DbBackend::MySql | DbBackend::Postgres => {}
        _ => return Err(ForeignKeyError::Unsupported),
    }
    if !has_table(db, TABLE).await? {
        return Err(ForeignKeyError::NotMigrated);
    }
    let result = match db.get_database_backend() {
        DbBackend::MySql => mysql::enable(db).await,
        _ => postgres::enable(db).await,
    };
    match result {
        // Two at once: the other one made them.
        Err(ForeignKeyError::Failed(_)) if status(db).await?.are_enabled() => Ok(()),
        other => other,
    }
}

/// [`disable`] on an existing connection.
pub async fn disable_on(db: &DatabaseConnection) -> Result<(), ForeignKeyError> {
    for key in [&TENANT, &CREATED_BY] {
        let sql = match db.get_database_backend() {
            DbBackend::MySql if mysql::exists(db, key).await? => {
                format!("ALTER TABLE `{TABLE}` DROP FOREIGN KEY `{}`", key.name)
            }
            DbBackend::Postgres => format!(
                "ALTER TABLE IF EXISTS \"{TABLE}\" DROP CONSTRAINT IF EXISTS \"{}\"",
                key.name
            ),
            DbBackend::MySql => continue,
            _ => return Err(ForeignKeyError::Unsupported),
        };
        db.execute_unprepared(&sql).await?;
    }
    Ok(())
}
