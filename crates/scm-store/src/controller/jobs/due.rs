//! Which connections are to be looked at again.
//!
//! This goes over all tenants, as upkeep does: the server asks, no caller. No secret is read.

use scm_types::{IntegrationId, ScmType, TenantId, Timestamp, VerificationStatus};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, Order, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait, Select,
};

use super::JobController;
use crate::{
    StoreError,
    convert::Row,
    entity::tenant_scm_integration::{Column, Entity, TABLE},
    value::time,
};

/// An active integration that was not checked for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueIntegration {
    /// The integration.
    pub id: IntegrationId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which product its repository lives on.
    pub scm_type: ScmType,
    /// The repository.
    pub repository_url: String,
    /// When it was last checked.
    pub verified: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
}

/// A place in the order of checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePlace {
    /// When the integration was last checked.
    pub verified: Option<Timestamp>,
    /// The integration.
    pub id: IntegrationId,
}

/// Which integrations are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRequest {
    /// Those of this status.
    pub status: VerificationStatus,
    /// Those last checked at this time or before. `None` asks for those that never were.
    pub verified_by: Option<Timestamp>,
    /// Those behind this place.
    pub after: Option<DuePlace>,
    /// So many rows at the most.
    pub limit: u64,
}

/// One page of integrations that are due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The rows, those first that were checked the longest ago.
    pub items: Vec<DueIntegration>,
    /// Where the next page begins, if this one was full.
    pub next: Option<DuePlace>,
}

impl JobController {
    /// Active integrations with a credential, by the time of their last check, read from its index.
    /// A row that makes no sense is left out and named in the log.
    ///
    /// Fails with [`StoreError::Corrupt`] if not one of a full page's rows can be read.
    pub async fn due_integrations(&self, request: &DueRequest) -> Result<DuePage, StoreError> {
        let select = due(self.backend(), request).into_query();
        let found = self.db.run(|pool| pool.query_all(&select)).await?;
        let full = u64::try_from(found.len()).is_ok_and(|rows| rows >= request.limit);
        let mut page = DuePage::default();
        let mut unreadable = None;
        for row in &found {
            match read(row) {
                Ok(row) => page.items.push(row),
                Err(StoreError::Corrupt { table, column, id }) => {
                    tracing::error!(table, column, id, "a row makes no sense and is left out");
                    unreadable = Some(StoreError::Corrupt { table, column, id });
                }
                Err(error) => return Err(error),
            }
        }
        if full {
            page.next = page.items.last().map(|row| DuePlace {
                verified: row.verified,
                id: row.id.clone(),
            });
            if let (None, Some(error)) = (&page.next, unreadable) {
                return Err(error);
            }
        }
        Ok(page)
    }
}

/// The statement behind a page.
pub(super) fn due(backend: DbBackend, request: &DueRequest) -> Select<Entity> {
    let verified = match request.verified_by {
        None => Column::LastVerifiedAt.is_null(),
        Some(by) => Column::LastVerifiedAt.lte(time(backend, by)),
    };
    let select = Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::TenantId,
            Column::ScmType,
            Column::RepositoryUrl,
            Column::LastVerifiedAt,
            Column::CreatedAt,
        ])
        .filter(Column::VerificationStatus.eq(request.status.as_str()))
        .filter(verified)
        .filter(Column::IsActive.eq(true))
        .filter(Column::DeletedAt.is_null())
        .filter(
            Condition::any()
                .add(Column::AccessToken.is_not_null())
                .add(Column::GithubInstallationId.is_not_null()),
        )
        .filter(
            Condition::all().add_option(request.after.as_ref().map(|after| behind(backend, after))),
        );
    // A column that is the same in all rows would be sorted by on some backends.
    let select = match request.verified_by {
        None => select,
        Some(_) => select.order_by(Column::LastVerifiedAt, Order::Asc),
    };
    select.order_by(Column::Id, Order::Asc).limit(request.limit)
}

/// Rows behind a place. The first comparison alone finds where in the index they begin; the pair
/// is not looked up in it by every optimiser.
fn behind(backend: DbBackend, place: &DuePlace) -> Condition {
    let after_id = Column::Id.gt(place.id.as_str());
    let Some(verified) = place.verified else {
        return Condition::all().add(after_id);
    };
    let at = time(backend, verified);
    Condition::all()
        .add(Column::LastVerifiedAt.gte(at.clone()))
        .add(
            Condition::any()
                .add(Column::LastVerifiedAt.gt(at))
                .add(after_id),
        )
}

fn read(found: &QueryResult) -> Result<DueIntegration, StoreError> {
    let row = Row::new(found)?;
    let corrupt = |column: Column| StoreError::Corrupt {
        table: TABLE,
        column: sea_orm::IdenStatic::as_str(&column),
        id: row.id().to_string(),
    };
    let kind = row.text(Column::ScmType)?.unwrap_or_default();
    Ok(DueIntegration {
        id: row.id().clone(),
        tenant: row.tenant()?,
        scm_type: kind.parse().map_err(|_| corrupt(Column::ScmType))?,
        repository_url: row.text(Column::RepositoryUrl)?.unwrap_or_default(),
        verified: row.time(Column::LastVerifiedAt)?,
        created: row
            .time(Column::CreatedAt)?
            .ok_or_else(|| corrupt(Column::CreatedAt))?,
    })
}
