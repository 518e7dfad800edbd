#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod api;
mod auth;
mod body;
mod delivr;
#[cfg(feature = "docs")]
mod docs;
mod envelope;
mod error;
mod etag;
mod failure;
mod gate;
mod health;
mod idempotency;
mod limit;
mod metrics;
mod middleware;
mod openapi;
mod path;
mod proxies;
mod query;
mod room;
mod routes;
mod status;
mod unknown;

pub use api::Api;
pub use auth::Authentication;
pub use body::Fields;
pub use delivr::{InvalidPanelKey, PanelKey};
#[cfg(feature = "docs")]
pub use docs::configure_docs;
pub use error::ApiError;
pub use gate::Limits;
pub use health::{HealthCheck, ReadyLine, configure_health};
pub use metrics::HttpMetrics;
pub use openapi::ApiDocument;
pub use proxies::{ForwardedHeader, InvalidNetwork, Network, TrustedProxies};
pub use routes::{changes, configure, configure_with, fallback, new_integration, readable};
