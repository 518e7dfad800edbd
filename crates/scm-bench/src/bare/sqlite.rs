//! SQLite's one writer: what waits is written in one transaction.

use std::{future::Future, pin::Pin, str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};

use super::Failed;

/// The most writes in one transaction.
const GROUP: usize = 64;

/// What is written, on the writer's connection.
type Statement = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> Written<'c> + Send>;

/// What a statement gives.
pub(super) type Written<'c> = Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'c>>;

/// The way to the writer. Clones lead to the same.
#[derive(Clone)]
pub(super) struct Writer(mpsc::UnboundedSender<(Statement, oneshot::Sender<bool>)>);

/// How every connection is opened: as the server does.
pub(super) fn options(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
    let options = SqliteConnectOptions::from_str(url)?
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(10));
    Ok(options.disable_statement_logging())
}

impl Writer {
    /// Starts the writer on a thread of its own.
    pub(super) fn start(url: &str) -> anyhow::Result<Self> {
        let options = options(url)?;
        let (writer, waiting) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::spawn(move || runtime.block_on(write(&options, waiting)));
        Ok(Self(writer))
    }

    /// Returns when it is committed.
    pub(super) async fn write(
        &self,
        statement: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Written<'c> + Send + 'static,
    ) -> Result<(), Failed> {
        let (tell, told) = oneshot::channel();
        self.0.send((Box::new(statement), tell))?;
        if told.await? {
            Ok(())
        } else {
            Err("the writer failed".into())
        }
    }
}

async fn write(
    options: &SqliteConnectOptions,
    mut waiting: mpsc::UnboundedReceiver<(Statement, oneshot::Sender<bool>)>,
) -> Result<(), sqlx::Error> {
    let mut connection = options.connect().await?;
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut connection)
            .await?;
        let mut written = Vec::new();
        for (statement, tell) in group.drain(..) {
            written.push((statement(&mut connection).await.is_ok(), tell));
        }
        let committed = sqlx::query("COMMIT").execute(&mut connection).await;
        for (done, tell) in written {
            // Whoever asked may be gone.
            tell.send(done && committed.is_ok()).ok();
        }
    }
    Ok(())
}
