//! A connection with bounds: every call ends in time, and what was only contended is tried again.

use std::{
    future::Future,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use sea_orm::{DatabaseConnection, DbBackend, DbErr};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    DriverError, StoreError,
    driver::{Meaning, classify},
};

/// How often a statement that another one stood in the way of is run.
const ATTEMPTS: u32 = 5;

/// A pool, and the longest time that one call may take.
#[derive(Clone)]
pub(crate) struct Bounded {
    pub(crate) pool: DatabaseConnection,
    pub(crate) limit: Duration,
    turns: Arc<[Mutex<()>]>,
}

/// How many tenants' writers can be at work at once.
const TURNS: usize = 64;

impl Bounded {
    pub(crate) fn new(pool: DatabaseConnection, limit: Duration) -> Self {
        let writers = match pool.get_database_backend() {
            // It has one writer, and those who wait for that need not do it in its sight.
            DbBackend::Sqlite => 1,
            _ => TURNS,
        };
        let turns = std::iter::repeat_with(Mutex::default).take(writers);
        Self {
            pool,
            limit,
            turns: turns.collect(),
        }
    }

    /// Runs what the writers of one tenant's chain can only do one after the other. They queue up here, and
    /// not each with a connection in its hands: many of one tenant would take the pool from all
    /// others.
    pub(crate) async fn in_turn<'a, T, F, R>(
        &'a self,
        chain: &str,
        write: F,
    ) -> Result<T, (Meaning, DriverError)>
    where
        F: Fn(&'a DatabaseConnection) -> R,
        R: Future<Output = Result<T, DbErr>>,
    {
        let mut hasher = DefaultHasher::new();
        chain.hash(&mut hasher);
        let turn = usize::try_from(hasher.finish() % self.turns.len() as u64).unwrap_or_default();
        let queued = async {
            let _turn = match self.turns.get(turn) {
                Some(turn) => Some(turn.lock().await),
                None => None,
            };
            self.attempt(write).await
        };
        match timeout(self.limit, queued).await {
            Ok(result) => result,
            Err(_) => Err((Meaning::Away, DriverError::new("no answer in time"))),
        }
    }

    /// Runs a write that many are made of. Where the database has one writer they queue up here, in
    /// their order: in the database's sight they would sleep, and wake up too late.
    pub(crate) async fn as_writer<'a, T, F, R>(
        &'a self,
        write: F,
    ) -> Result<T, (Meaning, DriverError)>
    where
        F: Fn(&'a DatabaseConnection) -> R,
        R: Future<Output = Result<T, DbErr>>,
    {
        let turn = match (&*self.turns, self.pool.get_database_backend()) {
            ([only], DbBackend::Sqlite) => Some(only),
            _ => None,
        };
        let queued = async {
            let _turn = match turn {
                Some(turn) => Some(turn.lock().await),
                None => None,
            };
            self.attempt(write).await
        };
        match timeout(self.limit, queued).await {
            Ok(result) => result,
            Err(_) => Err((Meaning::Away, DriverError::new("no answer in time"))),
        }
    }

    /// Runs one statement, again if it met a deadlock or a lock; it has then done nothing.
    ///
    /// A lost connection is not tried again: whether the statement was carried out is unknown.
    pub(crate) async fn run<'a, T, F, R>(&'a self, statement: F) -> Result<T, StoreError>
    where
        F: Fn(&'a DatabaseConnection) -> R,
        R: Future<Output = Result<T, DbErr>>,
    {
        self.attempt(statement)
            .await
            .map_err(StoreError::from_driver)
    }

    /// The same for who wants to know what the failure means.
    pub(crate) async fn attempt<'a, T, F, R>(
        &'a self,
        statement: F,
    ) -> Result<T, (Meaning, DriverError)>
    where
        F: Fn(&'a DatabaseConnection) -> R,
        R: Future<Output = Result<T, DbErr>>,
    {
        let attempts = async {
            let mut attempt = 1;
            loop {
                let error = match statement(&self.pool).await {
                    Ok(value) => return Ok(value),
                    Err(error) => classify(&error),
                };
                if error.0 != Meaning::Contended || attempt == ATTEMPTS {
                    return Err(error);
                }
                tokio::time::sleep(pause(attempt)).await;
                attempt += 1;
            }
        };
        // A server that froze answers nothing, not even an error.
        match timeout(self.limit, attempts).await {
            Ok(result) => result,
            Err(_) => Err((Meaning::Away, DriverError::new("no answer in time"))),
        }
    }
}

/// Longer each time, and not the same for two who met: the process's hasher is seeded at random.
fn pause(attempt: u32) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let spread = RandomState::new().hash_one(attempt) % 20;
    Duration::from_millis(u64::from(attempt) * 15 + spread)
}
