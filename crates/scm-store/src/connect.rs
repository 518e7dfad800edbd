//! From a URL to a pool that stays usable. The one file that tells the backends apart by URL.
//!
//! - No statement is logged by the driver: its log would hold SQL, and values with it.
//! - A connection that froze or broke costs one call at the most; it never keeps its place in the
//!   pool, see `server_pool`.
//! - Every session has its own time limits on the server, so that a statement whose caller has
//!   given up does not go on there.
//! - SQLite runs in WAL mode with `synchronous = FULL`: readers and the writer do not wait for each
//!   other, and what was acknowledged is on disk. `NORMAL` would lose the last writes when the
//!   power fails, though the file stays whole; a credential that a tenant was told is stored is
//!   worth one `fsync`.
//! - SQLite has one writer at a time. A write of the store is one statement, which takes the lock at
//!   once and waits for it, or a transaction with its row of the audit log; one that reads first and
//!   writes later would fail, so it is begun IMMEDIATE.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, SqlxMySqlConnector, SqlxPostgresConnector,
    SqlxSqliteConnector, Statement,
    sqlx::{
        self, Connection, MySql, Postgres, Sqlite,
        mysql::MySqlConnectOptions,
        pool::PoolOptions,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
    },
};

use crate::{
    DriverError, StoreError,
    driver::{Meaning, classify_sqlx},
    query::Bounded,
    server_pool,
};

/// How to connect. The defaults serve one process with a few dozen requests at a time.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Most connections at a time. On SQLite eight are enough, and more are not opened.
    pub max_connections: u32,
    /// Connections that are kept open.
    pub min_connections: u32,
    /// How long a call waits for a connection, and [`connect`] for the database.
    pub acquire_timeout: Duration,
    /// How long one statement may take on the server.
    pub statement_timeout: Duration,
    /// How long a connection may be unused; after that a new one takes its place at the next use.
    pub idle_timeout: Duration,
    /// How old a connection may get; an older one is closed when it comes back.
    pub max_lifetime: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            max_connections: 10,
            min_connections: 0,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(10),
            max_lifetime: Duration::from_mins(30),
        }
    }
}

impl ConnectOptions {
    /// How long a call may take that waits for a connection and runs a statement.
    #[must_use]
    pub fn call_limit(&self) -> Duration {
        self.acquire_timeout + self.statement_timeout
    }
}

/// How long [`ping`] waits.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

const SQLITE_CONNECTIONS: u32 = 8;

/// Opens a pool on `sqlite:`, `mysql://` or `postgres://`; on SQLite makes the file if it is
/// missing.
///
/// Fails with [`StoreError::Url`] if the URL cannot be read, and with [`StoreError::Unavailable`]
/// if the database does not answer within `acquire_timeout` or refuses the login; its source says
/// which.
///
/// Closing the pool waits for connections that are being replaced, and so for a server that froze:
/// whoever closes it should set a limit.
pub async fn connect(
    url: &str,
    options: &ConnectOptions,
) -> Result<DatabaseConnection, StoreError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => sqlite(url, options).await,
        Some("mysql" | "mariadb") => mysql(url, options).await,
        Some("postgres" | "postgresql") => postgres(url, options).await,
        _ => Err(StoreError::Url),
    }
}

/// Opens a pool to look: an embedded database is opened read-only, no file is made and its journal mode
/// is left as it is. A database server is opened as by [`connect`].
///
/// Fails as [`connect`] does, and with [`StoreError::Unavailable`] if there is no file.
pub async fn connect_to_look(
    url: &str,
    options: &ConnectOptions,
) -> Result<DatabaseConnection, StoreError> {
    let Some(file) = sqlite_file(url) else {
        return connect(url, options).await;
    };
    let driver = look_options(url, &file, options.statement_timeout)?;
    dial::<Sqlite>(&driver, options).await?;
    let pool = PoolOptions::<Sqlite>::new()
        .max_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(driver);
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// How an embedded database is opened to look.
fn look_options(
    url: &str,
    file: &Path,
    busy: Duration,
) -> Result<SqliteConnectOptions, StoreError> {
    // Nobody has it open who would write a journal beside it; opened otherwise, it would be given one
    // by the look alone.
    let is_quiet = ["-wal", "-journal"].iter().all(|suffix| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        !PathBuf::from(name).exists()
    });
    Ok(parse::<SqliteConnectOptions>(url)?
        .create_if_missing(false)
        .read_only(true)
        .immutable(is_quiet)
        .busy_timeout(busy))
}

/// The file of an embedded database; `None` for any other database, and for one in memory.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || in_memory(url) {
        return None;
    }
    let options = parse::<SqliteConnectOptions>(url).ok()?;
    Some(options.get_filename().to_owned())
}

/// Asks the database for an answer. Fails with [`StoreError::Unavailable`] if none comes soon.
pub async fn ping(db: &DatabaseConnection) -> Result<(), StoreError> {
    let bounded = Bounded::new(db.clone(), HEALTH_LIMIT);
    bounded
        .run(|pool| {
            pool.query_one_raw(Statement::from_string(
                pool.get_database_backend(),
                "SELECT 1",
            ))
        })
        .await
        .map(|_| ())
}

async fn sqlite(url: &str, options: &ConnectOptions) -> Result<DatabaseConnection, StoreError> {
    let driver = parse::<SqliteConnectOptions>(url)?
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(options.statement_timeout);
    let mut pool = PoolOptions::<Sqlite>::new()
        .acquire_timeout(options.acquire_timeout)
        // A file does not go away like a server, and in memory closing would lose everything.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    if in_memory(url) {
        // Each connection would be a database of its own.
        pool = pool.max_connections(1).min_connections(1);
    } else {
        pool = pool
            .after_release(|connection, _| Box::pin(has_no_transaction(connection)))
            .max_connections(options.max_connections.clamp(1, SQLITE_CONNECTIONS))
            .min_connections(options.min_connections.min(SQLITE_CONNECTIONS));
        // Sets the journal mode once, alone; the pool's connections then find it set.
        dial::<Sqlite>(&driver, options).await?;
    }
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(
        pool.connect_lazy_with(driver),
    ))
}

/// Whether a connection that comes back is outside any transaction; one that is not is closed.
///
/// When a write finds no room, SQLite rolls the transaction back by itself, and the driver's own ROLLBACK
/// fails. The driver then still counts a transaction: what is begun next is a savepoint for it, whose
/// rollback leaves a transaction open, and later writes would be part of that and never be committed.
async fn has_no_transaction(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if !connection.is_in_transaction() {
        return Ok(true);
    }
    // A rollback may be on its way; what is asked behind it is answered behind it.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

fn in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

async fn mysql(url: &str, options: &ConnectOptions) -> Result<DatabaseConnection, StoreError> {
    let driver = parse::<MySqlConnectOptions>(url)?;
    dial::<MySql>(&driver, options).await?;
    Ok(SqlxMySqlConnector::from_sqlx_mysql_pool(server_pool::open(
        driver, options,
    )))
}

async fn postgres(url: &str, options: &ConnectOptions) -> Result<DatabaseConnection, StoreError> {
    let driver = parse::<PgConnectOptions>(url)?.application_name("scm-integration");
    dial::<Postgres>(&driver, options).await?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(
        server_pool::open(driver, options),
    ))
}

/// Parsed by the driver, with its log of statements switched off. Its error could hold the URL.
pub(crate) fn parse<O: sqlx::ConnectOptions + FromStr>(url: &str) -> Result<O, StoreError> {
    let options: O = url.parse().map_err(|_| StoreError::Url)?;
    Ok(options.disable_statement_logging())
}

/// Connects once without the pool: a pool says only that the time is over, this says why.
async fn dial<DB: sqlx::Database>(
    driver: &<DB::Connection as Connection>::Options,
    options: &ConnectOptions,
) -> Result<(), StoreError> {
    let attempts = async {
        loop {
            let error = match DB::Connection::connect_with(driver).await {
                Ok(connection) => {
                    connection.close().await.ok();
                    return Ok(());
                }
                Err(error) => classify_sqlx(&error),
            };
            // SQLite: another process is setting the journal mode at this moment.
            if error.0 != Meaning::Contended {
                return Err(StoreError::from_driver(error));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(options.acquire_timeout, attempts).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Unavailable {
            source: DriverError::new("the server does not answer"),
        }),
    }
}
