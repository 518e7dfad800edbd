//! A connection with bounds: every call ends in time, and what was only contended is tried again.

use std::{future::Future, time::Duration};

use sea_orm::{DatabaseConnection, DbErr};

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
}

impl Bounded {
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
        match tokio::time::timeout(self.limit, attempts).await {
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
