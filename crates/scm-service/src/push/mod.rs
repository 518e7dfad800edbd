//! Events that are handed on, instead of being asked for.
//!
//! - At least once: an event counts as pushed when the sink has taken it and that is written down.
//!   What happens in between is a repetition, under the same id.
//! - In order for each tenant: the next event is not begun before the one before it was taken. Of all
//!   servers, one at a time pushes a tenant's.
//! - A tenant whose events are not taken waits, alone.
//! - Nothing runs, and nothing is noted as pushed, where there is no sink.

#[cfg(feature = "nats")]
mod nats_sink;
mod pauses;
mod runner;
mod tenant;
mod webhook_sink;

#[cfg(feature = "nats")]
pub use nats_sink::{
    InvalidNatsAuthority, InvalidNatsLogin, InvalidNatsPrefix, InvalidNatsServers, NatsLogin,
    NatsPrefix, NatsServers, NatsSettings, NatsSink,
};
pub use runner::PushSettings;
pub use webhook_sink::{InvalidPushSecret, PushSecret, WebhookSink};

use async_trait::async_trait;
use scm_types::TenantEvent;

/// Takes events as they happen: what an embedding process gives to
/// [`ServicesBuilder::event_sink`](crate::ServicesBuilder::event_sink).
///
/// It is handed each event at least once, those of a tenant in their order. An error, a panic, and a
/// call that takes longer than [`PushSettings::time_limit`] mean that the event was not taken: it is
/// handed over again later, and none of the same tenant before it. Those of other tenants may be
/// handed over at the same time.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Takes one event. [`TenantEvent::id`] tells a repetition.
    async fn deliver(&self, event: &TenantEvent) -> Result<(), SinkError>;
}

/// Why a sink did not take an event.
#[derive(Debug, thiserror::Error)]
#[error("the event was not taken: {0}")]
pub struct SinkError(String);

impl SinkError {
    /// With the reason, which stands in the log: no secret and nothing of the event belongs there.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
