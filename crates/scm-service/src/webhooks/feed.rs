//! Events in order, for whoever asks again and again.

use std::time::Duration;

use scm_store::EventPage;
use scm_types::{Caller, EventCursor, PageLimit, Role, TenantId, TenantScope};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{ServiceError, Services};

/// How often it is looked for events of other servers while somebody waits.
const LOOK: Duration = Duration::from_secs(1);

impl Services {
    /// Ends every wait for events, and lets none begin: for a server that is about to stop, which would
    /// have to wait for them.
    pub fn stop_waiting(&self) {
        self.webhooks.closing.send_replace(true);
    }

    /// The longest that a caller can wait for events.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

    /// The events of a tenant behind the cursor, in order; where there are none, the next ones that
    /// come within `wait`. Needs the role viewer; the platform has to name the tenant.
    ///
    /// Whoever asks with the [`EventPage::next`] of the answer before misses none and may get one
    /// again.
    pub async fn events(
        &self,
        caller: &Caller,
        tenant: Option<&TenantId>,
        after: EventCursor,
        limit: PageLimit,
        wait: Duration,
    ) -> Result<EventPage, ServiceError> {
        let tenant = match (Self::scope(caller, Role::Viewer)?, tenant) {
            (TenantScope::Platform, None) => {
                return Err(ServiceError::invalid("tenantId", "is required"));
            }
            (TenantScope::Tenant(own), Some(named)) if own != *named => {
                return Err(ServiceError::ForeignTenant);
            }
            (TenantScope::Tenant(own), _) => own,
            (TenantScope::Platform, Some(named)) => named.clone(),
        };
        let until = Instant::now() + wait.min(Self::LONGEST_WAIT);
        let mut told = self.webhooks.told.subscribe();
        let mut closing = self.webhooks.closing.subscribe();
        loop {
            told.mark_unchanged();
            // Only a look at the head while there is nothing.
            let head = self.webhooks.events.head(&tenant).await?;
            if head < after {
                return Err(ServiceError::invalid(
                    "cursor",
                    "is behind the last event there is; ask again without one",
                ));
            }
            if head > after {
                let page = self.webhooks.events.page(&tenant, after, limit).await?;
                if page.next > after {
                    return Ok(page);
                }
            }
            let next = async {
                tokio::select! {
                    _ = told.changed() => {}
                    _ = closing.changed() => {}
                    () = sleep(LOOK) => {}
                }
            };
            if *self.webhooks.closing.borrow()
                || Instant::now() >= until
                || timeout_at(until, next).await.is_err()
            {
                return Ok(EventPage {
                    items: Vec::new(),
                    next: after,
                });
            }
        }
    }
}
