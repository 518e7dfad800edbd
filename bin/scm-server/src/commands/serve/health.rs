//! Readiness: the database answers, its schema is this program's, the keys open its canary, and
//! the server is not about to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use scm_http::{HealthCheck, ReadyLine};
use scm_store::{Cipher, DatabaseConnection};
use tokio::{sync::Mutex, time::timeout};

/// How long an answer stands, so that a busy probe costs the database nothing.
const FRESH: Duration = Duration::from_secs(1);

/// How long the database may take to answer everything.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at what the server stands on.
pub(super) struct ServerHealth {
    db: DatabaseConnection,
    cipher: Arc<Cipher>,
    draining: Arc<AtomicBool>,
    last: Mutex<Option<(Instant, Vec<ReadyLine>)>>,
}

impl ServerHealth {
    pub(super) fn new(db: DatabaseConnection, cipher: Arc<Cipher>) -> Self {
        Self {
            db,
            cipher,
            draining: Arc::default(),
            last: Mutex::default(),
        }
    }

    /// Set when the server begins to stop.
    pub(super) fn draining(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.draining)
    }

    /// Every line, or that the database did not answer in time. Why something is wrong is for the
    /// log: anybody may ask here.
    async fn look(&self) -> Vec<ReadyLine> {
        let Ok(lines) = timeout(PATIENCE, self.look_at_everything()).await else {
            return vec![line("database", Err("does not answer".to_owned()))];
        };
        lines
    }

    async fn look_at_everything(&self) -> Vec<ReadyLine> {
        if let Err(error) = scm_store::ping(&self.db).await {
            tracing::warn!(%error, "not ready: database");
            return vec![line("database", Err("does not answer".to_owned()))];
        }
        let schema = match scm_migrations::status(&self.db).await {
            Ok(status) if status.is_current() => self.look_at_tables().await,
            Ok(_) => Err("is not this program's".to_owned()),
            Err(error) => {
                tracing::warn!(%error, "not ready: schema");
                Err("cannot be read".to_owned())
            }
        };
        let keys = match scm_store::canaries_open(&self.db, &self.cipher).await {
            Ok(true) => Ok(()),
            Ok(false) => Err("the canary of the current key is gone".to_owned()),
            Err(error) => {
                tracing::warn!(%error, "not ready: keys");
                Err("are not the ones of this database".to_owned())
            }
        };
        vec![
            line("database", Ok(())),
            line("schema", schema),
            line("keys", keys),
        ]
    }

    /// Every step was applied; somebody may have removed what it made.
    async fn look_at_tables(&self) -> Result<(), String> {
        match scm_migrations::missing_tables(&self.db).await {
            Ok(missing) if missing.is_empty() => Ok(()),
            Ok(missing) => {
                let tables = missing.join(", ");
                tracing::error!(
                    tables,
                    "not ready: tables are missing; restore them from a backup"
                );
                Err("has lost a table".to_owned())
            }
            Err(error) => {
                tracing::warn!(%error, "not ready: schema");
                Err("cannot be read".to_owned())
            }
        }
    }
}

fn line(name: &'static str, result: Result<(), String>) -> ReadyLine {
    ReadyLine {
        name,
        ok: result.is_ok(),
        reason: result.err(),
    }
}

#[async_trait::async_trait]
impl HealthCheck for ServerHealth {
    async fn ready(&self) -> Vec<ReadyLine> {
        let mut lines = {
            let mut last = self.last.lock().await;
            match &*last {
                Some((at, lines)) if at.elapsed() < FRESH => lines.clone(),
                _ => {
                    let lines = self.look().await;
                    *last = Some((Instant::now(), lines.clone()));
                    lines
                }
            }
        };
        let draining = self.draining.load(Ordering::SeqCst);
        lines.push(line(
            "accepting",
            if draining {
                Err("stopping".to_owned())
            } else {
                Ok(())
            },
        ));
        lines
    }
}
