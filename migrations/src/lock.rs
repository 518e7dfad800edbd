//! One migrator at a time, whatever number of processes start at once.
//!
//! - PostgreSQL and SQLite: everything runs in one transaction, which holds an advisory lock or
//!   the write lock. It happens as a whole or not at all.
//! - MySQL and MariaDB commit at every schema statement, so a connection of its own holds a named
//!   lock while another one works. If the process dies, the server gives the lock back.

use sea_orm_migration::{
    MigratorTrait,
    sea_orm::{
        ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
        SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx,
    },
};

use crate::{
    MigrateError, Migrator,
    backend::number,
    status::{Status, status_on},
};

/// How long to wait for another migrator.
pub(crate) const WAIT_SECONDS: u32 = 60;

/// What to do under the lock.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    Up(Option<u32>),
    Down(u32),
}

/// The advisory lock's number; any constant that nobody else uses.
const POSTGRES_LOCK: i64 = 0x5343_4d49_4752_4154;

/// Carries out `change` alone; gives the schema's state before and after it.
pub(crate) async fn exclusively(
    db: &DatabaseConnection,
    change: Change,
) -> Result<(Status, Status), MigrateError> {
    if db.get_database_backend() == DbBackend::MySql {
        return under_named_lock(db, change).await;
    }
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let txn = db.begin_with_options(options).await.map_err(locked)?;
    if db.get_database_backend() == DbBackend::Postgres {
        take_advisory_lock(&txn).await?;
    }
    let before = status_on(&txn).await?;
    refuse_newer(&before)?;
    match change {
        Change::Up(steps) => Migrator::up(&txn, steps).await?,
        Change::Down(steps) => Migrator::down(&txn, Some(steps)).await?,
    }
    let after = status_on(&txn).await?;
    txn.commit().await?;
    Ok((before, after))
}

async fn take_advisory_lock(txn: &DatabaseTransaction) -> Result<(), MigrateError> {
    // Limits that the host's pool may have set are for requests, not for schema changes.
    txn.execute_unprepared(&format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{WAIT_SECONDS}s'"
    ))
    .await?;
    txn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({POSTGRES_LOCK})"))
        .await
        .map_err(locked)?;
    // A step that waits for a busy table makes everybody behind it wait too: give up early.
    txn.execute_unprepared("SET LOCAL lock_timeout = '10s'")
        .await?;
    Ok(())
}

async fn under_named_lock(
    db: &DatabaseConnection,
    change: Change,
) -> Result<(Status, Status), MigrateError> {
    // Open only to keep one connection to itself; nothing is written in it.
    let holder = db.begin().await?;
    // Names are shared by all databases of a server, and at most 64 characters long.
    let taken = number(
        &holder,
        &format!("SELECT GET_LOCK(CONCAT('scm_migrations:', MD5(DATABASE())), {WAIT_SECONDS})"),
        &[],
    )
    .await?;
    if taken != Some(1) {
        return Err(MigrateError::Locked {
            seconds: WAIT_SECONDS,
        });
    }
    let result = change_mysql(db, change).await;
    // The lock belongs to the connection, which goes back to a pool: give it back in any case.
    let released = holder
        .execute_unprepared("DO RELEASE_LOCK(CONCAT('scm_migrations:', MD5(DATABASE())))")
        .await;
    holder.rollback().await.ok();
    let states = result?;
    released?;
    Ok(states)
}

async fn change_mysql(
    db: &DatabaseConnection,
    change: Change,
) -> Result<(Status, Status), MigrateError> {
    let before = status_on(db).await?;
    refuse_newer(&before)?;
    match change {
        Change::Up(steps) => Migrator::up(db, steps).await?,
        Change::Down(steps) => Migrator::down(db, Some(steps)).await?,
    }
    Ok((before, status_on(db).await?))
}

fn refuse_newer(status: &Status) -> Result<(), MigrateError> {
    if status.unknown.is_empty() {
        return Ok(());
    }
    if status.unfinished_import().is_some() {
        return Err(MigrateError::ImportNotFinished);
    }
    Err(MigrateError::NewerSchema {
        newest: status.newest().to_owned(),
        unknown: status.unknown.clone(),
    })
}

/// Waiting in vain is a case of its own: PostgreSQL's `lock_not_available`, SQLite's `BUSY`.
fn locked(error: DbErr) -> MigrateError {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = &error
    else {
        return error.into();
    };
    let sqlx::Error::Database(database) = cause.as_ref() else {
        return error.into();
    };
    match database.code().as_deref() {
        Some("55P03" | "5" | "261" | "517") => MigrateError::Locked {
            seconds: WAIT_SECONDS,
        },
        _ => error.into(),
    }
}
