#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod auth;
mod body;
mod envelope;
mod error;
mod etag;
mod failure;
mod health;
mod idempotency;
mod middleware;
mod path;
mod query;
mod routes;
mod unknown;

pub use auth::Authentication;
pub use error::ApiError;
pub use health::{HealthCheck, ReadyLine, configure_health};
pub use routes::{configure, fallback};
