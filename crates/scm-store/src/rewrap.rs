//! Sealing every stored value with the current key.
//!
//! - A value is replaced only if it is still the one that was read and the new one opens again. It
//!   can be stopped at any moment, killed too, and run again: what is done is skipped.
//! - Safe beside running servers and beside itself: what somebody else changed meanwhile is looked
//!   at again, never overwritten.
//! - Nothing is written with a key whose canary is not there, checked in the statement itself: once
//!   a key is retired, one that is still at work with it stops.
//! - What does not open is told, left as it is, and does not stop the rest.

mod by_id;
mod payloads;
mod run;

use std::num::NonZeroU64;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter};

use self::run::Run;
use crate::{
    CanaryError, Cipher, KeyId, StoreError,
    canary::bounded,
    entity::{scm_job, tenant_scm_integration::Entity},
    key_usage::{self, BY_ID, with_secrets},
};

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct RewrapOptions {
    /// Rows that are read at a time.
    pub batch: NonZeroU64,
    /// Opens everything, writes nothing.
    pub dry_run: bool,
}

impl RewrapOptions {
    /// Rows that are read at a time if nobody says otherwise.
    pub const BATCH: NonZeroU64 = NonZeroU64::MIN.saturating_add(499);
}

impl Default for RewrapOptions {
    fn default() -> Self {
        Self {
            batch: Self::BATCH,
            dry_run: false,
        }
    }
}

/// Where it is, for whoever watches.
#[derive(Debug, Clone, Copy)]
pub enum RewrapStep<'a> {
    /// The next rows are about to be read.
    Batch,
    /// A row's new values are made, not yet written.
    Sealed,
    /// They are written, if nobody else was faster.
    Written,
    /// A value does not open and stays as it is.
    Unreadable {
        /// Its row.
        id: &'a str,
        /// Its column.
        column: &'static str,
    },
    /// The rows that were read are done.
    Done(&'a Rewrapped),
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Rows that hold a value, counted at the beginning.
    pub total: u64,
    /// Rows that were looked at.
    pub rows: u64,
    /// Values that are sealed with the current key now; in a dry run, that would be.
    pub resealed: u64,
    /// Values that do not open.
    pub unreadable: u64,
    /// Values besides those that are under another key at the end: somebody goes on sealing with
    /// it. Not counted in a dry run.
    pub left: u64,
}

/// Why it stopped. Everything up to there is done.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// The current key's canary is not there: no server has taken the key up, or it was retired.
    #[error("the key {0} is not in use: the database has no canary of it")]
    NotInUse(KeyId),
    /// A new value did not open; the old one is still there.
    #[error(
        "the new value for {column} of row {id} did not open again; the old one was left in place"
    )]
    ReadBack {
        /// The row.
        id: String,
        /// The column.
        column: &'static str,
    },
    /// The keys are not those of the database.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks through the table again if something was sealed with an old key behind its back.
const PASSES: usize = 5;

/// Seals every value with the cipher's current key that is sealed with another one of its ring.
/// What the rows say does not change, and neither do their versions and times.
pub async fn rewrap(
    db: &DatabaseConnection,
    cipher: &Cipher,
    options: &RewrapOptions,
    watch: &mut (dyn FnMut(RewrapStep<'_>) + Send + Sync),
) -> Result<Rewrapped, RewrapError> {
    let mut run = Run {
        db: bounded(db),
        ring: &cipher.ring(),
        options,
        watch,
        done: Rewrapped::default(),
    };
    // Nothing is written in a dry run, so the key need not be in use yet.
    if !options.dry_run {
        run.check_in_use().await?;
    }
    let rows = Entity::find().filter(with_secrets());
    run.done.total = run.db.run(|pool| rows.clone().count(pool)).await?;
    let jobs = scm_job::Entity::find().filter(scm_job::Column::Payload.is_not_null());
    run.done.total += run.db.run(|pool| jobs.clone().count(pool)).await?;
    run.done.total += key_usage::count_by_id(&run.db).await?;
    for _ in 0..PASSES {
        run.pass().await?;
        run.pass_through_jobs().await?;
        for sealed in BY_ID {
            run.pass_by_id(sealed).await?;
        }
        if options.dry_run {
            break;
        }
        let usage = key_usage::count(&run.db).await?;
        let besides = usage.besides(run.ring.current_id());
        run.done.left = besides.saturating_sub(run.done.unreadable);
        if run.done.left == 0 {
            break;
        }
    }
    Ok(run.done)
}
