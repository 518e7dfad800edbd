//! The result of a check.

use scm_types::{
    Actor, AuditAction, AuditDetail, AuditOutcome, AuditRecord, IntegrationId, OperationReport,
    Patch, SafeScmIntegration, TenantScope, Timestamp, VerificationStatus,
};
use sea_orm::{
    ColumnTrait,
    prelude::DateTimeUtc,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{
    ScmIntegrationController,
    scope::{row, time},
};
use crate::{
    StoreError,
    entity::tenant_scm_integration::{Column, Entity},
};

/// What a check came to. Only definite answers are stored.
#[derive(Debug, Clone)]
pub struct VerificationOutcome {
    /// The new status.
    pub status: VerificationStatus,
    /// Why it is not VALID; cut to what the column holds.
    pub error: Option<String>,
    /// The credential that was checked, as it was read before the check.
    pub credential_version: i64,
    /// When the credential ends, if the host told; null where what is stored is known to be wrong.
    pub token_expires_at: Patch<Timestamp>,
    /// The host's own id of the repository, if the host told; `None` leaves what is stored.
    pub provider_repository_id: Option<String>,
    /// What was found possible; `None`, as after every bad check, forgets what was known.
    pub operations: Option<Vec<OperationReport>>,
}

/// MySQL's TEXT, in bytes.
const TEXT_BYTES: usize = 65_535;

impl ScmIntegrationController {
    /// Stores the result of a check, if the credential is still the one that was checked; `None`
    /// if the scope reaches no such row.
    ///
    /// Fails with [`StoreError::CredentialChanged`] if the credential was changed or the row
    /// soft-deleted while the check ran: the result says nothing about what is stored now.
    pub async fn update_verification_status(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        outcome: &VerificationOutcome,
    ) -> Result<Option<SafeScmIntegration>, StoreError> {
        let record = AuditRecord {
            outcome: match outcome.status {
                VerificationStatus::Valid | VerificationStatus::Pending => AuditOutcome::Done,
                VerificationStatus::Invalid | VerificationStatus::Expired => AuditOutcome::Failed,
            },
            code: match outcome.status {
                VerificationStatus::Valid | VerificationStatus::Pending => None,
                VerificationStatus::Invalid => Some("connection_invalid"),
                VerificationStatus::Expired => Some("credential_expired"),
            },
            ..AuditRecord::done(AuditAction::IntegrationVerified)
        };
        self.store_outcome(actor, id, outcome, record).await
    }

    /// The same, noted as `record` says.
    pub(super) async fn store_outcome(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        outcome: &VerificationOutcome,
        record: AuditRecord,
    ) -> Result<Option<SafeScmIntegration>, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(None);
        };
        let scope = &TenantScope::Tenant(tenant.clone());
        if let Some(repository) = &outcome.provider_repository_id {
            super::fit::check_length("providerRepositoryId", repository, 255)?;
        }
        let now = time(self.backend(), self.now());
        let mut update = Query::update();
        update
            .table(Entity)
            .value(Column::VerificationStatus, outcome.status.as_str())
            .value(
                Column::VerificationError,
                outcome.error.as_deref().map(fitting),
            )
            .value(Column::LastVerifiedAt, now.clone())
            .value(
                Column::Capabilities,
                outcome.operations.as_deref().and_then(json_of),
            )
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::UpdatedAt, now)
            .cond_where(
                row(self.backend(), scope, id)
                    .add(Column::CredentialVersion.eq(outcome.credential_version))
                    .add(Column::DeletedAt.is_null()),
            );
        match outcome.token_expires_at {
            Patch::Absent => {}
            Patch::Null => {
                update.value(Column::TokenExpiresAt, None::<DateTimeUtc>);
            }
            Patch::Value(at) => {
                update.value(Column::TokenExpiresAt, time(self.backend(), at));
            }
        }
        if let Some(repository) = &outcome.provider_repository_id {
            update.value(Column::ProviderRepositoryId, repository.as_str());
        }
        let record = record.with(AuditDetail::default().with("status", outcome.status));
        let written = self
            .noted((&tenant, id), actor, &update, &record)
            .await
            .map_err(StoreError::from_driver)?;
        if written == 0 && self.exists(scope, id).await? {
            return Err(StoreError::CredentialChanged);
        }
        if written == 0 {
            return Ok(None);
        }
        self.find_by_id(scope, id).await
    }
}

/// The reports as they are stored; `None` for more than the column holds, which no host tells.
fn json_of(operations: &[OperationReport]) -> Option<String> {
    let json = serde_json::to_string(operations).ok()?;
    (json.len() <= TEXT_BYTES).then_some(json)
}

/// The text without what a database refuses: NUL, and more than the column holds.
fn fitting(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().replace('\0', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_fit_their_column() {
        assert_eq!(fitting("a\0b"), "a b");
        assert_eq!(fitting(&"x".repeat(70_000)).len(), TEXT_BYTES);
        assert_eq!(fitting(&"é".repeat(40_000)).len(), TEXT_BYTES - 1);
    }
}
