//! Which integrations are to be looked at. This goes over all tenants, as upkeep does: the server
//! asks, no caller. No secret is read.

use std::time::Duration;

use scm_types::{IntegrationId, ScmType, TenantId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Order, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Condition, Expr, ExprTrait},
};

use super::{RefController, age, corrupt, get};
use crate::{
    StoreError,
    controller::clock_sql::{millis_away, millis_until},
    convert::Row,
    entity::{
        scm_ref_check::{Column, Entity, TABLE},
        tenant_scm_integration as integration,
    },
};

const AGE: &str = "age";

/// Which integrations are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckDue {
    /// All that have a webhook.
    All,
    /// Those whose refs were never looked at.
    Never,
    /// Those whose refs were last looked at so long ago, or longer.
    Since(Duration),
}

/// An integration with a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTarget {
    /// The integration.
    pub id: IntegrationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which product its repository lives on.
    pub scm_type: ScmType,
    /// The repository.
    pub repository_url: String,
    /// How long ago its refs were last looked at.
    pub checked: Option<Duration>,
}

impl RefController {
    /// A page of integrations behind `after`, by id, and where the next one begins; `None` behind the
    /// last one. Those that are no more, or have no webhook any more, are forgotten. A row that makes
    /// no sense is left out and named in the log.
    pub async fn targets(
        &self,
        due: CheckDue,
        after: Option<&IntegrationId>,
        limit: u64,
    ) -> Result<(Vec<CheckTarget>, Option<IntegrationId>), StoreError> {
        let select = page(self.backend(), due, after, limit).into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        let mut checks = Vec::with_capacity(rows.len());
        for row in &rows {
            let raw: String = get(row, TABLE, "(unreadable)", Column::IntegrationId.as_str())?;
            let id = IntegrationId::parse(raw.as_str())
                .map_err(|_| corrupt(TABLE, &raw, Column::IntegrationId.as_str()))?;
            let checked: Option<i64> = get(row, TABLE, &raw, AGE)?;
            checks.push((id, checked.map(age)));
        }
        let full = u64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
        let next = checks.last().map(|(id, _)| id.clone()).filter(|_| full);
        let targets = self.those_with_webhooks(&checks).await?;
        Ok((targets, next))
    }

    async fn those_with_webhooks(
        &self,
        checks: &[(IntegrationId, Option<Duration>)],
    ) -> Result<Vec<CheckTarget>, StoreError> {
        use integration::{Column, Entity};
        if checks.is_empty() {
            return Ok(Vec::new());
        }
        let ids = checks.iter().map(|(id, _)| id.as_str());
        let select = Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::TenantId,
                Column::ScmType,
                Column::RepositoryUrl,
            ])
            .filter(Column::Id.is_in(ids))
            .filter(Column::DeletedAt.is_null())
            .filter(Column::WebhookId.is_not_null())
            .into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        let mut targets = Vec::with_capacity(rows.len());
        for row in &rows {
            let read = Row::new(row).and_then(|row| {
                let kind = row.text(Column::ScmType)?.unwrap_or_default();
                let checked = checks.iter().find(|(id, _)| id == row.id());
                Ok(CheckTarget {
                    id: row.id().clone(),
                    tenant: row.tenant()?,
                    scm_type: kind.parse().map_err(|_| row.corrupt("scmType"))?,
                    repository_url: row.text(Column::RepositoryUrl)?.unwrap_or_default(),
                    checked: checked.and_then(|(_, checked)| *checked),
                })
            });
            match read {
                Ok(target) => targets.push(target),
                Err(StoreError::Corrupt { table, column, id }) => {
                    tracing::error!(table, column, id, "a row makes no sense and is left out");
                }
                Err(error) => return Err(error),
            }
        }
        for (id, _) in checks {
            if targets.iter().all(|target| target.id != *id) {
                self.forget_lost(id).await?;
            }
        }
        Ok(targets)
    }

    /// Forgets an integration that has no webhook any more. One that is there and makes no sense is
    /// looked at the next time.
    async fn forget_lost(&self, id: &IntegrationId) -> Result<(), StoreError> {
        use integration::{Column, Entity};
        let select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.eq(id.as_str()))
            .filter(Column::DeletedAt.is_null())
            .filter(Column::WebhookId.is_not_null())
            .into_query();
        let found = self.db.run(|pool| pool.query_one(&select)).await?;
        match found {
            Some(_) => Ok(()),
            None => self.forget(id).await,
        }
    }
}

/// The statement behind a page.
pub(super) fn page(
    backend: DbBackend,
    due: CheckDue,
    after: Option<&IntegrationId>,
    limit: u64,
) -> Select<Entity> {
    let due = match due {
        CheckDue::All => None,
        CheckDue::Never => Some(Column::CheckedAt.is_null()),
        CheckDue::Since(since) => {
            let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            Some(Expr::col(Column::CheckedAt).lte(millis_away(backend, -millis)))
        }
    };
    let behind = after.map(|after| Column::IntegrationId.gt(after.as_str()));
    Entity::find()
        .select_only()
        .column(Column::IntegrationId)
        .expr_as(millis_until(backend, Column::CheckedAt), AGE)
        .filter(Condition::all().add_option(due).add_option(behind))
        .order_by(Column::IntegrationId, Order::Asc)
        .limit(limit)
}
