#![doc = include_str!("../README.md")]

mod bitbucket;
mod context;
mod describe;
mod egress;
mod error;
mod github;
mod gitlab;
mod operations;
mod page;
mod path;
mod provider;
mod rate_limit;
mod registry;
mod text;
pub mod transport;

pub use context::Known;
pub use describe::{CredentialDescription, ProviderDescription};
pub use error::{Cause, Missing, Outage, ProviderError};
pub use page::{BranchPage, NextPage};
pub use provider::{HookReport, Identity, Provider, RepositoryAccess};
pub use rate_limit::Limit;
pub use registry::{ProviderHost, Registry, RegistryError};
pub use transport::TransportSettings;
