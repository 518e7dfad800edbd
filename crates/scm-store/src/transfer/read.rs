//! Reading whole tables as they were at one moment, row by row.
//!
//! One transaction that only reads: writers beside it neither wait nor are seen. It has a connection of
//! its own, without the limits of those that serve requests.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use scm_types::Timestamp;
use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection as _, Executor as _, MySql, MySqlConnection, PgConnection,
    Postgres, Row as _, SqliteConnection, mysql::MySqlConnectOptions, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

use super::{Cell, CellKind, Row, TableShape, TransferError};
use crate::{StoreError, connect::parse, driver::classify_sqlx, server_pool::Server as _};

/// A table may take its time.
const LIMIT: Duration = Duration::from_hours(6);

/// How long SQLite waits for whoever writes.
const BUSY: Duration = Duration::from_secs(30);

/// Reads the tables of a database.
pub struct RowReader(Kind);

enum Kind {
    Sqlite(SqliteConnection),
    Mysql(MySqlConnection),
    Postgres(PgConnection),
}

/// Runs the same for each kind of connection.
macro_rules! on_connection {
    ($kind:expr, $connection:ident => $work:expr) => {
        match $kind {
            Kind::Sqlite($connection) => $work,
            Kind::Mysql($connection) => $work,
            Kind::Postgres($connection) => $work,
        }
    };
}

impl RowReader {
    /// Opens a database to read; what is written from now on is not seen.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::opened(url)
            .await
            .map_err(|error| StoreError::from_driver(classify_sqlx(&error)))
    }

    async fn opened(url: &str) -> Result<Self, sqlx::Error> {
        let unusable = |_| sqlx::Error::Configuration("the URL".into());
        let (kind, begin): (_, &[&'static str]) = if url.starts_with("sqlite:") {
            // Not read-only: the lock that keeps what is read as it is needs its side files.
            let options = parse::<SqliteConnectOptions>(url)
                .map_err(unusable)?
                .create_if_missing(false)
                // Rows can be large: few of them wait to be taken.
                .row_buffer_size(4)
                .busy_timeout(BUSY);
            let connection = SqliteConnection::connect_with(&options).await?;
            (Kind::Sqlite(connection), &["BEGIN"])
        } else if url.starts_with("postgres") {
            let options = parse::<PgConnectOptions>(url).map_err(unusable)?;
            let mut connection = PgConnection::connect_with(&options).await?;
            Postgres::begin(&mut connection, LIMIT).await?;
            let begin = &["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"];
            (Kind::Postgres(connection), begin)
        } else {
            let options = parse::<MySqlConnectOptions>(url).map_err(unusable)?;
            let mut connection = MySqlConnection::connect_with(&options).await?;
            MySql::begin(&mut connection, LIMIT).await?;
            let begin = &[
                "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
            ];
            (Kind::Mysql(connection), begin)
        };
        let mut reader = Self(kind);
        for statement in begin {
            on_connection!(&mut reader.0, connection => {
                connection.execute(*statement).await?;
            });
        }
        Ok(reader)
    }

    /// How many rows a table has.
    pub async fn count(&mut self, table: &TableShape) -> Result<u64, TransferError> {
        let quote = self.quote();
        let sql = format!("SELECT COUNT(*) FROM {quote}{}{quote}", table.name);
        let counted: Result<i64, _> = on_connection!(&mut self.0, connection => {
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await
        });
        let counted = counted.map_err(|error| failed(table, &error))?;
        Ok(u64::try_from(counted).unwrap_or_default())
    }

    /// Gives every row of a table, in whatever order the database has them.
    pub async fn each(
        &mut self,
        table: &TableShape,
        take: &mut (dyn FnMut(Row) -> Result<(), TransferError> + Send),
    ) -> Result<(), TransferError> {
        let sql = self.select(table);
        let times_are_text = matches!(self.0, Kind::Sqlite(_));
        on_connection!(&mut self.0, connection => {
            let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
            while let Some(row) = rows.try_next().await.map_err(|error| failed(table, &error))? {
                let cells = table.columns.iter().enumerate().map(|(index, (name, kind))| {
                    // The statement has made them these types.
                    let text = || row.try_get_unchecked::<Option<String>, _>(index);
                    let number = || row.try_get_unchecked::<Option<i64>, _>(index);
                    cell(*kind, times_are_text, text, number).ok_or_else(|| TransferError::Corrupt {
                        table: table.name.clone(),
                        column: name.clone(),
                    })
                });
                take(Row(cells.collect::<Result<_, _>>()?))?;
            }
        });
        Ok(())
    }

    /// Ends the transaction and the connection.
    pub async fn close(self) {
        match self.0 {
            Kind::Sqlite(connection) => connection.close().await.ok(),
            Kind::Mysql(connection) => connection.close().await.ok(),
            Kind::Postgres(connection) => connection.close().await.ok(),
        };
    }

    fn quote(&self) -> char {
        match self.0 {
            Kind::Mysql(_) => '`',
            _ => '"',
        }
    }

    /// Every column as text or as a number. The names are the schema's.
    fn select(&self, table: &TableShape) -> String {
        let quote = self.quote();
        let columns = table.columns.iter().map(|(name, kind)| {
            let column = format!("{quote}{name}{quote}");
            match (&self.0, kind) {
                (_, CellKind::Text) | (Kind::Sqlite(_), _) => column,
                (Kind::Mysql(_), CellKind::Time) => format!(
                    "CAST(FLOOR(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column}) / 1000) AS SIGNED)"
                ),
                (Kind::Mysql(_), _) => format!("CAST({column} AS SIGNED)"),
                (Kind::Postgres(_), CellKind::Time) => {
                    format!("CAST(ROUND(EXTRACT(EPOCH FROM {column}) * 1000) AS BIGINT)")
                }
                (Kind::Postgres(_), CellKind::Flag) => {
                    format!("CAST(CAST({column} AS INTEGER) AS BIGINT)")
                }
                (Kind::Postgres(_), _) => format!("CAST({column} AS BIGINT)"),
            }
        });
        let columns: Vec<_> = columns.collect();
        format!(
            "SELECT {} FROM {quote}{}{quote}",
            columns.join(", "),
            table.name
        )
    }
}

/// A cell; `None` if it cannot be what its column holds.
fn cell(
    kind: CellKind,
    times_are_text: bool,
    text: impl Fn() -> Result<Option<String>, sqlx::Error>,
    number: impl Fn() -> Result<Option<i64>, sqlx::Error>,
) -> Option<Cell> {
    let cell = match kind {
        CellKind::Text => text().ok()?.map(Cell::Text),
        CellKind::Number => number().ok()?.map(Cell::Number),
        CellKind::Flag => match number().ok()? {
            Some(flag @ (0 | 1)) => Some(Cell::Flag(flag == 1)),
            Some(_) => return None,
            None => None,
        },
        CellKind::Time if times_are_text => match text().ok()? {
            Some(text) => Some(Cell::Time(Timestamp::parse(&text).ok()?)),
            None => None,
        },
        CellKind::Time => match number().ok()? {
            Some(millis) => Some(Cell::Time(Timestamp::from_millis(millis)?)),
            None => None,
        },
    };
    Some(cell.unwrap_or(Cell::Null))
}

fn failed(table: &TableShape, error: &sqlx::Error) -> TransferError {
    TransferError::table(&table.name, classify_sqlx(error))
}
