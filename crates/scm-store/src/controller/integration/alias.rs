//! Where repositories were before they were renamed or moved.

use scm_types::{IntegrationId, RepoUrl, TenantId, TenantScope};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IdenStatic, Order, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
    sea_query::{DeleteStatement, Expr, OnConflict, Query},
};

use super::{ScmIntegrationController, scope::time};
use crate::{
    StoreError,
    entity::scm_repository_alias::{Column, Entity},
};

impl ScmIntegrationController {
    /// Where the integration's repository was, the latest first.
    pub async fn aliases(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<Vec<String>, StoreError> {
        let mut select = Entity::find()
            .select_only()
            .column(Column::RepositoryUrl)
            .filter(Column::IntegrationId.eq(id.as_str()));
        if let TenantScope::Tenant(tenant) = scope {
            select = select.filter(Column::TenantId.eq(tenant.as_str()));
        }
        let select = select
            .order_by(Column::ReplacedAt, Order::Desc)
            .order_by(Column::RepositoryKey, Order::Asc)
            .into_query();
        self.urls(&select, Column::RepositoryUrl).await
    }

    /// The tenant's integration whose repository was at this place, the one that left it last.
    pub(super) async fn of_alias(
        &self,
        tenant: &TenantId,
        repository: &RepoUrl,
    ) -> Result<Option<IntegrationId>, StoreError> {
        let select = Entity::find()
            .select_only()
            .column(Column::IntegrationId)
            .filter(Column::TenantId.eq(tenant.as_str()))
            .filter(Column::RepositoryKey.eq(repository.key()))
            .order_by(Column::ReplacedAt, Order::Desc)
            .limit(1)
            .into_query();
        let found = self.urls(&select, Column::IntegrationId).await?;
        Ok(found
            .into_iter()
            .next()
            .and_then(|id| IntegrationId::parse(id).ok()))
    }

    async fn urls(
        &self,
        select: &sea_orm::sea_query::SelectStatement,
        column: Column,
    ) -> Result<Vec<String>, StoreError> {
        let rows = self.db.run(|pool| pool.query_all(select)).await?;
        let texts = rows.iter().map(|row| row.try_get("", column.as_str()));
        texts
            .collect::<Result<_, _>>()
            .map_err(|_| StoreError::Corrupt {
                table: "scm_repository_aliases",
                column: column.as_str(),
                id: "(unreadable)".to_owned(),
            })
    }

    pub(super) async fn keep_alias(
        &self,
        tenant: &TenantId,
        id: &IntegrationId,
        url: &str,
    ) -> Result<(), StoreError> {
        let mut upsert = Query::insert();
        upsert
            .into_table(Entity)
            .columns([
                Column::IntegrationId,
                Column::RepositoryKey,
                Column::TenantId,
                Column::RepositoryUrl,
                Column::ReplacedAt,
            ])
            .values_panic([
                Expr::value(id.as_str()),
                Expr::value(url.to_ascii_lowercase()),
                Expr::value(tenant.as_str()),
                Expr::value(url),
                Expr::value(time(self.backend(), self.now())),
            ])
            .on_conflict(
                OnConflict::columns([Column::IntegrationId, Column::RepositoryKey])
                    .update_columns([Column::RepositoryUrl, Column::ReplacedAt])
                    .to_owned(),
            );
        self.db.run(|pool| pool.execute(&upsert)).await?;
        Ok(())
    }

    pub(super) async fn drop_alias(&self, id: &IntegrationId, url: &str) -> Result<(), StoreError> {
        let mut delete = removal(id);
        delete.and_where(Column::RepositoryKey.eq(url.to_ascii_lowercase()));
        self.db.run(|pool| pool.execute(&delete)).await?;
        Ok(())
    }
}

/// Forgets the aliases of an integration that is no more.
pub(crate) fn removal(id: &IntegrationId) -> DeleteStatement {
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Column::IntegrationId.eq(id.as_str()));
    delete
}
