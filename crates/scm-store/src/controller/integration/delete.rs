//! Deleting, softly and for good.

use scm_types::{Actor, AuditAction, AuditRecord, IntegrationId, RowVersion, TenantScope};
use sea_orm::{
    ColumnTrait, ConnectionTrait, QueryFilter, Value,
    prelude::DateTimeUtc,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{
    ScmIntegrationController,
    scope::{row, row_at, time},
};
use crate::{
    DriverError, StoreError,
    controller::{events, inbox, refs, renewal::removal},
    convert::{Row, select_safe},
    driver::Meaning,
    entity::tenant_scm_integration::{Column, Entity},
};

/// How often a soft deletion is tried that others take back.
const ATTEMPTS: u32 = 4;

impl ScmIntegrationController {
    /// Soft-deletes a row: inactive, and its secrets erased for good. True if the row is deleted
    /// now, by this call or by an earlier one; false if the scope reaches no such row.
    ///
    /// Fails with [`StoreError::VersionMismatch`] if the row is not in the `expected` state, deleted
    /// or not.
    pub async fn soft_delete(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        expected: Option<&RowVersion>,
    ) -> Result<bool, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(false);
        };
        let scope = &TenantScope::Tenant(tenant.clone());
        let now = time(self.backend(), self.now());
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::IsActive, false)
            .value(Column::DeletedAt, now.clone())
            .value(Column::TokenExpiresAt, None::<DateTimeUtc>)
            .value(Column::TokenIssuedAt, None::<DateTimeUtc>)
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(
                Column::CredentialVersion,
                Expr::col(Column::CredentialVersion).add(1),
            )
            .value(Column::UpdatedAt, now)
            .cond_where(
                row_at(self.backend(), scope, id, expected).add(Column::DeletedAt.is_null()),
            );
        for erased in [
            Column::AccessToken,
            Column::RefreshToken,
            Column::WebhookSecret,
            Column::PreviousWebhookSecret,
            Column::Capabilities,
        ] {
            update.value(erased, Value::String(None));
        }
        // Without an expected state nothing but a deletion that was taken back in between can be in
        // the way, and that is tried again.
        let record = AuditRecord::done(AuditAction::IntegrationDeleted);
        for _ in 0..ATTEMPTS {
            let written = self
                .noted((&tenant, id), actor, &update, &record)
                .await
                .map_err(StoreError::from_driver)?;
            if written > 0 {
                return Ok(true);
            }
            let select = select_safe().filter(row(self.backend(), scope, id));
            let Some(found) = self.one(select).await? else {
                return Ok(false);
            };
            let row = Row::new(&found)?;
            let as_expected = match expected {
                Some(expected) => row.version()? == *expected,
                None => true,
            };
            match (row.is_deleted()?, as_expected) {
                (true, true) => return Ok(true),
                (_, false) => return Err(StoreError::VersionMismatch),
                (false, true) => {}
            }
        }
        Err(StoreError::CredentialChanged)
    }

    /// Removes a row and what is noted of its renewals. False if the scope reaches no such row.
    ///
    /// Fails with [`StoreError::VersionMismatch`] if the row is not in the `expected` state, with
    /// [`StoreError::Restricted`] if another table's rows point at it and forbid it.
    pub async fn hard_delete(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        expected: Option<&RowVersion>,
    ) -> Result<bool, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(false);
        };
        let scope = &TenantScope::Tenant(tenant.clone());
        let mut delete = Query::delete();
        delete
            .from_table(Entity)
            .cond_where(row_at(self.backend(), scope, id, expected));
        let record = AuditRecord::done(AuditAction::IntegrationRemoved);
        let removed = self
            .noted((&tenant, id), actor, &delete, &record)
            .await
            .map_err(restricted)?;
        if removed == 0 && expected.is_some() && self.exists(scope, id).await? {
            return Err(StoreError::VersionMismatch);
        }
        if removed == 0 {
            return Ok(false);
        }
        // Holds nothing of the tenant's, and no integration gets this id again: a row that stays
        // behind is harmless, and the deletion has happened.
        let forget = removal(id);
        if let Err(error) = self.db.run(|pool| pool.execute(&forget)).await {
            tracing::warn!(%error, "what was noted of renewals of a deleted integration stays behind");
        }
        // These are sealed, or were public; retention removes what stays behind.
        for forget in [
            inbox::removal(id),
            events::removal(id),
            super::alias::removal(id),
        ]
        .into_iter()
        .chain(refs::removals(id))
        {
            if let Err(error) = self.db.run(|pool| pool.execute(&forget)).await {
                tracing::warn!(%error, "what was delivered to a deleted integration stays behind");
            }
        }
        Ok(true)
    }
}

/// PostgreSQL and SQLite have one code for both ends of a foreign key; a removal can only fail at
/// this one.
fn restricted((meaning, source): (Meaning, DriverError)) -> StoreError {
    match meaning {
        Meaning::NoParent(_) => StoreError::Restricted,
        other => StoreError::from_driver((other, source)),
    }
}
