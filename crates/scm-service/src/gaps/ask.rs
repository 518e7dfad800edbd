//! Asking a code host to send again what has not arrived.

use std::time::Duration;

use scm_providers::{FailedDelivery, ProviderError};
use scm_store::Asked;
use scm_types::{
    Actor, AuditAction, AuditDetail, AuditOutcome, AuditRecord, DeliveryId, HostKind, IntegrationId,
};

use crate::{ServiceError, Services, work::Work};

/// How far back it is looked at the most: no host keeps deliveries for longer.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// How far the clocks of this server and of the host may be apart, and more.
const SLACK: Duration = Duration::from_mins(10);

/// How often a delivery is asked for at the most, and how long apart: one that never arrives is the
/// comparison's.
const ASKS: u32 = 3;
const APART: Duration = Duration::from_mins(30);

/// How many deliveries are asked for in a row. GitLab takes five requests in a minute.
const IN_A_ROW: usize = 25;
const IN_A_ROW_AT_GITLAB: usize = 5;

/// What asking came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// There was nothing to ask for, or the host has no list.
    Nothing,
    /// Deliveries are on their way; and there are more to be asked for, if this is true.
    Asked(bool),
}

impl Services {
    /// Asks for the failed deliveries of a webhook that have not arrived, the oldest first. `checked`
    /// is how long ago the last look at everything was.
    pub(super) async fn ask_again(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        work: &Work,
        webhook: &str,
        checked: Option<Duration>,
    ) -> Result<Asking, ServiceError> {
        let back = checked.map_or(KEPT, |checked| KEPT.min(checked + SLACK));
        let since = self.clock.now().minus(back);
        let failed = work
            .provider
            .failed_deliveries(&work.info, webhook, since)
            .await;
        let failed = match failed {
            Ok(Some(failed)) => failed,
            Ok(None) => return Ok(Asking::Nothing),
            // It may read the repository: what the list would have told, the comparison will.
            Err(error) if is_about_webhooks(&error) => {
                tracing::debug!(%id, code = error.code(), "failed deliveries could not be listed");
                return Ok(Asking::Nothing);
            }
            Err(error) => return Err(error.into()),
        };
        let wanted = self.not_arrived(id, failed.items).await?;
        let most = match work.url.kind() {
            HostKind::Gitlab => IN_A_ROW_AT_GITLAB,
            _ => IN_A_ROW,
        };
        let is_more = wanted.len() > most;
        let mut asked = 0;
        let mut end = Ok(());
        for delivery in wanted.iter().take(most) {
            match self.ask_for(id, work, webhook, delivery).await {
                Ok(()) => asked += 1,
                Err(error) => {
                    end = Err(error);
                    break;
                }
            }
        }
        self.note_asked(actor, id, work, asked, end.as_ref().err())
            .await;
        match end {
            Ok(()) if asked == 0 => Ok(Asking::Nothing),
            Ok(()) => Ok(Asking::Asked(is_more)),
            Err(ServiceError::Provider(error)) if is_about_webhooks(&error) => Ok(Asking::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Those that have not arrived, and were not asked for too often or a moment ago.
    async fn not_arrived(
        &self,
        id: &IntegrationId,
        failed: Vec<FailedDelivery>,
    ) -> Result<Vec<FailedDelivery>, ServiceError> {
        let ids: Vec<_> = failed
            .iter()
            .filter_map(|it| DeliveryId::parse(it.key.as_str()).ok())
            .collect();
        let arrived = self.webhooks.inbox.arrived(id, &ids).await?;
        let keys: Vec<_> = failed.iter().map(|it| it.key.as_str()).collect();
        let asked = self.refs.asked(id, &keys).await?;
        let may_ask = |asked: &Asked| asked.asks < ASKS && asked.age >= APART;
        let is_wanted = |it: &FailedDelivery| {
            !arrived.contains(&it.key) && asked.get(&it.key).is_none_or(may_ask)
        };
        Ok(failed.into_iter().filter(is_wanted).collect())
    }

    async fn ask_for(
        &self,
        id: &IntegrationId,
        work: &Work,
        webhook: &str,
        delivery: &FailedDelivery,
    ) -> Result<(), ServiceError> {
        let sent = work.provider.redeliver(&work.info, webhook, delivery).await;
        // Noted afterwards: of one that dies in between it is asked for twice, and arrives once.
        match sent {
            Ok(_) => {}
            Err(ProviderError::BadRequest { .. }) => {
                tracing::debug!(%id, "the code host does not send a delivery again");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(self.refs.note_asked(id, &delivery.key).await?)
    }

    async fn note_asked(
        &self,
        actor: &Actor,
        id: &IntegrationId,
        work: &Work,
        asked: u64,
        error: Option<&ServiceError>,
    ) {
        let action = AuditAction::RedeliveryRequested;
        let record = match error {
            _ if asked > 0 => AuditRecord::done(action),
            Some(error) => {
                AuditRecord::not_done(action, AuditOutcome::Failed, error.code().as_str())
            }
            None => return,
        };
        self.metrics.asked_again(asked);
        let count = i64::try_from(asked).unwrap_or(i64::MAX);
        let record = record.with(AuditDetail::default().with("count", count));
        if let Err(error) = self.audit.note(actor, &work.tenant, id, &record).await {
            tracing::error!(
                %error, %id,
                "that deliveries were asked for again could not be noted in the audit log"
            );
        }
    }
}

/// True for a refusal that has nothing to do with the repository itself.
fn is_about_webhooks(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::InsufficientScope { .. } | ProviderError::NotFound { .. }
    )
}
