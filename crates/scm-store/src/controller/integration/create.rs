//! Creating: one INSERT, or the return of a soft-deleted row.

use scm_types::{
    AccessToken, AccountId, Actor, AuditAction, AuditRecord, BranchName, DisplayName,
    IntegrationId, RefreshToken, RepoUrl, RowVersion, SafeScmIntegration, TenantId, TenantScope,
    Timestamp, VerificationStatus,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, Iterable, Order, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, InsertStatement, Query},
};

use super::{
    ScmIntegrationController,
    find::of_repository,
    fit::check_lengths,
    scope::{bound, row},
};
use crate::{
    StoreError,
    convert::{Row, TokenState, View, place},
    entity::tenant_scm_integration::{Column, Entity, Model},
    id::new_integration_id,
};

/// What an integration begins with. The provider's columns are the caller's to fill from the
/// repository.
pub struct NewIntegration {
    /// Whose it will be.
    pub tenant_id: TenantId,
    /// What people call it.
    pub display_name: DisplayName,
    /// The repository; its kind becomes `scmType`.
    pub repository: RepoUrl,
    /// GitHub: organisation or user.
    pub github_organization: Option<String>,
    /// GitHub: repository.
    pub github_repository: Option<String>,
    /// GitHub: installation of a GitHub App.
    pub github_installation_id: Option<String>,
    /// GitLab: project id or path.
    pub gitlab_project_id: Option<String>,
    /// GitLab: group id or path.
    pub gitlab_group_id: Option<String>,
    /// Bitbucket: workspace.
    pub bitbucket_workspace: Option<String>,
    /// Bitbucket: repository.
    pub bitbucket_repository: Option<String>,
    /// The branch work starts from.
    pub default_branch: BranchName,
    /// The credential; absent with a GitHub App's installation.
    pub access_token: Option<AccessToken>,
    /// What it is renewed with.
    pub refresh_token: Option<RefreshToken>,
    /// When the credential ends, if that is known.
    pub token_expires_at: Option<Timestamp>,
    /// Whether the access token is rotated before it ends.
    pub auto_rotate: bool,
    /// Who makes it.
    pub created_by_account_id: AccountId,
}

/// A new id meets an old one about never; this is for the row that is removed in between.
const ATTEMPTS: usize = 3;

impl ScmIntegrationController {
    /// Creates an integration: active, PENDING, with the credential sealed.
    ///
    /// A soft-deleted one for the same repository comes back instead, with the same id and
    /// `createdAt`, the new values and the new credential; nothing of its webhook and its checks
    /// stays. Of any number of callers at once, one wins.
    ///
    /// Fails with [`StoreError::Conflict`] if there is one already, with
    /// [`StoreError::OutsideScope`] if the tenant is outside the scope, with
    /// [`StoreError::DoesNotFit`] if a value is too long, and with [`StoreError::Reference`] if
    /// foreign keys are on and the tenant or account does not exist.
    pub async fn create(
        &self,
        actor: &Actor,
        new: NewIntegration,
    ) -> Result<SafeScmIntegration, StoreError> {
        if !actor.scope.contains(&new.tenant_id) {
            return Err(StoreError::OutsideScope);
        }
        check_lengths(&new)?;
        for _ in 0..ATTEMPTS {
            match self.insert(actor, &new).await {
                Err(StoreError::Conflict) => {}
                other => return other,
            }
            match self.existing(&new).await? {
                Existing::Live => return Err(StoreError::Conflict),
                Existing::Deleted(id) => {
                    let revived = self.revive(actor, &id, &new).await?;
                    return revived.ok_or(StoreError::Conflict);
                }
                Existing::None => {}
            }
        }
        Err(StoreError::Conflict)
    }

    async fn insert(
        &self,
        actor: &Actor,
        new: &NewIntegration,
    ) -> Result<SafeScmIntegration, StoreError> {
        let id = new_integration_id();
        let now = self.now();
        let insert = self.insertion(self.model(&id, new, now)?);
        let record = AuditRecord::done(AuditAction::IntegrationCreated);
        self.noted((&new.tenant_id, &id), actor, &insert, &record)
            .await
            .map_err(StoreError::from_driver)?;
        Ok(as_stored(id, new, &self.view_at(now)))
    }

    /// The statement that adds a row.
    pub(super) fn insertion(&self, model: Model) -> InsertStatement {
        let values = model.into_active_model();
        let set = Column::iter().filter_map(|column| {
            let value = values.get(column).into_value()?;
            Some((column, Expr::value(bound(self.backend(), value))))
        });
        let (columns, values): (Vec<_>, Vec<_>) = set.unzip();
        let mut insert = Query::insert();
        insert
            .into_table(Entity)
            .columns(columns)
            .values_panic(values);
        insert
    }

    /// What stands in the way of the new row.
    async fn existing(&self, new: &NewIntegration) -> Result<Existing, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::DeletedAt])
            .filter(of_repository(
                self.backend(),
                &new.tenant_id,
                &new.repository,
            ))
            // A live row decides: its keys are taken, whatever is deleted beside it.
            .order_by(Column::DeletedAt.is_not_null(), Order::Asc)
            .limit(1);
        let Some(found) = self.one(select).await? else {
            return Ok(Existing::None);
        };
        let row = Row::new(&found)?;
        Ok(if row.is_deleted()? {
            Existing::Deleted(row.into_id())
        } else {
            Existing::Live
        })
    }

    /// Brings a deleted row back; `None` if another caller did, or removed it.
    async fn revive(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        new: &NewIntegration,
    ) -> Result<Option<SafeScmIntegration>, StoreError> {
        let scope = TenantScope::Tenant(new.tenant_id.clone());
        let values = self.model(id, new, self.now())?.into_active_model();
        let mut update = Query::update();
        update.table(Entity);
        for column in Column::iter().filter(|column| !kept(*column)) {
            if let Some(value) = values.get(column).into_value() {
                update.value(column, bound(self.backend(), value));
            }
        }
        update
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(
                Column::CredentialVersion,
                Expr::col(Column::CredentialVersion).add(1),
            )
            .cond_where(row(self.backend(), &scope, id).add(Column::DeletedAt.is_not_null()));
        let record = AuditRecord::done(AuditAction::IntegrationRestored);
        let written = self
            .noted((&new.tenant_id, id), actor, &update, &record)
            .await
            .map_err(StoreError::from_driver)?;
        if written == 0 {
            return Ok(None);
        }
        self.find_by_id(&scope, id).await
    }

    pub(super) fn model(
        &self,
        id: &IntegrationId,
        new: &NewIntegration,
        now: Timestamp,
    ) -> Result<Model, StoreError> {
        let now = now.to_utc();
        Ok(Model {
            id: id.to_string(),
            tenant_id: new.tenant_id.to_string(),
            scm_type: new.repository.scm_type().to_string(),
            display_name: new.display_name.to_string(),
            github_organization: new.github_organization.clone(),
            github_repository: new.github_repository.clone(),
            github_installation_id: new.github_installation_id.clone(),
            gitlab_project_id: new.gitlab_project_id.clone(),
            gitlab_group_id: new.gitlab_group_id.clone(),
            bitbucket_workspace: new.bitbucket_workspace.clone(),
            bitbucket_repository: new.bitbucket_repository.clone(),
            repository_url: new.repository.as_str().to_owned(),
            default_branch: new.default_branch.as_str().to_owned(),
            access_token: self.sealed(
                id,
                &new.tenant_id,
                Column::AccessToken,
                new.access_token.as_ref().map(AccessToken::expose),
            )?,
            refresh_token: self.sealed(
                id,
                &new.tenant_id,
                Column::RefreshToken,
                new.refresh_token.as_ref().map(RefreshToken::expose),
            )?,
            token_expires_at: new.token_expires_at.map(Timestamp::to_utc),
            webhook_id: None,
            webhook_secret: None,
            webhook_url: None,
            is_active: true,
            verification_status: VerificationStatus::Pending.to_string(),
            last_verified_at: None,
            verification_error: None,
            created_by_account_id: new.created_by_account_id.to_string(),
            created_at: now,
            updated_at: now,
            version: 1,
            credential_version: 1,
            deleted_at: None,
            provider_repository_id: None,
            repository_key: Some(new.repository.key()),
            capabilities: None,
            token_issued_at: None,
            auto_rotate: new.auto_rotate,
            expiry_warning: None,
            webhook_scheme: None,
            previous_webhook_secret: None,
            previous_webhook_secret_until: None,
        })
    }

    pub(super) fn sealed(
        &self,
        id: &IntegrationId,
        tenant: &TenantId,
        column: Column,
        secret: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let secret = secret.map(|secret| self.cipher.seal(&place(id, tenant, column), secret));
        Ok(secret.transpose()?)
    }
}

enum Existing {
    None,
    Live,
    Deleted(IntegrationId),
}

/// What a row that comes back keeps; the versions are counted up instead.
fn kept(column: Column) -> bool {
    matches!(
        column,
        Column::Id
            | Column::TenantId
            | Column::ScmType
            | Column::CreatedAt
            | Column::Version
            | Column::CredentialVersion
    )
}

/// The row that was just written, without reading it again.
fn as_stored(id: IntegrationId, new: &NewIntegration, view: &View<'_>) -> SafeScmIntegration {
    let now = view.now;
    let token = TokenState::of(new.token_expires_at, VerificationStatus::Pending, now);
    let has_credential = new.access_token.is_some()
        || (new.github_installation_id.is_some() && (view.has_app)(new.repository.as_str()));
    SafeScmIntegration {
        id,
        tenant_id: new.tenant_id.clone(),
        scm_type: new.repository.scm_type(),
        display_name: new.display_name.to_string(),
        github_organization: new.github_organization.clone(),
        github_repository: new.github_repository.clone(),
        github_installation_id: new.github_installation_id.clone(),
        gitlab_project_id: new.gitlab_project_id.clone(),
        gitlab_group_id: new.gitlab_group_id.clone(),
        bitbucket_workspace: new.bitbucket_workspace.clone(),
        bitbucket_repository: new.bitbucket_repository.clone(),
        repository_url: new.repository.as_str().to_owned(),
        default_branch: new.default_branch.as_str().to_owned(),
        token_expires_at: new.token_expires_at,
        auto_rotate: new.auto_rotate,
        webhook_id: None,
        webhook_url: None,
        is_active: true,
        verification_status: VerificationStatus::Pending,
        last_verified_at: None,
        verification_error: None,
        created_by_account_id: new.created_by_account_id.clone(),
        created_at: now,
        updated_at: now,
        has_valid_token: has_credential && token.usable,
        is_token_expired: token.expired,
        version: RowVersion {
            number: 1,
            updated_at: now,
        },
    }
}
