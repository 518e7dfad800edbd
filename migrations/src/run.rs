//! Applying and taking back steps.

use std::{str::FromStr, time::Duration};

use sea_orm_migration::sea_orm::{
    DatabaseConnection, DbErr, RuntimeErr, SqlxMySqlConnector, SqlxPostgresConnector,
    SqlxSqliteConnector,
    sqlx::{
        self, ConnectOptions, mysql::MySqlConnectOptions, pool::PoolOptions,
        postgres::PgConnectOptions, sqlite::SqliteConnectOptions,
    },
};

use crate::{
    MigrateError, Status,
    lock::{Change, WAIT_SECONDS, exclusively},
};

/// Applies pending steps, all of them or the next `steps`; gives the names of those applied.
///
/// Any number of processes may do this at once: one works, the others wait and then find nothing
/// left to do. Fails with [`MigrateError::NewerSchema`] if the database has steps that this
/// program does not know, with [`MigrateError::Locked`] if another process takes too long.
pub async fn up(url: &str, steps: Option<u32>) -> Result<Vec<String>, MigrateError> {
    let db = connect(url).await?;
    let result = up_on(&db, steps).await;
    db.close().await.ok();
    result
}

/// Takes back the newest `steps` steps; gives their names. What they held is lost.
///
/// Fails as [`up`] does, and if the first step is to be taken back while its table has rows.
pub async fn down(url: &str, steps: u32) -> Result<Vec<String>, MigrateError> {
    let db = connect(url).await?;
    let result = down_on(&db, steps).await;
    db.close().await.ok();
    result
}

/// [`up`] on an existing connection, for `sqlite::memory:` and embedding hosts. On MySQL the pool
/// must be able to give two connections.
pub async fn up_on(
    db: &DatabaseConnection,
    steps: Option<u32>,
) -> Result<Vec<String>, MigrateError> {
    let (before, after) = exclusively(db, Change::Up(steps)).await?;
    Ok(changed(&before, &after))
}

/// [`down`] on an existing connection. On MySQL the pool must be able to give two connections.
pub async fn down_on(db: &DatabaseConnection, steps: u32) -> Result<Vec<String>, MigrateError> {
    let (before, after) = exclusively(db, Change::Down(steps)).await?;
    Ok(changed(&before, &after))
}

fn changed(before: &Status, after: &Status) -> Vec<String> {
    before
        .steps
        .iter()
        .zip(&after.steps)
        .filter(|(before, after)| before.applied != after.applied)
        .map(|(step, _)| step.name.clone())
        .collect()
}

/// A pool without the limits that serve requests: a schema change may take its time.
pub(crate) async fn connect(url: &str) -> Result<DatabaseConnection, MigrateError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => {
            let options = options::<SqliteConnectOptions>(url)?
                .create_if_missing(true)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(WAIT_SECONDS.into()));
            let pool = pool(1).connect_with(options).await;
            Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(
                pool.map_err(unreachable)?,
            ))
        }
        Some("mysql" | "mariadb") => {
            let pool = pool(2)
                .connect_with(options::<MySqlConnectOptions>(url)?)
                .await;
            Ok(SqlxMySqlConnector::from_sqlx_mysql_pool(
                pool.map_err(unreachable)?,
            ))
        }
        Some("postgres" | "postgresql") => {
            let pool = pool(1)
                .connect_with(options::<PgConnectOptions>(url)?)
                .await;
            Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(
                pool.map_err(unreachable)?,
            ))
        }
        _ => Err(MigrateError::Url),
    }
}

/// Parsed by the driver, with its log of statements switched off.
fn options<O: ConnectOptions + FromStr>(url: &str) -> Result<O, MigrateError> {
    let options: O = url.parse().map_err(|_| MigrateError::Url)?;
    Ok(options.disable_statement_logging())
}

fn pool<DB: sqlx::Database>(connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None)
        .max_lifetime(None)
}

fn unreachable(error: sqlx::Error) -> MigrateError {
    MigrateError::Connect(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}
