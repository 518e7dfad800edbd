//! What a tenant sees of the deliveries to its integrations.

use scm_store::{DeliveryFilter, DeliveryPage};
use scm_types::{
    AuditAction, AuditDetail, AuditFact, AuditRecord, Caller, DeliveryCursor, DeliverySummary,
    IntegrationId, Role, SignatureScheme, TenantId, TenantScope, Timestamp,
};
use serde::Serialize;

use crate::{ServiceError, Services};

/// A delivery with what was delivered.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeliveryDetail {
    /// What has become of it.
    #[serde(flatten)]
    pub summary: DeliverySummary,
    /// How it was signed.
    pub scheme: SignatureScheme,
    /// Its headers; what proves something is masked.
    pub headers: Vec<(String, String)>,
    /// Its body; `None` if that is no text.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub body: Option<String>,
}

impl Services {
    /// One page of an integration's deliveries, newest first. Needs the role viewer.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        filter: &DeliveryFilter,
    ) -> Result<DeliveryPage, ServiceError> {
        let scope = Self::scope(caller, Role::Viewer)?;
        let tenant = TenantScope::Tenant(self.tenant_with(&scope, id).await?);
        Ok(self.webhooks.inbox.list(&tenant, id, filter).await?)
    }

    /// One delivery with its headers and its body. Needs the role owner.
    pub async fn delivery(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        delivery: &str,
    ) -> Result<DeliveryDetail, ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        let tenant = TenantScope::Tenant(self.tenant_with(&scope, id).await?);
        check_id(delivery)?;
        let found = self.webhooks.inbox.find(&tenant, id, delivery).await?;
        let found = found.ok_or(ServiceError::UnknownDelivery)?;
        Ok(DeliveryDetail {
            summary: found.summary,
            scheme: found.payload.scheme,
            headers: found.payload.headers,
            body: String::from_utf8(found.payload.body).ok(),
        })
    }

    /// Lets a delivery be processed again, whatever has become of it. Its events are told again
    /// under new ids; what it says of the integration counts only if no later one was processed.
    /// Needs the role owner.
    pub async fn replay_delivery(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        delivery: &str,
    ) -> Result<(), ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        let tenant = self.tenant_with(&scope, id).await?;
        let within = TenantScope::Tenant(tenant.clone());
        check_id(delivery)?;
        if !self.webhooks.inbox.replay(&within, id, delivery).await? {
            return Err(ServiceError::UnknownDelivery);
        }
        let detail = AuditDetail::default().with("delivery", AuditFact::name(delivery));
        self.replayed(caller, &tenant, id, detail).await
    }

    /// Lets all dead deliveries be processed again that came since then; gives how many. Needs the
    /// role owner.
    pub async fn replay_dead_deliveries(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        since: Timestamp,
    ) -> Result<u64, ServiceError> {
        let scope = Self::scope(caller, Role::Owner)?;
        let tenant = self.tenant_with(&scope, id).await?;
        let within = TenantScope::Tenant(tenant.clone());
        let replayed = self.webhooks.inbox.replay_dead(&within, id, since).await?;
        if replayed > 0 {
            let count = i64::try_from(replayed).unwrap_or(i64::MAX);
            let detail = AuditDetail::default().with("count", count);
            self.replayed(caller, &tenant, id, detail).await?;
        }
        Ok(replayed)
    }

    async fn replayed(
        &self,
        caller: &Caller,
        tenant: &TenantId,
        id: &IntegrationId,
        detail: AuditDetail,
    ) -> Result<(), ServiceError> {
        let record = AuditRecord::done(AuditAction::DeliveryReplayed).with(detail);
        self.audit
            .note(&caller.actor(), tenant, id, &record)
            .await?;
        self.webhooks.arrived.notify_one();
        Ok(())
    }

    /// Whose integration it is, if the scope reaches it.
    async fn tenant_with(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
    ) -> Result<TenantId, ServiceError> {
        let row = self.integrations.find_by_id(scope, id).await?;
        Ok(row.ok_or(ServiceError::NotFound)?.tenant_id)
    }
}

/// A text that cannot be an id names no delivery; not every database takes every text.
fn check_id(delivery: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if delivery.len() <= DeliveryCursor::MAX_ID && delivery.bytes().all(plain) {
        Ok(())
    } else {
        Err(ServiceError::UnknownDelivery)
    }
}
