//! Pools on database servers that survive what happens to sockets.
//!
//! sqlx takes a connection back with a ping that has no time limit, and throws one away by a
//! goodbye that, over TLS, waits for the peer to say something (its `flush` with nothing to write
//! reads). If the peer froze, both wait for ever, and with them the connection's place in the pool:
//! a few frozen sockets and the pool never gives out a connection again.
//!
//! So the hooks here ping with a limit, and they never hand a connection that did not answer back
//! to sqlx: they put a new one in its place and drop the old one, which closes the socket without a
//! word. Age and idleness are judged here too, for sqlx says goodbye to those without asking first.
//!
//! The statement at each release runs in a task of its own when the caller already has its answer. It
//! cannot be left out for connections that look fine: sqlx sends its own ping, without a limit, right
//! behind the hook, and the hook is not told whether the last statement was given up half-way. It is
//! no mere ping either: whoever gives up while BEGIN is under way leaves a transaction that sqlx does
//! not know of, and the next one's writes would be part of it and never be committed.

use std::{
    future::Future,
    mem,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection, Executor, MySql, MySqlConnection, PgConnection, Pool,
    Postgres, Row as _, pool::PoolOptions,
};

use crate::ConnectOptions;

/// How long a connection may take to answer a ping.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// A connection that answered more recently is not asked again before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Between two attempts to replace a connection while the server is away.
const PAUSE: Duration = Duration::from_millis(250);

/// A server's kind: how a session begins.
pub(crate) trait Server: sqlx::Database {
    /// Sets the session's own limits, so that a statement whose caller has given up ends.
    fn begin(
        connection: &mut Self::Connection,
        limit: Duration,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Ends whatever transaction may be open, without a warning in the server's log if none is, and
    /// fails if the connection answers anything but what it is asked.
    fn settle(
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

impl Server for MySql {
    async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        // Answers carry no number. Whoever gives up while a statement is prepared, or between the
        // two halves of a packet, leaves bytes that would be taken for the next one's answer, and
        // any OK among them for this one's. What nobody asked before can only be told in its place.
        static ASKED: AtomicI64 = AtomicI64::new(0);
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let question = AssertSqlSafe(format!("ROLLBACK; SELECT {asked}"));
        let told = sqlx::raw_sql(question).fetch_all(connection).await?;
        match told.as_slice() {
            [row] if row.try_get::<i64, _>(0)? == asked => Ok(()),
            _ => Err(sqlx::Error::Protocol("an answer to something else".into())),
        }
    }

    async fn begin(connection: &mut MySqlConnection, limit: Duration) -> Result<(), sqlx::Error> {
        let version: String = sqlx::query_scalar("SELECT VERSION()")
            .fetch_one(&mut *connection)
            .await?;
        // The one limits every statement, in seconds; the other reads only, in milliseconds.
        let statement_limit = if version.contains("MariaDB") {
            format!("max_statement_time = {}", limit.as_secs_f64())
        } else {
            format!("max_execution_time = {}", limit.as_millis())
        };
        // Without strict mode a value that is too long would be cut in silence.
        let session = format!(
            "SET SESSION {statement_limit}, innodb_lock_wait_timeout = {}, sql_mode = \
             CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')",
            limit.as_secs().max(1)
        );
        connection.execute(AssertSqlSafe(session)).await?;
        Ok(())
    }
}

impl Server for Postgres {
    async fn settle(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        // ROLLBACK alone warns where there is nothing to end, which is nearly always.
        connection.execute("BEGIN; ROLLBACK").await.map(drop)
    }

    async fn begin(connection: &mut PgConnection, limit: Duration) -> Result<(), sqlx::Error> {
        let limit = limit.as_millis().max(1);
        // As a statement, not as start-up options: poolers in between refuse those.
        let session = format!(
            "SET statement_timeout = {limit}; SET lock_timeout = {limit}; \
             SET idle_in_transaction_session_timeout = {}",
            limit.saturating_mul(6)
        );
        connection.execute(AssertSqlSafe(session)).await?;
        Ok(())
    }
}

type Driver<DB> = <<DB as sqlx::Database>::Connection as Connection>::Options;

/// What the hooks need to make a connection by themselves.
struct Source<DB: Server> {
    driver: Driver<DB>,
    options: ConnectOptions,
}

impl<DB: Server> Source<DB> {
    async fn fresh(&self) -> Result<DB::Connection, sqlx::Error> {
        let connecting = async {
            let mut connection = DB::Connection::connect_with(&self.driver).await?;
            DB::begin(&mut connection, self.options.statement_timeout).await?;
            Ok(connection)
        };
        match tokio::time::timeout(self.options.acquire_timeout, connecting).await {
            Ok(connection) => connection,
            Err(_) => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// Before a connection is given out: one that may be dead is asked, and replaced if it is.
    async fn before_use(
        &self,
        connection: &mut DB::Connection,
        idle_for: Duration,
    ) -> Result<bool, sqlx::Error> {
        let usable = idle_for < TRUSTED_FOR
            || (idle_for < self.options.idle_timeout && ping(connection).await.is_ok());
        if !usable {
            drop(mem::replace(connection, self.fresh().await?));
        }
        Ok(true)
    }

    /// When a connection comes back: `Ok(false)` makes sqlx say goodbye to one that is alive, an
    /// error close one whose socket is known to be broken, and neither waits for a frozen peer.
    async fn after_use(
        &self,
        connection: &mut DB::Connection,
        age: Duration,
    ) -> Result<bool, sqlx::Error> {
        match settle::<DB>(connection).await {
            Ok(()) => Ok(age < self.options.max_lifetime),
            Err(error @ sqlx::Error::Io(_)) => Err(error),
            // Until there is a new one the place has to be held: giving it up means the goodbye.
            Err(_) => loop {
                if let Ok(fresh) = self.fresh().await {
                    drop(mem::replace(connection, fresh));
                    return Ok(true);
                }
                tokio::time::sleep(PAUSE).await;
            },
        }
    }
}

async fn ping<C: Connection>(connection: &mut C) -> Result<(), sqlx::Error> {
    match tokio::time::timeout(PING_LIMIT, connection.ping()).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

async fn settle<DB: Server>(connection: &mut DB::Connection) -> Result<(), sqlx::Error> {
    match tokio::time::timeout(PING_LIMIT, DB::settle(connection)).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}

/// A pool whose connections are made when they are needed.
pub(crate) fn open<DB>(driver: Driver<DB>, options: &ConnectOptions) -> Pool<DB>
where
    DB: Server,
    Driver<DB>: Clone,
{
    let source = Arc::new(Source::<DB> {
        driver: driver.clone(),
        options: options.clone(),
    });
    let (before, after) = (Arc::clone(&source), Arc::clone(&source));
    PoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .min_connections(options.min_connections)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let limit = source.options.statement_timeout;
            Box::pin(DB::begin(connection, limit))
        })
        .before_acquire(move |connection, meta| {
            let source = Arc::clone(&before);
            Box::pin(async move { source.before_use(connection, meta.idle_for).await })
        })
        .after_release(move |connection, meta| {
            let source = Arc::clone(&after);
            Box::pin(async move { source.after_use(connection, meta.age).await })
        })
        .connect_lazy_with(driver)
}
