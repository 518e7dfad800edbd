//! Reading an integration's rows.

use scm_types::{
    AuditActor, AuditChain, AuditCursor, AuditDetail, AuditEntry, AuditPage, AuditRequest,
    IntegrationId, TenantScope,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use super::AuditController;
use crate::{
    StoreError,
    entity::{
        scm_audit_head as head,
        scm_audit_log::{Column, Entity, Model, TABLE},
        tenant_scm_integration as integration,
    },
};

impl AuditController {
    /// One page of what was done to an integration, or to an API key, newest first, also to one
    /// that is gone; `None` if the scope reaches neither such an integration nor rows of one.
    ///
    /// A row that makes no sense is left out and named in the log.
    pub async fn page(
        &self,
        scope: &TenantScope,
        integration: &IntegrationId,
        request: &AuditRequest,
    ) -> Result<Option<AuditPage>, StoreError> {
        let Some(tenant) = self.tenant_of(scope, integration).await? else {
            return Ok(None);
        };
        let limit = usize::from(request.limit.get());
        let select = rows(&tenant, integration, request);
        let found = self.db.run(|pool| select.clone().all(pool)).await?;
        if found.is_empty() && !self.is_known(&tenant, integration).await? {
            return Ok(None);
        }
        let shown = found.get(..limit).unwrap_or(&found);
        let next = shown
            .last()
            .filter(|_| found.len() > limit)
            .map(|last| AuditCursor(last.sequence));
        let items = shown.iter().filter_map(|row| match entry(row) {
            Ok(entry) => Some(entry),
            Err(error) => {
                tracing::error!(%error, "a row of the audit log makes no sense and is left out");
                None
            }
        });
        Ok(Some(AuditPage {
            items: items.collect(),
            next,
        }))
    }

    /// Whose rows they are. The platform reaches those of all tenants: then the integration tells,
    /// or, if that is gone, a chain that speaks of it.
    async fn tenant_of(
        &self,
        scope: &TenantScope,
        integration: &IntegrationId,
    ) -> Result<Option<AuditChain>, StoreError> {
        if let TenantScope::Tenant(tenant) = scope {
            return Ok(Some(tenant.clone().into()));
        }
        let row = owner(integration);
        let mut found = self.db.run(|pool| pool.query_one(&row)).await?;
        if found.is_none() {
            let chain = chain_about(integration);
            found = self.db.run(|pool| pool.query_one(&chain)).await?;
        }
        let Some(found) = found else {
            return Ok(None);
        };
        let read: Result<String, DbErr> = found.try_get("", "tenantId");
        let tenant = read.ok().and_then(|tenant| tenant.parse().ok());
        tenant
            .map(Some)
            .ok_or_else(|| corrupt("tenantId", integration.as_str()))
    }

    /// True if there is such an integration, or a row about one.
    async fn is_known(
        &self,
        tenant: &AuditChain,
        integration: &IntegrationId,
    ) -> Result<bool, StoreError> {
        let about = of(tenant, integration)
            .select_only()
            .column(Column::Sequence)
            .limit(1)
            .into_query();
        if self.db.run(|pool| pool.query_one(&about)).await?.is_some() {
            return Ok(true);
        }
        let row = owner(integration);
        let found = self.db.run(|pool| pool.query_one(&row)).await?;
        let owner: Option<String> = found.and_then(|row| row.try_get("", "tenantId").ok());
        Ok(owner.as_deref() == Some(tenant.as_str()))
    }
}

/// The rows about an integration.
fn of(tenant: &AuditChain, integration: &IntegrationId) -> Select<Entity> {
    Entity::find()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::IntegrationId.eq(integration.as_str()))
}

/// The statement behind a page. It fetches one row more than asked for, which tells whether there
/// is another page.
pub(super) fn rows(
    tenant: &AuditChain,
    integration: &IntegrationId,
    request: &AuditRequest,
) -> Select<Entity> {
    let select = of(tenant, integration)
        .order_by(Column::Sequence, Order::Desc)
        .limit(u64::from(request.limit.get()) + 1);
    match request.after {
        Some(AuditCursor(sequence)) => select.filter(Column::Sequence.lt(sequence)),
        None => select,
    }
}

/// The tenant of an integration that is there.
fn owner(integration: &IntegrationId) -> SelectStatement {
    integration::Entity::find()
        .select_only()
        .column(integration::Column::TenantId)
        .filter(integration::Column::Id.eq(integration.as_str()))
        .into_query()
}

/// The tenant whose chain has a row about an integration: one look into the index per tenant, and
/// not one per row.
pub(super) fn chain_about(integration: &IntegrationId) -> SelectStatement {
    let about = Query::select()
        .expr(Expr::value(1_i32))
        .from(Entity)
        .and_where(
            Expr::col((Entity, Column::TenantId)).equals((head::Entity, head::Column::TenantId)),
        )
        .and_where(Expr::col((Entity, Column::IntegrationId)).eq(integration.as_str()))
        .to_owned();
    head::Entity::find()
        .select_only()
        .column(head::Column::TenantId)
        .filter(Expr::exists(about))
        .limit(1)
        .into_query()
}

fn entry(row: &Model) -> Result<AuditEntry, StoreError> {
    let detail: Option<AuditDetail> = row
        .detail
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|_| corrupt("detail", &format!("{}, {}", row.tenant_id, row.sequence)))?;
    Ok(AuditEntry {
        sequence: row.sequence,
        at: row.at.into(),
        action: row.action.clone(),
        purpose: row.purpose.clone(),
        outcome: row.outcome.clone(),
        code: row.code.clone(),
        actor: AuditActor {
            kind: row.actor_type.clone(),
            id: row.actor_id.clone(),
        },
        request_id: row.request_id.clone(),
        detail,
        hash: row.hash.clone(),
    })
}

fn corrupt(column: &'static str, id: &str) -> StoreError {
    StoreError::Corrupt {
        table: TABLE,
        column,
        id: id.to_owned(),
    }
}
