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
use tokio::sync::Mutex;

/// How long an answer stands, so that a busy probe costs the database nothing.
const FRESH: Duration = Duration::from_secs(1);

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

    async fn look(&self) -> Vec<ReadyLine> {
        let database = scm_store::ping(&self.db).await;
        if let Err(error) = database {
            return vec![line("database", Err(error.to_string()))];
        }
        let schema = match scm_migrations::status(&self.db).await {
            Ok(status) if status.is_current() => Ok(()),
            Ok(_) => Err("the schema is not this program's".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let keys = scm_store::check_canary(&self.db, &self.cipher).await;
        vec![
            line("database", Ok(())),
            line("schema", schema),
            line("keys", keys.map(|_| ()).map_err(|error| error.to_string())),
        ]
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
