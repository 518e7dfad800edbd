//! Pushing the events of one tenant, for as long as this server has the lease.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use scm_store::JobKind;
use scm_trace::SpanKind;
use scm_types::{TenantEvent, TenantId};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{EventSink, PushSettings, SinkError};
use crate::{ServiceError, Services};

/// What the lease is longer than an attempt: to write down what was taken.
const TO_WRITE: Duration = Duration::from_secs(30);

/// For how long a server pushes a tenant's events before others come to it.
const TURN: Duration = Duration::from_secs(30);

/// How far the server has got with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Running,
    /// No further event is begun.
    Ending,
    /// What is being pushed is cut off.
    Cut,
}

/// How a tenant's turn ended.
pub(super) enum Turn {
    /// All was taken, or the time is over, or the server stops.
    Taken,
    /// The next event was not taken.
    Refused(SinkError),
    /// Another server pushes the tenant's events.
    HeldElsewhere,
}

impl Services {
    /// Pushes a tenant's events in their order until one is not taken, or there is none left, or
    /// the turn is over.
    pub(super) async fn push_tenant(
        &self,
        sink: &dyn EventSink,
        tenant: &TenantId,
        settings: &PushSettings,
        mut phase: watch::Receiver<Phase>,
    ) -> Result<Turn, ServiceError> {
        let lease = TURN + settings.time_limit + TO_WRITE;
        let lock = self.jobs.hold(JobKind::EventPush, tenant.as_str(), lease);
        let Some(lock) = lock.await? else {
            return Ok(Turn::HeldElsewhere);
        };
        let ending = phase.clone();
        let turn = tokio::select! {
            turn = self.push_in_order(sink, tenant, settings, &ending) => turn,
            // In the middle of an event: whoever pushes next does it again.
            _ = phase.wait_for(|phase| *phase == Phase::Cut) => Ok(Turn::Taken),
        };
        self.jobs.finish(lock).await?;
        turn
    }

    async fn push_in_order(
        &self,
        sink: &dyn EventSink,
        tenant: &TenantId,
        settings: &PushSettings,
        phase: &watch::Receiver<Phase>,
    ) -> Result<Turn, ServiceError> {
        let end = Instant::now() + TURN;
        while Instant::now() < end && *phase.borrow() == Phase::Running {
            let events = &self.webhooks.events;
            let Some(next) = events.next_unpushed(tenant).await? else {
                break;
            };
            let delivered = deliver(sink, &next.event, settings.time_limit);
            let name = "push event".to_owned();
            let delivered = self.traced(name, SpanKind::Producer, delivered, |span, taken| {
                if taken.is_err() {
                    span.fail("not_taken");
                }
            });
            if let Err(error) = delivered.await {
                return Ok(Turn::Refused(error));
            }
            events.mark_pushed(tenant, next.sequence).await?;
        }
        Ok(Turn::Taken)
    }
}

async fn deliver(
    sink: &dyn EventSink,
    event: &TenantEvent,
    limit: Duration,
) -> Result<(), SinkError> {
    let delivered = AssertUnwindSafe(sink.deliver(event)).catch_unwind();
    match timeout(limit, delivered).await {
        Ok(Ok(taken)) => taken,
        Ok(Err(_panic)) => Err(SinkError::new("the sink panicked")),
        Err(_late) => Err(SinkError::new("it took too long")),
    }
}
