//! One pass through the table.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, Order, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait,
    sea_query::{Condition, Expr, Query},
};

use super::{RewrapError, RewrapOptions, RewrapStep, Rewrapped};
use crate::{
    KeyRing, SecretPlace, StoreError, canary,
    cipher::{open_with, seal_with, sealed_with},
    controller::integration::{quiet_update, same},
    entity::{
        scm_key_canary,
        tenant_scm_integration::{Column, Entity, TABLE},
    },
    key_usage::{SECRETS, behind, no_id, with_secrets},
    query::Bounded,
};

/// How often a row is tried that somebody else changes all the time.
const ATTEMPTS: usize = 8;

pub(super) struct Run<'a> {
    pub(super) db: Bounded,
    pub(super) ring: &'a KeyRing,
    pub(super) options: &'a RewrapOptions,
    pub(super) watch: &'a mut (dyn FnMut(RewrapStep<'_>) + Send + Sync),
    pub(super) done: Rewrapped,
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
    pub(super) async fn check_in_use(&self) -> Result<(), RewrapError> {
        let current = self.ring.current_id();
        let canaries = canary::open_all(&canary::read(&self.db).await?, self.ring)?;
        if canaries.contains(current) {
            Ok(())
        } else {
            Err(RewrapError::NotInUse(current.clone()))
        }
    }

    pub(super) async fn pass(&mut self) -> Result<(), RewrapError> {
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
        let mut unchanged = same(backend, Column::Id, &stored.id)
            .add(Column::TenantId.eq(stored.tenant.as_str()))
            .add(self.in_use());
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

    /// The current key's canary is there.
    pub(super) fn in_use(&self) -> Expr {
        let canary = Query::select()
            .expr(Expr::val(1_i32))
            .from(scm_key_canary::Entity)
            .cond_where(scm_key_canary::Column::KeyId.eq(self.ring.current_id().as_str()))
            .to_owned();
        Expr::exists(canary)
    }

    pub(super) fn unreadable(&mut self, id: &str, column: impl IdenStatic) {
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
