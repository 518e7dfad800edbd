//! What was delivered, what tenants are told, and what API keys are known by: many values, some of
//! them large, each written once.
//!
//! A page holds only as much of each value as tells its key. What is under another one is then read
//! alone, for a delivery can be larger than all the rest of its page.

use sea_orm::{
    ConnectionTrait, QueryResult,
    sea_query::{Alias, Expr, ExprTrait, Query},
};

use super::{RewrapError, RewrapStep, run::Run};
use crate::{
    SecretPlace, StoreError,
    cipher::{open_with, seal_with, sealed_with},
    key_usage::{SealedById, head, no_id},
};

impl Run<'_> {
    /// One pass through a table. A value that is removed or erased meanwhile is gone; nobody else
    /// changes one.
    pub(super) async fn pass_by_id(&mut self, sealed: SealedById) -> Result<(), RewrapError> {
        let mut last: Option<String> = None;
        loop {
            (self.watch)(RewrapStep::Batch);
            let mut select = sealed.behind(last.as_deref(), self.options.batch.get());
            select
                .column(Alias::new("tenantId"))
                .expr_as(head(Alias::new(sealed.column)), Alias::new(sealed.column));
            let rows = self.db.run(|pool| pool.query_all(&select)).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in &rows {
                self.done.rows += 1;
                self.value_of(sealed, row).await?;
            }
            (self.watch)(RewrapStep::Done(&self.done));
            let bottom = rows.last().and_then(|row| row.try_get("", "id").ok());
            last = Some(bottom.ok_or_else(no_id)?);
        }
    }

    async fn value_of(&mut self, sealed: SealedById, row: &QueryResult) -> Result<(), RewrapError> {
        let text = |column: &str| row.try_get::<String>("", column);
        // What is the platform's has no tenant.
        let tenant = row.try_get::<Option<String>>("", "tenantId");
        let (Ok(id), Ok(tenant), Ok(begin)) = (text("id"), tenant, text(sealed.column)) else {
            self.unreadable_in("(unreadable)", sealed.column);
            return Ok(());
        };
        let current = self.ring.current_id();
        if sealed_with(&begin).as_ref() == Some(current) {
            return Ok(());
        }
        let Some(old) = self.whole(sealed, &id).await? else {
            return Ok(());
        };
        let place = SecretPlace {
            table: sealed.table,
            column: sealed.column,
            row: &id,
            tenant: tenant.as_deref().unwrap_or_default(),
        };
        let Ok(secret) = open_with(self.ring, &place, &old) else {
            self.unreadable_in(&id, sealed.column);
            return Ok(());
        };
        let new = seal_with(self.ring, current, &place, &secret).map_err(StoreError::from)?;
        if !open_with(self.ring, &place, &new).is_ok_and(|again| *again == *secret) {
            return Err(RewrapError::ReadBack {
                id,
                column: sealed.column,
            });
        }
        if self.options.dry_run || self.write_by_id(sealed, &id, &begin, &new).await? {
            self.done.resealed += 1;
        } else {
            // It is gone, somebody else was faster, or the key was retired.
            self.check_in_use().await?;
        }
        Ok(())
    }

    async fn whole(&self, sealed: SealedById, id: &str) -> Result<Option<String>, StoreError> {
        let select = Query::select()
            .column(Alias::new(sealed.column))
            .from(Alias::new(sealed.table))
            .and_where(Expr::col(Alias::new("id")).eq(id))
            .to_owned();
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        let value = found.map(|row| row.try_get::<Option<String>>("", sealed.column));
        value
            .transpose()
            .map(Option::flatten)
            .map_err(|_| StoreError::Corrupt {
                table: sealed.table,
                column: sealed.column,
                id: id.to_owned(),
            })
    }

    /// True if the value was still under the key that it was read under.
    async fn write_by_id(
        &mut self,
        sealed: SealedById,
        id: &str,
        begin: &str,
        new: &str,
    ) -> Result<bool, StoreError> {
        (self.watch)(RewrapStep::Sealed);
        let column = || Alias::new(sealed.column);
        let update = Query::update()
            .table(Alias::new(sealed.table))
            .value(column(), new)
            .and_where(Expr::col(Alias::new("id")).eq(id))
            .and_where(head(column()).eq(begin))
            .and_where(self.in_use())
            .to_owned();
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        (self.watch)(RewrapStep::Written);
        Ok(written.rows_affected() > 0)
    }

    fn unreadable_in(&mut self, id: &str, column: &'static str) {
        self.done.unreadable += 1;
        (self.watch)(RewrapStep::Unreadable { id, column });
    }
}
