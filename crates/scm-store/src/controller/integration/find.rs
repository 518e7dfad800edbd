//! Reading.

use scm_types::{
    Actor, IntegrationId, Page, PageCursor, PageRequest, Purpose, RepoUrl, SafeScmIntegration,
    ScmIntegrationFilters, TenantId, TenantScmIntegration, TenantScope,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Order,
    PaginatorTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait},
};

use super::{
    ScmIntegrationController,
    scope::{row, same, time, within},
};
use crate::{
    StoreError,
    convert::{Row, select_safe, select_with_secrets},
    entity::tenant_scm_integration::{Column, Entity, TABLE},
};

impl ScmIntegrationController {
    /// The row of this id, soft-deleted or not; `None` if the scope reaches none.
    ///
    /// Does not read the secrets. Fails with [`StoreError::Corrupt`] if the row makes no sense.
    pub async fn find_by_id(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<Option<SafeScmIntegration>, StoreError> {
        let found = self
            .one(select_safe().filter(row(self.backend(), scope, id)))
            .await?;
        found
            .map(|found| Row::new(&found)?.safe(&self.view()))
            .transpose()
    }

    /// The row of this id with its secrets opened; `None` if the scope reaches none.
    ///
    /// What they are opened for is noted in the audit log before they are given out, and they are
    /// not given out if it cannot be. Who only wants to know whether the credential is still the
    /// same asks for its [version](Self::credential_version).
    ///
    /// Fails with [`StoreError::Unreadable`] if one of them does not open, with
    /// [`StoreError::Corrupt`] if the row makes no sense.
    pub async fn find_with_secrets(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        purpose: Purpose,
    ) -> Result<Option<TenantScmIntegration>, StoreError> {
        let scope = &actor.scope;
        let found = self
            .one(select_with_secrets().filter(row(self.backend(), scope, id)))
            .await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let row = Row::new(&found)?;
        let tenant = row.tenant()?;
        let opened = row.opened(&self.cipher, &self.view(), purpose);
        let opened = self.opening_noted((&tenant, id), actor, purpose, opened);
        opened.await.map(Some)
    }

    /// Which credential the row has; `None` if the scope reaches none. Opens nothing.
    pub async fn credential_version(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<Option<i64>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::CredentialVersion])
            .filter(row(self.backend(), scope, id));
        let found = self.one(select).await?;
        found
            .map(|found| Row::new(&found)?.get(Column::CredentialVersion))
            .transpose()
    }

    /// One page of the rows that the scope reaches and the filters let through, newest first.
    ///
    /// - Without `is_active`, soft-deleted rows are left out and paused ones are in; with
    ///   `is_active: false` both are in.
    /// - `tenant_id` only narrows: a tenant outside the scope gives an empty page.
    /// - A row that makes no sense is left out and named in the log, so a page can hold fewer rows
    ///   than there is room for, even none, and still have a next one.
    ///
    /// Fails with [`StoreError::Corrupt`] if there are more rows and not one of this page's has a
    /// readable place in the order.
    pub async fn find_all(
        &self,
        scope: &TenantScope,
        filters: &ScmIntegrationFilters,
        page: &PageRequest,
    ) -> Result<Page<SafeScmIntegration>, StoreError> {
        if let Some(tenant) = &filters.tenant_id
            && !scope.contains(tenant)
        {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        }
        let limit = usize::from(page.limit.get());
        let select = list(self.backend(), scope, filters, page);
        let rows = self.all(select).await?;
        let read = rows.get(..limit).unwrap_or(&rows);
        let view = self.view();
        let mut items = Vec::with_capacity(read.len());
        for row in read {
            match Row::new(row).and_then(|row| row.safe(&view)) {
                Ok(item) => items.push(item),
                Err(StoreError::Corrupt { table, column, id }) => tracing::error!(
                    table,
                    column,
                    id,
                    "a row makes no sense and is left out of a list"
                ),
                Err(error) => return Err(error),
            }
        }
        let next = if rows.len() > limit {
            Some(behind_last(read)?)
        } else {
            None
        };
        Ok(Page { items, next })
    }

    /// The tenant's integration for this repository, in whatever spelling it was stored, unless it
    /// is soft-deleted; if there is none, the one whose repository was at this place before it was
    /// renamed. `None` if there is neither or the tenant is outside the scope.
    pub async fn find_by_repository(
        &self,
        scope: &TenantScope,
        tenant: &TenantId,
        repository: &RepoUrl,
    ) -> Result<Option<SafeScmIntegration>, StoreError> {
        if !scope.contains(tenant) {
            return Ok(None);
        }
        let select = select_safe()
            .filter(of_repository(self.backend(), tenant, repository))
            .filter(Column::DeletedAt.is_null())
            .order_by(Column::CreatedAt, Order::Asc)
            .limit(1);
        if let Some(found) = self.one(select).await? {
            return Row::new(&found)?.safe(&self.view()).map(Some);
        }
        let Some(id) = self.of_alias(tenant, repository).await? else {
            return Ok(None);
        };
        let tenant = TenantScope::Tenant(tenant.clone());
        let select = select_safe()
            .filter(row(self.backend(), &tenant, &id))
            .filter(Column::DeletedAt.is_null());
        let found = self.one(select).await?;
        found
            .map(|found| Row::new(&found)?.safe(&self.view()))
            .transpose()
    }

    /// True if the scope reaches a row of this id, soft-deleted or not.
    pub async fn exists(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<bool, StoreError> {
        let select =
            Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(row(self.backend(), scope, id));
        Ok(self.one(select).await?.is_some())
    }

    /// True if the scope reaches a row of this id that has a refresh token, which is not opened.
    pub async fn has_refresh_token(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<bool, StoreError> {
        let select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(row(self.backend(), scope, id))
            .filter(Column::RefreshToken.is_not_null());
        Ok(self.one(select).await?.is_some())
    }

    /// How many active rows the scope reaches.
    pub async fn count(&self, scope: &TenantScope) -> Result<u64, StoreError> {
        let select = Entity::find()
            .filter(within(self.backend(), scope))
            .filter(Column::IsActive.eq(true));
        self.db.run(|pool| select.clone().count(pool)).await
    }

    pub(super) async fn one(
        &self,
        select: Select<Entity>,
    ) -> Result<Option<QueryResult>, StoreError> {
        let select = select.into_query();
        self.db.run(|pool| pool.query_one(&select)).await
    }

    pub(super) async fn all(&self, select: Select<Entity>) -> Result<Vec<QueryResult>, StoreError> {
        let select = select.into_query();
        self.db.run(|pool| pool.query_all(&select)).await
    }
}

/// The place of the last row, whatever else of it makes sense. If its place does not, that of the
/// last one before it: the rows between are then read again.
fn behind_last(rows: &[QueryResult]) -> Result<PageCursor, StoreError> {
    let mut unreadable = None;
    for row in rows.iter().rev() {
        match Row::new(row).and_then(|row| row.place()) {
            Ok(place) => return Ok(place),
            Err(error) => unreadable = Some(error),
        }
    }
    Err(unreadable.unwrap_or_else(|| StoreError::Corrupt {
        table: TABLE,
        column: Column::Id.as_str(),
        id: String::new(),
    }))
}

/// The statement behind a page. It fetches one row more than asked for, which tells whether there
/// is another page.
pub(super) fn list(
    backend: DbBackend,
    scope: &TenantScope,
    filters: &ScmIntegrationFilters,
    page: &PageRequest,
) -> Select<Entity> {
    let select = select_safe()
        .filter(within(backend, scope))
        .filter(passing(backend, filters))
        .order_by(Column::CreatedAt, Order::Desc)
        .order_by(Column::Id, Order::Desc)
        .limit(u64::from(page.limit.get()) + 1);
    match &page.after {
        Some(after) => select.filter(behind(backend, after)),
        None => select,
    }
}

/// Rows of one repository: those of an old writer have no key, so their URL must be the same text.
pub(super) fn of_repository(
    backend: DbBackend,
    tenant: &TenantId,
    repository: &RepoUrl,
) -> Condition {
    same(backend, Column::TenantId, tenant.as_str())
        .add(Column::ScmType.eq(repository.scm_type().as_str()))
        .add(
            Condition::any()
                .add(Column::RepositoryKey.eq(repository.key()))
                .add(Column::RepositoryUrl.eq(repository.as_str())),
        )
}

fn passing(backend: DbBackend, filters: &ScmIntegrationFilters) -> Condition {
    let active = match filters.is_active {
        Some(active) => Column::IsActive.eq(active),
        None => Column::DeletedAt.is_null(),
    };
    Condition::all()
        .add(active)
        .add_option(
            filters
                .tenant_id
                .as_ref()
                .map(|tenant| same(backend, Column::TenantId, tenant.as_str())),
        )
        .add_option(
            filters
                .scm_type
                .map(|kind| Column::ScmType.eq(kind.as_str())),
        )
        .add_option(
            filters
                .verification_status
                .map(|status| Column::VerificationStatus.eq(status.as_str())),
        )
        .add_option(
            filters
                .expiring_before
                .map(|before| Column::TokenExpiresAt.lt(time(backend, before))),
        )
}

/// Rows that come behind the cursor, in the form that lets each optimiser start there: MySQL does
/// not use an index for a comparison of pairs, the others do not for its expansion.
fn behind(backend: DbBackend, cursor: &PageCursor) -> Condition {
    let (at, id) = (time(backend, cursor.created_at), cursor.id.as_str());
    if backend == DbBackend::MySql {
        return Condition::any().add(Column::CreatedAt.lt(at.clone())).add(
            Condition::all()
                .add(Column::CreatedAt.eq(at))
                .add(Column::Id.lt(id)),
        );
    }
    let place = Expr::tuple([Expr::col(Column::CreatedAt), Expr::col(Column::Id)]);
    let from = Expr::tuple([Expr::value(at), Expr::value(id)]);
    Condition::all().add(place.lt(from))
}
