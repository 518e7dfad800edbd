#![doc = include_str!("../README.md")]

mod bitbucket;
mod commit;
mod context;
mod data_center;
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
mod registry;
mod renewal;
mod resolve;
mod tags;
mod text;
pub mod transport;

pub use context::Known;
pub use describe::{CredentialDescription, ProviderDescription};
pub use error::{Cause, Missing, Outage, ProviderError};
pub use list::{InvalidListCursor, ListCursor, ListRequest, Listing};
pub use provider::{HookReport, Identity, Provider, RepositoryAccess};
pub use rate_limit::Limit;
pub use registry::{ProviderHost, Registry, RegistryError};
pub use renewal::{FreshTokens, GithubApp, OauthClient, RenewalError};
pub use resolve::Resolved;
pub use tags::TagList;
pub use transport::TransportSettings;
