//! Beginning a transaction so that it is never half begun.
//!
//! Who gives up while BEGIN is under way (a caller that went away, a time limit) leaves a
//! transaction on the server that sqlx does not count: it sends no ROLLBACK, the connection goes
//! back to the pool, and what the next one writes through it is never committed. Our own pools clear
//! that up (`server_pool`), a host's pool does not. So the statement runs in a task of its own, which
//! nobody gives up: what it begins for a caller that is gone is rolled back like any other.

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

/// Begins a transaction that writes.
///
/// SQLite takes its one lock here: a transaction that reads first could not write behind others.
pub(crate) async fn begin_to_write(
    pool: &DatabaseConnection,
) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    begin(pool, options).await
}

/// Begins a transaction. The one way to do it here.
pub(crate) async fn begin(
    pool: &DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction, DbErr> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with_options(options).await });
    // It ends otherwise only by a panic or with its runtime.
    begun
        .await
        .unwrap_or_else(|error| Err(DbErr::Conn(RuntimeErr::Internal(error.to_string()))))
}
