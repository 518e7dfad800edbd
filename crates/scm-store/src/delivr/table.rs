//! The old server's table, read as text.
//!
//! Only columns that are there are asked for: the table was made by one of two files, and may have been
//! changed by hand. What a column holds is judged by whoever takes the row over.

use std::{collections::BTreeMap, fmt};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement, Value};
use zeroize::Zeroizing;

use crate::{StoreError, canary::bounded, query::Bounded};

/// How many rows are read at a time: a token may take 64 KiB.
const ROWS_AT_A_TIME: u64 = 50;

/// Every column of either file that is read or written.
pub(super) const COLUMNS: [&str; 29] = [
    "id",
    "tenantId",
    "scmType",
    "displayName",
    "owner",
    "repo",
    "githubOrganization",
    "githubRepository",
    "githubInstallationId",
    "gitlabProjectId",
    "gitlabGroupId",
    "bitbucketWorkspace",
    "bitbucketRepository",
    "repositoryUrl",
    "defaultBranch",
    "accessToken",
    "refreshToken",
    "tokenExpiresAt",
    "webhookId",
    "webhookSecret",
    "webhookUrl",
    "webhookEnabled",
    "senderLogin",
    "providerConfig",
    "isActive",
    "verificationStatus",
    "lastVerifiedAt",
    "verificationError",
    "createdByAccountId",
];

/// The times that every row has; apart, for a row that lacks them is none the worse.
pub(super) const TIMES: [&str; 2] = ["createdAt", "updatedAt"];

/// Without these it is no table of the old server.
const REQUIRED: [&str; 5] = [
    "id",
    "tenantId",
    "repositoryUrl",
    "accessToken",
    "createdByAccountId",
];

/// Which of its files made the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The first one: `githubOrganization` and its like, as many rows for a tenant as it has repositories.
    Original,
    /// The later one: `owner`, `repo`, `webhookEnabled`, `senderLogin`, `providerConfig`, one row for a
    /// tenant.
    Later,
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OldTableError {
    /// The name cannot be that of a table.
    #[error("a table's name is 1 to 64 letters, digits and underscores")]
    Name,
    /// There is no such table.
    #[error("there is no table of this name")]
    Missing,
    /// The table lacks a column that either file makes.
    #[error("it is no table of the old server: it has no column {0}")]
    Foreign(&'static str),
    /// It is this service's own.
    #[error("it is this service's own table")]
    Ours,
    /// A row's id cannot be read, so that no row behind it can be found.
    #[error("a row's id cannot be read as text")]
    Id,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A row: what each column holds, as text. Wiped when it is dropped, and without `Debug`.
pub struct OldRow {
    /// The row's id, as it stands there.
    pub id: String,
    cells: BTreeMap<&'static str, Cell>,
}

/// A column that cannot be read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot be read as text")]
pub struct NotText;

type Cell = Result<Option<Zeroizing<String>>, NotText>;

impl OldRow {
    /// What a column holds; `None` if it is NULL or the table has no such column.
    pub fn get(&self, column: &'static str) -> Result<Option<&str>, NotText> {
        match self.cells.get(column) {
            None | Some(Ok(None)) => Ok(None),
            Some(Ok(Some(text))) => Ok(Some(text)),
            Some(Err(error)) => Err(*error),
        }
    }

    /// A row that was never in a table, for tests of who judges it.
    #[must_use]
    pub fn of<'a>(id: &str, cells: impl IntoIterator<Item = (&'static str, &'a str)>) -> Self {
        let cells = cells.into_iter();
        Self {
            id: id.to_owned(),
            cells: cells
                .map(|(column, text)| (column, Ok(Some(Zeroizing::new(text.to_owned())))))
                .collect(),
        }
    }
}

/// A table of the old server in whatever database.
pub struct OldTable {
    pub(super) db: Bounded,
    pub(super) name: String,
    pub(super) columns: Vec<&'static str>,
    shape: Shape,
}

impl fmt::Debug for OldTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OldTable")
            .field("name", &self.name)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl OldTable {
    /// What the old server calls it.
    pub const NAME: &'static str = "tenant_scm_integrations";

    /// Looks what table this is.
    ///
    /// Fails with [`OldTableError::Ours`] if it is the one that this service works with: there is
    /// nothing to be brought over, see
    /// [`seal_in_clear`](crate::ScmIntegrationController::seal_in_clear).
    pub async fn open(db: &DatabaseConnection, name: &str) -> Result<Self, OldTableError> {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !(1..=64).contains(&name.len()) || !name.bytes().all(letters) {
            return Err(OldTableError::Name);
        }
        let db = bounded(db);
        let there = columns_of(&db, name).await?;
        if there.is_empty() {
            return Err(OldTableError::Missing);
        }
        let has = |column: &str| there.iter().any(|it| it == column);
        if let Some(missing) = REQUIRED.into_iter().find(|column| !has(column)) {
            return Err(OldTableError::Foreign(missing));
        }
        if has("credentialVersion") {
            return Err(OldTableError::Ours);
        }
        let known = COLUMNS.into_iter().chain(TIMES);
        Ok(Self {
            shape: if has("owner") && has("repo") {
                Shape::Later
            } else {
                Shape::Original
            },
            columns: known.filter(|column| has(column)).collect(),
            name: name.to_owned(),
            db,
        })
    }

    /// Which of its files made it.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many rows it has.
    pub async fn count(&self) -> Result<u64, OldTableError> {
        let sql = format!("SELECT COUNT(*) FROM {}", self.quoted(&self.name));
        let rows = self.rows(&sql, Vec::new()).await?;
        let count = rows.first().and_then(|row| row.try_get_by_index(0).ok());
        Ok(count.map_or(0, |rows: i64| u64::try_from(rows).unwrap_or_default()))
    }

    /// The next rows by their id; empty behind the last one.
    pub async fn behind(&self, last: Option<&str>) -> Result<Vec<OldRow>, OldTableError> {
        let columns: Vec<_> = self
            .columns
            .iter()
            .map(|column| format!("{} AS {}", self.as_text(column), self.quoted(column)))
            .collect();
        let id = self.quoted("id");
        let mark = match self.backend() {
            DbBackend::Postgres => "$1",
            _ => "?",
        };
        let place = last.map_or(String::new(), |_| format!(" WHERE {id} > {mark}"));
        let sql = format!(
            "SELECT {} FROM {}{place} ORDER BY {id} LIMIT {ROWS_AT_A_TIME}",
            columns.join(", "),
            self.quoted(&self.name)
        );
        let rows = self
            .rows(&sql, last.into_iter().map(Value::from).collect())
            .await?;
        rows.iter().map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &QueryResult) -> Result<OldRow, OldTableError> {
        let cell = |column: &'static str| {
            let text = row.try_get::<Option<String>>("", column);
            (
                column,
                text.map(|text| text.map(Zeroizing::new))
                    .map_err(|_| NotText),
            )
        };
        Ok(OldRow {
            id: row.try_get("", "id").map_err(|_| OldTableError::Id)?,
            cells: self.columns.iter().map(|column| cell(column)).collect(),
        })
    }

    async fn rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<QueryResult>, StoreError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        self.db
            .run(|pool| pool.query_all_raw(statement.clone()))
            .await
    }

    pub(super) fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }

    fn as_text(&self, column: &str) -> String {
        let column = self.quoted(column);
        match self.backend() {
            // Of a latin1 table, too.
            DbBackend::MySql => format!("CAST({column} AS CHAR CHARACTER SET utf8mb4)"),
            _ => format!("CAST({column} AS TEXT)"),
        }
    }

    /// A name between quotes. It was looked up, or has letters and digits alone.
    fn quoted(&self, name: &str) -> String {
        match self.backend() {
            DbBackend::MySql => format!("`{name}`"),
            _ => format!("\"{name}\""),
        }
    }
}

/// The columns of a table; none if it is not there.
async fn columns_of(db: &Bounded, table: &str) -> Result<Vec<String>, StoreError> {
    let backend = db.pool.get_database_backend();
    let sql = match backend {
        DbBackend::MySql => {
            "SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?"
        }
        DbBackend::Postgres => {
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1"
        }
        _ => "SELECT name FROM pragma_table_info(?)",
    };
    let statement = Statement::from_sql_and_values(backend, sql, [table.into()]);
    let rows = db.run(|pool| pool.query_all_raw(statement.clone())).await?;
    Ok(rows
        .iter()
        .filter_map(|row| row.try_get_by_index(0).ok())
        .collect())
}
