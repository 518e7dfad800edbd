//! The conditions that every statement starts with.

use scm_types::{IntegrationId, RowVersion, TenantScope};
use sea_orm::{ColumnTrait, Condition, DbBackend, IdenStatic, sea_query::Expr};

use crate::entity::tenant_scm_integration::Column;

pub(super) use crate::value::{bound, time};

/// Rows that the scope reaches.
pub(super) fn within(backend: DbBackend, scope: &TenantScope) -> Condition {
    match scope {
        TenantScope::Platform => Condition::all(),
        TenantScope::Tenant(tenant) => same(backend, Column::TenantId, tenant.as_str()),
    }
}

/// Rows whose column holds this text, byte for byte.
///
/// On MySQL a column that a foreign key hangs on has its parent's collation, which may take `ABC`
/// for `abc`. The plain comparison finds the rows by their index, the second one tells them apart.
pub(crate) fn same(backend: DbBackend, column: Column, text: &str) -> Condition {
    let equal = Condition::all().add(column.eq(text));
    if backend != DbBackend::MySql {
        return equal;
    }
    let exact = format!(
        "CONVERT(`{}` USING utf8mb4) COLLATE utf8mb4_bin = ?",
        column.as_str()
    );
    equal.add(Expr::cust_with_values(exact, [text]))
}

/// The one row of this id, if the scope reaches it.
pub(super) fn row(backend: DbBackend, scope: &TenantScope, id: &IntegrationId) -> Condition {
    within(backend, scope).add(same(backend, Column::Id, id.as_str()))
}

/// The same row, if it is still in the state that was read.
pub(super) fn row_at(
    backend: DbBackend,
    scope: &TenantScope,
    id: &IntegrationId,
    expected: Option<&RowVersion>,
) -> Condition {
    let row = row(backend, scope, id);
    match expected {
        None => row,
        Some(RowVersion { number, updated_at }) => row
            .add(Column::Version.eq(*number))
            .add(Column::UpdatedAt.eq(time(backend, *updated_at))),
    }
}
