//! Sealing every stored value with the current key.
//!
//! - A value is replaced only if it is still the one that was read and the new one opens again. It
//!   can be stopped at any moment, killed too, and run again: what is done is skipped.
//! - Safe beside running servers and beside itself: what somebody else changed meanwhile is looked
//!   at again, never overwritten.
//! - Nothing is written with a key whose canary is not there, checked in the statement itself: once
//!   a key is retired, one that is still at work with it stops.
//! - What does not open is told, left as it is, and does not stop the rest.

use std::num::NonZeroU64;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, QueryTrait,
    sea_query::{Condition, Expr, Query},
};

use crate::{
    CanaryError, Cipher, KeyId, KeyRing, SecretPlace, StoreError,
    canary::{self, bounded},
    cipher::{open_with, seal_with, sealed_with},
    controller::integration::{quiet_update, same},
    entity::{
        scm_key_canary,
        tenant_scm_integration::{Column, Entity, TABLE},
    },
    key_usage::{self, SECRETS, behind, no_id, with_secrets},
    query::Bounded,
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

/// How often a row is tried that somebody else changes all the time.
const ATTEMPTS: usize = 8;

/// Seals every value with the cipher's current key that is sealed with another one of its ring.
/// What the rows say does not change, and neither do their versions and times.
pub async fn rewrap(
    db: &DatabaseConnection,
    cipher: &Cipher,
    options: &RewrapOptions,
    watch: &mut (dyn FnMut(RewrapStep<'_>) + Send),
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
    for _ in 0..PASSES {
        run.pass().await?;
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

struct Run<'a> {
    db: Bounded,
    ring: &'a KeyRing,
    options: &'a RewrapOptions,
    watch: &'a mut (dyn FnMut(RewrapStep<'_>) + Send),
    done: Rewrapped,
}

/// A row's values as they are stored; an error where there is something else than text.
#[derive(PartialEq, Eq)]
struct Stored {
    id: String,
    tenant: String,
    values: [Result<Option<String>, ()>; SECRETS.len()],
}

/// New values for a row.
#[derive(Default)]
struct Anew {
    /// Column, old value, new value.
    values: Vec<(Column, String, String)>,
    unreadable: Vec<Column>,
}

impl Run<'_> {
    async fn check_in_use(&self) -> Result<(), RewrapError> {
        let current = self.ring.current_id();
        let canaries = canary::open_all(&canary::read(&self.db).await?, self.ring)?;
        if canaries.contains(current) {
            Ok(())
        } else {
            Err(RewrapError::NotInUse(current.clone()))
        }
    }

    async fn pass(&mut self) -> Result<(), RewrapError> {
        (self.done.rows, self.done.unreadable) = (0, 0);
        let mut last = None;
        loop {
            (self.watch)(RewrapStep::Batch);
            let rows = self.read(behind(last.as_deref())).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut readable = None;
            for row in &rows {
                self.done.rows += 1;
                if let Some(stored) = Stored::read(row) {
                    readable = Some(stored.id.clone());
                    self.row(stored).await?;
                } else {
                    self.unreadable("(unreadable)", Column::Id);
                }
            }
            (self.watch)(RewrapStep::Done(&self.done));
            last = Some(readable.ok_or_else(no_id)?);
        }
    }

    async fn read(&self, which: Condition) -> Result<Vec<QueryResult>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::TenantId])
            .columns(SECRETS)
            .filter(with_secrets().add(which))
            .order_by(Column::Id, Order::Asc)
            .limit(self.options.batch.get())
            .into_query();
        self.db.run(|pool| pool.query_all(&select)).await
    }

    async fn row(&mut self, mut stored: Stored) -> Result<(), RewrapError> {
        for _ in 0..ATTEMPTS {
            let anew = self.anew(&stored)?;
            if anew.values.is_empty() || self.options.dry_run || self.write(&stored, &anew).await? {
                self.done.resealed += anew.values.len() as u64;
                for column in anew.unreadable {
                    self.unreadable(&stored.id, column);
                }
                return Ok(());
            }
            // Somebody else was faster, or the key was retired.
            self.check_in_use().await?;
            let backend = self.db.pool.get_database_backend();
            let again = self.read(same(backend, Column::Id, &stored.id)).await?;
            match again.first().and_then(Stored::read) {
                Some(now) => stored = now,
                None => return Ok(()),
            }
        }
        // It is counted as left, and met again in the next pass.
        Ok(())
    }

    /// Seals what is not under the current key, and opens it again.
    fn anew(&self, stored: &Stored) -> Result<Anew, RewrapError> {
        let current = self.ring.current_id();
        let mut anew = Anew::default();
        for (column, value) in SECRETS.into_iter().zip(&stored.values) {
            let old = match value {
                Ok(None) => continue,
                Ok(Some(old)) => old,
                Err(()) => {
                    anew.unreadable.push(column);
                    continue;
                }
            };
            if sealed_with(old).as_ref() == Some(current) {
                continue;
            }
            let place = SecretPlace {
                table: TABLE,
                column: column.as_str(),
                row: &stored.id,
                tenant: &stored.tenant,
            };
            let Ok(secret) = open_with(self.ring, &place, old) else {
                anew.unreadable.push(column);
                continue;
            };
            let new = seal_with(self.ring, current, &place, &secret).map_err(StoreError::from)?;
            if !open_with(self.ring, &place, &new).is_ok_and(|again| *again == *secret) {
                return Err(RewrapError::ReadBack {
                    id: stored.id.clone(),
                    column: column.as_str(),
                });
            }
            anew.values.push((column, old.clone(), new));
        }
        Ok(anew)
    }

    /// One statement for a row; true if it was still as read.
    async fn write(&mut self, stored: &Stored, anew: &Anew) -> Result<bool, StoreError> {
        (self.watch)(RewrapStep::Sealed);
        let backend = self.db.pool.get_database_backend();
        let in_use = Query::select()
            .expr(Expr::val(1_i32))
            .from(scm_key_canary::Entity)
            .cond_where(scm_key_canary::Column::KeyId.eq(self.ring.current_id().as_str()))
            .to_owned();
        let mut unchanged = same(backend, Column::Id, &stored.id)
            .add(Column::TenantId.eq(stored.tenant.as_str()))
            .add(Expr::exists(in_use));
        let mut update = quiet_update();
        for (column, old, new) in &anew.values {
            update.value(*column, new.as_str());
            unchanged = unchanged.add(same(backend, *column, old));
        }
        update.cond_where(unchanged);
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        (self.watch)(RewrapStep::Written);
        Ok(written.rows_affected() > 0)
    }

    fn unreadable(&mut self, id: &str, column: Column) {
        self.done.unreadable += 1;
        (self.watch)(RewrapStep::Unreadable {
            id,
            column: column.as_str(),
        });
    }
}

impl Stored {
    /// `None` if the row cannot be named.
    fn read(row: &QueryResult) -> Option<Self> {
        let text = |column: Column| row.try_get::<Option<String>>("", column.as_str());
        Some(Self {
            id: text(Column::Id).ok()??,
            tenant: text(Column::TenantId).ok()??,
            values: SECRETS.map(|column| text(column).map_err(|_| ())),
        })
    }
}
