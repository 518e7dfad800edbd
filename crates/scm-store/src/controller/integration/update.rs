//! Changing named columns.

use scm_types::{
    AccessToken, Actor, AuditAction, AuditDetail, AuditRecord, IntegrationId, Patch, RefreshToken,
    RowVersion, SafeScmIntegration, TenantId, TenantScope, Timestamp, UpdateScmIntegrationDto,
    VerificationStatus,
};
use sea_orm::{
    ColumnTrait, Condition, QueryFilter, Value,
    prelude::DateTimeUtc,
    sea_query::{CaseStatement, Expr, ExprTrait, Query, UpdateStatement},
};

use super::{
    ScmIntegrationController,
    fit::check_length,
    scope::{bound, row, row_at, time},
};
use crate::{
    StoreError,
    convert::{Row, select_safe},
    entity::tenant_scm_integration::{Column, Entity},
};

/// How often a change is tried whose obstacle went away between two statements.
const ATTEMPTS: usize = 4;

/// How it stands with a row that was not written.
enum Standing {
    /// This is the answer.
    Told(Option<Box<SafeScmIntegration>>),
    /// Nothing is in the way any more.
    Possible,
}

impl ScmIntegrationController {
    /// Changes the fields that `changes` names and no others; `None` if the scope reaches no such
    /// row. Nothing named changes nothing.
    ///
    /// - Either token, changed or erased, is another credential: `credentialVersion` counts up.
    /// - A new access token, and erasing it, sets the status to PENDING and forgets the last check
    ///   and the expiry, unless a new expiry comes with it.
    /// - A soft-deleted row comes back with `is_active: true` and a new credential together; its
    ///   webhook and its repository's id are then unknown again.
    ///
    /// Fails with [`StoreError::VersionMismatch`] if the row is not in the `expected` state, with
    /// [`StoreError::NotNullable`] if a field that must have a value is null, with
    /// [`StoreError::NoCredential`] if it would be switched on without a credential, with
    /// [`StoreError::Deleted`] if it is soft-deleted and does not come back, and with
    /// [`StoreError::DoesNotFit`] if a value is too long.
    pub async fn update(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        changes: &UpdateScmIntegrationDto,
        expected: Option<&RowVersion>,
    ) -> Result<Option<SafeScmIntegration>, StoreError> {
        check(changes)?;
        let fields = named(changes);
        if fields.is_empty() {
            return match self.unchanged(&actor.scope, id, changes, expected).await? {
                Standing::Told(row) => Ok(row.map(|row| *row)),
                Standing::Possible => Ok(None),
            };
        }
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(None);
        };
        let scope = &TenantScope::Tenant(tenant.clone());
        let secrets = self.seal_new(&tenant, id, changes)?;
        let mut update = self.assignments(changes, secrets);
        update.cond_where(row_at(self.backend(), scope, id, expected).add(allowed(changes)));
        let record = AuditRecord::done(AuditAction::IntegrationUpdated)
            .with(AuditDetail::default().with("fields", fields));
        for _ in 0..ATTEMPTS {
            let written = self
                .noted((&tenant, id), actor, &update, &record)
                .await
                .map_err(StoreError::from_driver)?;
            if written > 0 {
                return self.find_by_id(scope, id).await;
            }
            if let Standing::Told(row) = self.unchanged(scope, id, changes, expected).await? {
                return Ok(row.map(|row| *row));
            }
        }
        // What each of the statements met, though it was mended behind every one of them.
        Err(if needs_credential(changes) {
            StoreError::NoCredential
        } else {
            StoreError::Deleted
        })
    }

    /// What is there when nothing was written: the row, if nothing was to be written, the reason,
    /// or that the reason is gone.
    async fn unchanged(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        changes: &UpdateScmIntegrationDto,
        expected: Option<&RowVersion>,
    ) -> Result<Standing, StoreError> {
        let Some(found) = self
            .one(select_safe().filter(row(self.backend(), scope, id)))
            .await?
        else {
            return Ok(Standing::Told(None));
        };
        let row = Row::new(&found)?;
        if expected.is_some_and(|expected| row.version().is_ok_and(|now| now != *expected)) {
            return Err(StoreError::VersionMismatch);
        }
        if row.is_deleted()? {
            return Err(StoreError::Deleted);
        }
        let current = row.safe(&self.view())?;
        if named(changes).is_empty() {
            return Ok(Standing::Told(Some(Box::new(current))));
        }
        let keeps_token = row.has_token()? && !matches!(changes.access_token, Patch::Null);
        let has_credential = keeps_token || current.github_installation_id.is_some();
        if needs_credential(changes) && !has_credential {
            return Err(StoreError::NoCredential);
        }
        // Somebody changed it between the two statements: what was missing is there now.
        Ok(Standing::Possible)
    }

    /// The new secrets, sealed for their row.
    fn seal_new(
        &self,
        tenant: &TenantId,
        id: &IntegrationId,
        changes: &UpdateScmIntegrationDto,
    ) -> Result<SealedSecrets, StoreError> {
        let access = changes.access_token.value().map(AccessToken::expose);
        let refresh = changes.refresh_token.value().map(RefreshToken::expose);
        Ok(SealedSecrets {
            access: self.sealed(id, tenant, Column::AccessToken, access)?,
            refresh: self.sealed(id, tenant, Column::RefreshToken, refresh)?,
        })
    }

    /// Whose row it is, which sealing and the audit log need; `None` if there is no such row. The scope tells it, but
    /// for the platform, which reaches all of them: then the row does, at the price of reading it.
    pub(super) async fn tenant_of(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<Option<TenantId>, StoreError> {
        if let TenantScope::Tenant(tenant) = scope {
            return Ok(Some(tenant.clone()));
        }
        let select = select_safe().filter(row(self.backend(), scope, id));
        let found = self.one(select).await?;
        found.map(|found| Row::new(&found)?.tenant()).transpose()
    }

    fn assignments(
        &self,
        changes: &UpdateScmIntegrationDto,
        secrets: SealedSecrets,
    ) -> UpdateStatement {
        let mut update = Query::update();
        update.table(Entity);
        if let Patch::Value(name) = &changes.display_name {
            update.value(Column::DisplayName, name.as_str());
        }
        if let Patch::Value(branch) = &changes.default_branch {
            update.value(Column::DefaultBranch, branch.as_str());
        }
        if let Patch::Value(active) = changes.is_active {
            update.value(Column::IsActive, active);
        }
        if let Patch::Value(rotates) = changes.auto_rotate {
            update.value(Column::AutoRotate, rotates);
        }
        if !changes.refresh_token.is_absent() {
            update.value(Column::RefreshToken, secrets.refresh);
        }
        if !changes.access_token.is_absent() {
            new_access_token(&mut update, secrets.access);
        }
        if !changes.access_token.is_absent() || !changes.refresh_token.is_absent() {
            update.value(
                Column::CredentialVersion,
                Expr::col(Column::CredentialVersion).add(1),
            );
        }
        if !changes.token_expires_at.is_absent() || !changes.access_token.is_absent() {
            let at = changes.token_expires_at.value().copied();
            let at = bound(self.backend(), at.map(Timestamp::to_utc).into());
            update
                .value(Column::TokenExpiresAt, at)
                .value(Column::TokenIssuedAt, None::<DateTimeUtc>);
        }
        update
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::UpdatedAt, time(self.backend(), self.now()));
        if brings_back(changes) {
            forget_if_deleted(&mut update);
        }
        update
    }
}

/// New secrets in the form in which they are stored.
struct SealedSecrets {
    access: Option<String>,
    refresh: Option<String>,
}

/// What holds of a credential holds of no other one.
fn new_access_token(update: &mut UpdateStatement, sealed: Option<String>) {
    update
        .value(Column::AccessToken, sealed)
        .value(
            Column::VerificationStatus,
            VerificationStatus::Pending.as_str(),
        )
        .value(Column::VerificationError, Value::String(None))
        .value(Column::LastVerifiedAt, None::<DateTimeUtc>)
        .value(Column::Capabilities, Value::String(None));
}

/// What a deleted row leaves behind when it comes back. `deletedAt` is last: MySQL lets later
/// assignments see what earlier ones did.
fn forget_if_deleted(update: &mut UpdateStatement) {
    for column in [
        Column::WebhookId,
        Column::WebhookSecret,
        Column::WebhookUrl,
        Column::WebhookScheme,
        Column::PreviousWebhookSecret,
        Column::ProviderRepositoryId,
    ] {
        let kept_while_alive = CaseStatement::new()
            .case(Column::DeletedAt.is_null(), Expr::col(column))
            .finally(Expr::value(Value::String(None)));
        update.value(column, kept_while_alive);
    }
    update.value(Column::DeletedAt, None::<DateTimeUtc>);
}

fn check(changes: &UpdateScmIntegrationDto) -> Result<(), StoreError> {
    for (field, is_null) in [
        ("displayName", changes.display_name == Patch::Null),
        ("defaultBranch", changes.default_branch == Patch::Null),
        ("isActive", changes.is_active == Patch::Null),
        ("autoRotate", changes.auto_rotate == Patch::Null),
    ] {
        if is_null {
            return Err(StoreError::NotNullable { field });
        }
    }
    if let Patch::Value(branch) = &changes.default_branch {
        check_length("defaultBranch", branch.as_str(), 255)?;
    }
    Ok(())
}

/// The fields that are named, as JSON has them.
fn named(changes: &UpdateScmIntegrationDto) -> Vec<&'static str> {
    let UpdateScmIntegrationDto {
        display_name,
        default_branch,
        access_token,
        refresh_token,
        token_expires_at,
        auto_rotate,
        is_active,
    } = changes;
    let fields = [
        ("displayName", display_name.is_absent()),
        ("defaultBranch", default_branch.is_absent()),
        ("accessToken", access_token.is_absent()),
        ("refreshToken", refresh_token.is_absent()),
        ("tokenExpiresAt", token_expires_at.is_absent()),
        ("autoRotate", auto_rotate.is_absent()),
        ("isActive", is_active.is_absent()),
    ];
    let named = fields.into_iter().filter(|(_, absent)| !absent);
    named.map(|(field, _)| field).collect()
}

fn brings_back(changes: &UpdateScmIntegrationDto) -> bool {
    changes.is_active == Patch::Value(true) && changes.access_token.value().is_some()
}

/// True if the row is to be switched on with the credential it has.
fn needs_credential(changes: &UpdateScmIntegrationDto) -> bool {
    changes.is_active == Patch::Value(true) && !brings_back(changes)
}

/// The states of a row in which these changes are possible.
fn allowed(changes: &UpdateScmIntegrationDto) -> Condition {
    if brings_back(changes) {
        return Condition::all();
    }
    let alive = Condition::all().add(Column::DeletedAt.is_null());
    if !needs_credential(changes) {
        return alive;
    }
    let installed = Column::GithubInstallationId.is_not_null();
    if matches!(changes.access_token, Patch::Null) {
        return alive.add(installed);
    }
    alive.add(
        Condition::any()
            .add(Column::AccessToken.is_not_null())
            .add(installed),
    )
}
