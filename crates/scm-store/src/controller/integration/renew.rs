//! A credential that was renewed, or that cannot be renewed any more.
//!
//! - Both are written only if the credential is still the one that was to be renewed: one that a
//!   user has stored meanwhile, or a deletion, wins.
//! - A renewed credential is the same right in a new form: what the last check found holds on.

use scm_types::{
    AccessToken, Actor, AuditAction, AuditRecord, IntegrationId, Patch, RefreshToken, TenantScope,
    Timestamp, VerificationStatus,
};
use sea_orm::{
    ColumnTrait, Value,
    sea_query::{CaseStatement, Expr, ExprTrait, Query},
};

use super::{
    ScmIntegrationController, VerificationOutcome,
    scope::{bound, row, time},
};
use crate::{
    StoreError,
    entity::tenant_scm_integration::{Column, Entity},
};

/// A credential as a host has just given it.
pub struct FreshCredential {
    /// What is presented from now on.
    pub access_token: AccessToken,
    /// What it is renewed with; `None` leaves the stored one.
    pub refresh_token: Option<RefreshToken>,
    /// When the access token ends, if the host told.
    pub expires_at: Option<Timestamp>,
}

/// How a new credential came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// The code host gave it for a refresh token.
    Renewed,
    /// The code host gave it for the old credential, which has ended with that.
    Rotated,
}

impl Replacement {
    fn action(self) -> AuditAction {
        match self {
            Self::Renewed => AuditAction::CredentialRenewed,
            Self::Rotated => AuditAction::CredentialRotated,
        }
    }
}

impl ScmIntegrationController {
    /// Puts a renewed credential in place of the one of `credential_version` and gives the new
    /// version; `None`, and nothing written, if that is not the stored one any more or the scope
    /// reaches no such row.
    ///
    /// Status and capabilities stay, but for EXPIRED: it spoke of the token that is gone now, and
    /// becomes PENDING.
    pub async fn replace_tokens(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        credential_version: i64,
        fresh: &FreshCredential,
        how: Replacement,
    ) -> Result<Option<i64>, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(None);
        };
        let scope = &TenantScope::Tenant(tenant.clone());
        let sealed = |column, secret| self.sealed(id, &tenant, column, secret);
        let access = sealed(Column::AccessToken, Some(fresh.access_token.expose()))?;
        let refresh = fresh.refresh_token.as_ref().map(RefreshToken::expose);
        let refresh = sealed(Column::RefreshToken, refresh)?;
        let now = time(self.backend(), self.now());
        let expires_at = fresh.expires_at.map(Timestamp::to_utc);
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::AccessToken, access)
            .value(
                Column::TokenExpiresAt,
                bound(self.backend(), expires_at.into()),
            )
            .value(Column::TokenIssuedAt, now.clone())
            .value(
                Column::VerificationError,
                unless_expired(
                    Expr::col(Column::VerificationError),
                    Expr::value(Value::String(None)),
                ),
            )
            // After the error, whose condition it is: MySQL lets later assignments see earlier ones.
            .value(
                Column::VerificationStatus,
                unless_expired(
                    Expr::col(Column::VerificationStatus),
                    Expr::value(VerificationStatus::Pending.as_str()),
                ),
            )
            .value(
                Column::CredentialVersion,
                Expr::col(Column::CredentialVersion).add(1),
            )
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::UpdatedAt, now)
            .cond_where(
                row(self.backend(), scope, id)
                    .add(Column::CredentialVersion.eq(credential_version))
                    .add(Column::DeletedAt.is_null()),
            );
        if refresh.is_some() {
            update.value(Column::RefreshToken, refresh);
        }
        let record = AuditRecord::done(how.action());
        let written = self
            .noted((&tenant, id), actor, &update, &record)
            .await
            .map_err(StoreError::from_driver)?;
        Ok((written > 0).then_some(credential_version + 1))
    }

    /// Sets the status to EXPIRED for `reason`, as a check would; false, and nothing written, if
    /// the credential of `credential_version` is not the stored one any more or the scope reaches
    /// no such row.
    pub async fn mark_expired(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        credential_version: i64,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let outcome = VerificationOutcome {
            status: VerificationStatus::Expired,
            error: Some(reason.to_owned()),
            credential_version,
            token_expires_at: Patch::Absent,
            provider_repository_id: None,
            operations: None,
        };
        let record = AuditRecord::done(AuditAction::CredentialExpired);
        match self.store_outcome(actor, id, &outcome, record).await {
            Ok(row) => Ok(row.is_some()),
            Err(StoreError::CredentialChanged) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// What a column holds, unless the row says that its credential has expired.
fn unless_expired(stays: Expr, after_expiry: Expr) -> CaseStatement {
    CaseStatement::new()
        .case(
            Column::VerificationStatus.eq(VerificationStatus::Expired.as_str()),
            after_expiry,
        )
        .finally(stays)
}
