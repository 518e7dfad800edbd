#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod bitbucket;
mod check;
mod commit;
mod context;
mod data_center;
pub mod delivery;
mod describe;
mod egress;
mod ensure;
mod error;
mod github;
mod gitlab;
mod history;
mod host;
mod list;
mod operations;
mod page;
mod path;
mod provider;
mod rate_limit;
mod reach;
mod registry;
mod renewal;
mod resolve;
mod tags;
mod text;
pub mod transport;
mod watch;
mod webhook;

pub use check::{HookReport, Identity, RepositoryAccess};
pub use context::Known;
pub use describe::{CredentialDescription, ProviderDescription};
pub use error::{Cause, Missing, Outage, ProviderError};
pub use list::{InvalidListCursor, ListCursor, ListRequest, Listing, RefList};
pub use provider::Provider;
pub use rate_limit::Limit;
pub use reach::{HostAnswer, HostReach};
pub use registry::{ProviderHost, Registry, RegistryError};
pub use renewal::{FreshTokens, GithubApp, OauthClient, RenewalError};
pub use resolve::Resolved;
pub use tags::TagList;
pub use transport::TransportSettings;
pub use watch::{CallOutcome, CallWatch, EndedCall};
pub use webhook::{
    FailedDeliveries, FailedDelivery, NoRandomness, RegisteredWebhook, WantedWebhook, WebhookInfo,
    WebhookTest, new_webhook_secret, plain_token,
};
