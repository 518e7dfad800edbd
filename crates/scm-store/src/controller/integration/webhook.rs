//! The webhook of an integration as its owner sees it, and how its secret is changed.
//!
//! - A new secret is stored before the code host learns it, and the one before is kept beside it: a
//!   delivery signed with either is genuine, until one with the new secret confirms it, and for
//!   [`ScmIntegrationController::BOTH_SECRETS`] at most.
//! - Each step of a change is written only if the secret is still the one of the step before: a
//!   deletion, or another change, wins.

use std::time::Duration;

use scm_types::{
    Actor, AuditAction, AuditDetail, AuditFact, AuditOutcome, AuditRecord, IntegrationId, Purpose,
    SignatureScheme, TenantId, TenantScope, Timestamp, WebhookSecret,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryResult, QuerySelect, Value,
    prelude::DateTimeUtc,
    sea_query::{Expr, ExprTrait, Query, UpdateStatement},
};

use super::{
    ScmIntegrationController,
    fit::check_length,
    scope::{row, time},
};
use crate::{
    StoreError,
    convert::Row,
    entity::tenant_scm_integration::{Column, Entity},
};

/// A webhook as it is stored, with its secrets opened. Has no `Debug`: it holds them.
#[derive(Clone)]
pub struct StoredWebhook {
    /// Whose it is.
    pub tenant_id: TenantId,
    /// The host's id of the webhook; `None` if none is registered.
    pub webhook_id: Option<String>,
    /// Where its deliveries go.
    pub webhook_url: Option<String>,
    /// How its deliveries are signed.
    pub scheme: Option<SignatureScheme>,
    /// What they are signed with, the newest first; the second while the first is not confirmed.
    pub secrets: Vec<WebhookSecret>,
    /// How long the second one is accepted.
    pub previous_until: Option<Timestamp>,
    /// The newest secret as it is stored: stands for the state that was read.
    sealed: Option<String>,
}

/// A webhook as it is going to be.
#[derive(Clone, Copy)]
pub struct NewWebhook<'a> {
    /// What deliveries will be signed with.
    pub secret: &'a WebhookSecret,
    /// Where they will go.
    pub url: &'a str,
    /// How they will be signed.
    pub scheme: SignatureScheme,
}

/// A change of a webhook's secret that was begun. To be ended with
/// [`ScmIntegrationController::finish_webhook_change`] or
/// [`ScmIntegrationController::abandon_webhook_change`]; if neither comes, both secrets are accepted
/// for a while, and the newer one from then on.
#[must_use = "the code host is to be told the new secret"]
pub struct WebhookChange {
    tenant: TenantId,
    action: AuditAction,
    before: Before,
    sealed: String,
}

/// What stood in the place of a new secret.
enum Before {
    /// This, sealed.
    Known(Option<String>),
    /// The change was begun earlier: nobody knows whether the host has made it.
    Open,
}

impl StoredWebhook {
    /// A change that was begun and not ended, with its secret: the host may have it or not.
    #[must_use]
    pub fn open_change(&self, action: AuditAction) -> Option<(WebhookChange, WebhookSecret)> {
        let is_open = self.webhook_id.is_none() || self.previous_until.is_some();
        let (secret, sealed) = (self.secrets.first()?, self.sealed.as_ref()?);
        let change = WebhookChange {
            tenant: self.tenant_id.clone(),
            action,
            before: Before::Open,
            sealed: sealed.clone(),
        };
        is_open.then(|| (change, secret.clone()))
    }
}

impl ScmIntegrationController {
    /// How long a secret is accepted beside a newer one that is not confirmed.
    pub const BOTH_SECRETS: Duration = Duration::from_hours(24);

    /// The webhook of an integration, with its secrets opened, which is noted before they are given
    /// out; `None` if the scope reaches no such integration, or it is deleted.
    ///
    /// Fails with [`StoreError::Unreadable`] if a secret does not open, with
    /// [`StoreError::Corrupt`] if the row makes no sense.
    pub async fn find_webhook(
        &self,
        actor: &Actor,
        id: &IntegrationId,
    ) -> Result<Option<StoredWebhook>, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::TenantId,
                Column::WebhookId,
                Column::WebhookUrl,
                Column::WebhookSecret,
                Column::WebhookScheme,
                Column::PreviousWebhookSecret,
                Column::PreviousWebhookSecretUntil,
            ])
            .filter(row(self.backend(), &actor.scope, id).add(Column::DeletedAt.is_null()));
        let Some(found) = self.one(select).await? else {
            return Ok(None);
        };
        let tenant = Row::new(&found)?.tenant()?;
        let opened = self.opened_webhook(&found, &tenant);
        let purpose = Purpose::ManageWebhook;
        let opened = self.opening_noted((&tenant, id), actor, purpose, opened);
        opened.await.map(Some)
    }

    fn opened_webhook(
        &self,
        found: &QueryResult,
        tenant: &TenantId,
    ) -> Result<StoredWebhook, StoreError> {
        let row = Row::new(found)?;
        let now = self.now();
        let until = row.time(Column::PreviousWebhookSecretUntil)?;
        let until = until.filter(|until| *until > now);
        let secret = |column| row.secret(&self.cipher, tenant, column, WebhookSecret::parse);
        let newest = secret(Column::WebhookSecret)?;
        let before = match until {
            Some(_) => secret(Column::PreviousWebhookSecret)?,
            None => None,
        };
        let scheme: Option<String> = row.get(Column::WebhookScheme)?;
        let scheme = scheme.map(|word| word.parse::<SignatureScheme>());
        let scheme = scheme
            .transpose()
            .map_err(|_| row.corrupt("webhookScheme"))?;
        Ok(StoredWebhook {
            tenant_id: tenant.clone(),
            webhook_id: row.get(Column::WebhookId)?,
            webhook_url: row.get(Column::WebhookUrl)?,
            scheme,
            previous_until: until.filter(|_| before.is_some()),
            secrets: newest.into_iter().chain(before).collect(),
            sealed: row.get(Column::WebhookSecret)?,
        })
    }

    /// Stores a new secret, and where deliveries go, before the host is told; `None`, and nothing
    /// written, if the webhook is not as it was read any more. `new.scheme` is how the host will sign,
    /// as far as is known before it says so: the first delivery can come before its answer.
    ///
    /// Fails with [`StoreError::DoesNotFit`] if the URL is too long.
    pub async fn begin_webhook_change(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        stored: &StoredWebhook,
        action: AuditAction,
        new: NewWebhook<'_>,
    ) -> Result<Option<WebhookChange>, StoreError> {
        let NewWebhook {
            secret,
            url,
            scheme,
        } = new;
        check_length("webhookUrl", url, 512)?;
        let tenant = &stored.tenant_id;
        let sealed = |column, secret: Option<&WebhookSecret>| {
            self.sealed(id, tenant, column, secret.map(WebhookSecret::expose))
        };
        // What was confirmed last stays good: a newer one that never was may be nowhere.
        let before = stored.secrets.last();
        let until = before.map(|_| self.now().plus(Self::BOTH_SECRETS));
        let new = sealed(Column::WebhookSecret, Some(secret))?.unwrap_or_default();
        let mut update = self.webhook_update();
        update
            .value(Column::WebhookSecret, new.as_str())
            .value(Column::WebhookUrl, url)
            .value(
                Column::WebhookScheme,
                stored.scheme.unwrap_or(scheme).as_str(),
            )
            .value(
                Column::PreviousWebhookSecret,
                sealed(Column::PreviousWebhookSecret, before)?,
            )
            .value(
                Column::PreviousWebhookSecretUntil,
                match until {
                    Some(until) => time(self.backend(), until),
                    None => None::<DateTimeUtc>.into(),
                },
            )
            .cond_where(self.webhook_row(tenant, id, stored.sealed.as_deref()));
        let change = WebhookChange {
            tenant: tenant.clone(),
            action,
            before: Before::Known(stored.sealed.clone()),
            sealed: new,
        };
        let record = AuditRecord::not_done(action, AuditOutcome::Unknown, "begun");
        let written = self.write_webhook(actor, id, &change, &update, record);
        Ok(written.await?.then_some(change))
    }

    /// Notes that the host has the new secret; false, and nothing written, if somebody else has
    /// changed the webhook, or the integration is deleted.
    pub async fn finish_webhook_change(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        change: &WebhookChange,
        webhook_id: &str,
        scheme: SignatureScheme,
    ) -> Result<bool, StoreError> {
        check_length("webhookId", webhook_id, 255)?;
        let mut update = self.webhook_update();
        update
            .value(Column::WebhookId, webhook_id)
            .value(Column::WebhookScheme, scheme.as_str())
            .cond_where(self.webhook_row(&change.tenant, id, Some(&change.sealed)));
        let detail = AuditDetail::default().with("webhookId", AuditFact::name(webhook_id));
        let record = AuditRecord::done(change.action).with(detail);
        self.write_webhook(actor, id, change, &update, record).await
    }

    /// Takes the new secret back, which the host is known not to have; false, and nothing written,
    /// if it is not the stored one any more, or the change was [open](StoredWebhook::open_change)
    /// before. `code` says why.
    pub async fn abandon_webhook_change(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        change: &WebhookChange,
        code: &'static str,
    ) -> Result<bool, StoreError> {
        let Before::Known(before) = &change.before else {
            return Ok(false);
        };
        let mut update = self.webhook_update();
        update
            .value(Column::WebhookSecret, before.clone())
            .value(Column::PreviousWebhookSecret, Value::String(None))
            .value(Column::PreviousWebhookSecretUntil, None::<DateTimeUtc>)
            .cond_where(self.webhook_row(&change.tenant, id, Some(&change.sealed)));
        let taken_back = AuditDetail::default().with("takenBack", true);
        let record = AuditRecord::not_done(change.action, AuditOutcome::Failed, code);
        let record = record.with(taken_back);
        self.write_webhook(actor, id, change, &update, record).await
    }

    /// True if no secret is accepted beside the present one; false also if the scope reaches no such
    /// integration. Opens nothing.
    pub async fn is_webhook_confirmed(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<bool, StoreError> {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::PreviousWebhookSecretUntil])
            .filter(row(self.backend(), scope, id));
        let Some(found) = self.one(select).await? else {
            return Ok(false);
        };
        let until = Row::new(&found)?.time(Column::PreviousWebhookSecretUntil)?;
        Ok(until.is_none_or(|until| until <= self.now()))
    }

    /// Forgets a webhook that is not wanted any more, or that the host has no longer; false if it is
    /// not the stored one. No delivery is genuine from then on.
    pub async fn forget_webhook(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        webhook_id: &str,
    ) -> Result<bool, StoreError> {
        let Some(tenant) = self.tenant_of(&actor.scope, id).await? else {
            return Ok(false);
        };
        let mut update = self.webhook_update();
        for column in [
            Column::WebhookId,
            Column::WebhookSecret,
            Column::WebhookUrl,
            Column::WebhookScheme,
            Column::PreviousWebhookSecret,
        ] {
            update.value(column, Value::String(None));
        }
        let scope = TenantScope::Tenant(tenant.clone());
        update
            .value(Column::PreviousWebhookSecretUntil, None::<DateTimeUtc>)
            .cond_where(
                row(self.backend(), &scope, id)
                    .add(Column::WebhookId.eq(webhook_id))
                    .add(Column::DeletedAt.is_null()),
            );
        let detail = AuditDetail::default().with("webhookId", AuditFact::name(webhook_id));
        let record = AuditRecord::done(AuditAction::WebhookRemoved).with(detail);
        let written = self.noted((&tenant, id), actor, &update, &record).await;
        Ok(written.map_err(StoreError::from_driver)? > 0)
    }

    fn webhook_update(&self) -> UpdateStatement {
        Query::update()
            .table(Entity)
            .value(Column::Version, Expr::col(Column::Version).add(1))
            .value(Column::UpdatedAt, time(self.backend(), self.now()))
            .to_owned()
    }

    /// The row, if its newest secret is still that one.
    fn webhook_row(
        &self,
        tenant: &TenantId,
        id: &IntegrationId,
        sealed: Option<&str>,
    ) -> Condition {
        let scope = TenantScope::Tenant(tenant.clone());
        row(self.backend(), &scope, id)
            .add(Column::DeletedAt.is_null())
            .add(match sealed {
                Some(sealed) => Column::WebhookSecret.eq(sealed),
                None => Column::WebhookSecret.is_null(),
            })
    }

    async fn write_webhook(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        change: &WebhookChange,
        update: &UpdateStatement,
        record: AuditRecord,
    ) -> Result<bool, StoreError> {
        let written = self.noted((&change.tenant, id), actor, update, &record);
        Ok(written.await.map_err(StoreError::from_driver)? > 0)
    }
}
