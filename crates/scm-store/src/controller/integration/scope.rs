//! The conditions that every statement starts with.

use scm_types::{IntegrationId, RowVersion, TenantScope};
use sea_orm::{ColumnTrait, Condition};

use crate::entity::tenant_scm_integration::Column;

/// Rows that the scope reaches.
pub(super) fn within(scope: &TenantScope) -> Condition {
    match scope {
        TenantScope::Platform => Condition::all(),
        TenantScope::Tenant(tenant) => Condition::all().add(Column::TenantId.eq(tenant.as_str())),
    }
}

/// The one row of this id, if the scope reaches it.
pub(super) fn row(scope: &TenantScope, id: &IntegrationId) -> Condition {
    within(scope).add(Column::Id.eq(id.as_str()))
}

/// The same row, if it is still in the state that was read.
pub(super) fn row_at(
    scope: &TenantScope,
    id: &IntegrationId,
    expected: Option<&RowVersion>,
) -> Condition {
    let row = row(scope, id);
    match expected {
        None => row,
        Some(RowVersion { number, updated_at }) => row
            .add(Column::Version.eq(*number))
            .add(Column::UpdatedAt.eq(updated_at.to_utc())),
    }
}
