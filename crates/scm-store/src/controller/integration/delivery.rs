//! What deliveries of an integration's webhook are judged by, and what they change of it.
//!
//! - Deliveries come without a caller: these functions act as the server, and the id is all that is
//!   known. They tell nothing to the outside.
//! - A change is made only to what the delivery is about: its conditions name the repository, the
//!   installation or the webhook that is to be there.

use scm_types::{
    Actor, AuditAction, AuditDetail, AuditOutcome, AuditRecord, DisplayName, HostKind,
    IntegrationId, Purpose, RepoUrl, SafeScmIntegration, SignatureScheme, TenantId, TenantScope,
    VerificationStatus, WebhookSecret,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Value,
    prelude::DateTimeUtc,
    sea_query::{Expr, ExprTrait, Query, UpdateStatement},
};

use super::{
    ScmIntegrationController,
    fit::check_length,
    scope::{row, same, time},
};
use crate::{
    StoreError,
    convert::{Row, select_safe},
    entity::tenant_scm_integration::{Column, Entity},
};

/// What the deliveries of a webhook are verified with.
pub struct WebhookKeys {
    /// Whose integration it is.
    pub tenant_id: TenantId,
    /// How deliveries are signed.
    pub scheme: SignatureScheme,
    /// The secrets that count now: the present one, then, while a change is not confirmed, the one
    /// before it.
    pub secrets: Vec<WebhookSecret>,
    as_stored: AsStored,
}

/// The columns behind the keys, sealed.
#[derive(PartialEq, Eq)]
struct AsStored {
    scheme: Option<String>,
    secret: Option<String>,
    previous: Option<String>,
    previous_until: Option<DateTimeUtc>,
}

/// What a delivery is compared with.
#[derive(Debug, Clone)]
pub struct DeliveryTarget {
    /// The row, without its secrets.
    pub integration: SafeScmIntegration,
    /// The repository's own id at its host, if a check has found it.
    pub provider_repository_id: Option<String>,
    /// True if the row is soft-deleted.
    pub is_deleted: bool,
}

/// A repository that is found elsewhere now.
#[derive(Debug, Clone)]
pub struct RepositoryMove {
    /// The URL that is stored.
    pub from: String,
    /// Where it is.
    pub to: RepoUrl,
    /// A new name, if the present one was made of the old path.
    pub display_name: Option<DisplayName>,
    /// GitLab: what stands for the project from now on.
    pub gitlab_project_id: Option<String>,
    /// GitLab: what stands for the group from now on.
    pub gitlab_group_id: Option<String>,
}

impl ScmIntegrationController {
    /// Opens what deliveries to an integration are verified with, noted in the audit log; `None` if
    /// there is no such integration, if it is soft-deleted, or if it has no webhook.
    ///
    /// Fails with [`StoreError::Unreadable`] if the present secret does not open; one before it that
    /// does not is left out.
    pub async fn webhook_keys(
        &self,
        actor: &Actor,
        id: &IntegrationId,
    ) -> Result<Option<WebhookKeys>, StoreError> {
        let select = webhook_columns().filter(row(self.backend(), &actor.scope, id));
        let Some(found) = self.one(select).await? else {
            return Ok(None);
        };
        let row = Row::new(&found)?;
        if row.is_deleted()? {
            return Ok(None);
        }
        let as_stored = AsStored::read(&row)?;
        let (Some(scheme), true) = (&as_stored.scheme, as_stored.secret.is_some()) else {
            return Ok(None);
        };
        let tenant_id = row.tenant()?;
        let scheme = scheme.parse().map_err(|_| row.corrupt("webhookScheme"))?;
        let open = |column| row.secret(&self.cipher, &tenant_id, column, WebhookSecret::parse);
        let present = open(Column::WebhookSecret);
        let until = as_stored.previous_until;
        let previous = if until.is_some_and(|until| until > self.now().to_utc()) {
            open(Column::PreviousWebhookSecret).unwrap_or_default()
        } else {
            None
        };
        let purpose = Purpose::CheckDelivery;
        let present = self.opening_noted((&tenant_id, id), actor, purpose, present);
        let present = present.await?;
        Ok(Some(WebhookKeys {
            secrets: present.into_iter().chain(previous).collect(),
            tenant_id,
            scheme,
            as_stored,
        }))
    }

    /// True if the keys are still what is stored. Opens nothing.
    pub async fn are_webhook_keys_current(
        &self,
        id: &IntegrationId,
        keys: &WebhookKeys,
    ) -> Result<bool, StoreError> {
        let scope = TenantScope::Tenant(keys.tenant_id.clone());
        let select = webhook_columns().filter(row(self.backend(), &scope, id));
        let Some(found) = self.one(select).await? else {
            return Ok(false);
        };
        let row = Row::new(&found)?;
        Ok(!row.is_deleted()? && AsStored::read(&row)? == keys.as_stored)
    }

    /// Forgets the secret before the present one, because a delivery came that was signed with the
    /// present one. False if the secrets are not those of `keys` any more.
    pub async fn confirm_webhook_secret(
        &self,
        id: &IntegrationId,
        keys: &WebhookKeys,
    ) -> Result<bool, StoreError> {
        let Some(present) = &keys.as_stored.secret else {
            return Ok(false);
        };
        let scope = TenantScope::Tenant(keys.tenant_id.clone());
        let mut update = super::quiet_update();
        update
            .value(Column::PreviousWebhookSecret, Value::String(None))
            .value(Column::PreviousWebhookSecretUntil, None::<DateTimeUtc>)
            .cond_where(row(self.backend(), &scope, id).add(same(
                self.backend(),
                Column::WebhookSecret,
                present,
            )));
        let written = self
            .db
            .run(|pool| sea_orm::ConnectionTrait::execute(pool, &update))
            .await?;
        Ok(written.rows_affected() > 0)
    }

    /// What deliveries to an integration are compared with; `None` if there is no such integration.
    pub async fn delivery_target(
        &self,
        id: &IntegrationId,
    ) -> Result<Option<DeliveryTarget>, StoreError> {
        let select = select_safe()
            .column(Column::ProviderRepositoryId)
            .filter(row(self.backend(), &TenantScope::Platform, id));
        let Some(found) = self.one(select).await? else {
            return Ok(None);
        };
        let row = Row::new(&found)?;
        Ok(Some(DeliveryTarget {
            integration: row.safe(&self.view())?,
            provider_repository_id: row.text(Column::ProviderRepositoryId)?,
            is_deleted: row.is_deleted()?,
        }))
    }

    /// Takes over that the repository is elsewhere, and keeps where it was as an alias. False if the
    /// row does not have the old URL any more.
    ///
    /// Fails with [`StoreError::Conflict`] if the tenant has an integration for the new place
    /// already.
    pub async fn move_repository(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        to: &RepositoryMove,
    ) -> Result<bool, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(false);
        };
        let (owner, name) = (to.to.owner(), to.to.name().to_owned());
        check_length("repositoryUrl", &owner, 255)?;
        check_length("repositoryUrl", &name, 255)?;
        let mut update = self.changed();
        update
            .value(Column::RepositoryUrl, to.to.as_str())
            .value(Column::RepositoryKey, to.to.key());
        match to.to.kind() {
            HostKind::Github => update
                .value(Column::GithubOrganization, owner)
                .value(Column::GithubRepository, name),
            HostKind::Gitlab => update
                .value(Column::GitlabProjectId, to.gitlab_project_id.clone())
                .value(Column::GitlabGroupId, to.gitlab_group_id.clone()),
            HostKind::Bitbucket | HostKind::BitbucketDataCenter => update
                .value(Column::BitbucketWorkspace, owner)
                .value(Column::BitbucketRepository, name),
        };
        if let Some(name) = &to.display_name {
            update.value(Column::DisplayName, name.as_str());
        }
        let scope = TenantScope::Tenant(tenant.clone());
        update.cond_where(
            row(self.backend(), &scope, id)
                .add(Column::RepositoryUrl.eq(to.from.as_str()))
                .add(Column::DeletedAt.is_null()),
        );
        let fields = AuditDetail::default().with("fields", vec!["repositoryUrl"]);
        let record = AuditRecord::done(AuditAction::IntegrationUpdated).with(fields);
        // First the alias: with it alone nothing is lost, without it the old place would be.
        self.keep_alias(&tenant, id, &to.from).await?;
        let written = self.noted((&tenant, id), actor, &update, &record).await;
        let moved = written.map_err(StoreError::from_driver);
        if !matches!(moved, Ok(1..)) {
            self.drop_alias(id, &to.from).await?;
        }
        Ok(moved? > 0)
    }

    /// Notes that the installation that an integration works with is gone: it has no other
    /// credential, so the connection is INVALID. False if it does not work with that one.
    pub async fn lose_installation(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        installation: &str,
        reason: &str,
    ) -> Result<bool, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(false);
        };
        let scope = TenantScope::Tenant(tenant.clone());
        let mut update = self.changed();
        update
            .value(
                Column::VerificationStatus,
                VerificationStatus::Invalid.as_str(),
            )
            .value(Column::VerificationError, reason)
            .value(Column::LastVerifiedAt, time(self.backend(), self.now()))
            .value(Column::Capabilities, Value::String(None))
            .cond_where(
                row(self.backend(), &scope, id)
                    .add(Column::GithubInstallationId.eq(installation))
                    .add(Column::AccessToken.is_null())
                    .add(Column::DeletedAt.is_null()),
            );
        let record = AuditRecord::not_done(
            AuditAction::IntegrationVerified,
            AuditOutcome::Failed,
            "installation_gone",
        );
        let written = self.noted((&tenant, id), actor, &update, &record).await;
        Ok(written.map_err(StoreError::from_driver)? > 0)
    }

    /// Notes that the webhook was removed at the host: nothing that is signed with its secret counts
    /// from now on. False if the integration has another one.
    pub async fn lose_webhook(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        webhook: &str,
    ) -> Result<bool, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(false);
        };
        let scope = TenantScope::Tenant(tenant.clone());
        let mut update = self.changed();
        update.value(Column::PreviousWebhookSecretUntil, None::<DateTimeUtc>);
        for forgotten in [
            Column::WebhookId,
            Column::WebhookUrl,
            Column::WebhookScheme,
            Column::WebhookSecret,
            Column::PreviousWebhookSecret,
        ] {
            update.value(forgotten, Value::String(None));
        }
        update.cond_where(row(self.backend(), &scope, id).add(Column::WebhookId.eq(webhook)));
        let record = AuditRecord::done(AuditAction::WebhookRemoved);
        let written = self.noted((&tenant, id), actor, &update, &record).await;
        Ok(written.map_err(StoreError::from_driver)? > 0)
    }

    /// An update of a row that others see.
    fn changed(&self) -> UpdateStatement {
        Query::update()
            .table(Entity)
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::UpdatedAt, time(self.backend(), self.now()))
            .to_owned()
    }
}

/// What [`AsStored`] reads, and whose it is.
fn webhook_columns() -> sea_orm::Select<Entity> {
    Entity::find().select_only().columns([
        Column::Id,
        Column::TenantId,
        Column::DeletedAt,
        Column::WebhookScheme,
        Column::WebhookSecret,
        Column::PreviousWebhookSecret,
        Column::PreviousWebhookSecretUntil,
    ])
}

impl AsStored {
    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            scheme: row.text(Column::WebhookScheme)?,
            secret: row.text(Column::WebhookSecret)?,
            previous: row.text(Column::PreviousWebhookSecret)?,
            previous_until: row.get(Column::PreviousWebhookSecretUntil)?,
        })
    }
}
