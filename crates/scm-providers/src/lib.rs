//! Clients of GitHub, GitLab and Bitbucket behind one sealed trait.

mod describe;
mod error;
mod provider;
mod registry;
mod transport;

pub use describe::{CredentialDescription, ProviderDescription};
pub use error::{Cause, Missing, Outage, ProviderError};
pub use provider::{HookReport, Identity, Provider, RepositoryAccess};
pub use registry::{ProviderHost, Registry, RegistryError};
pub use transport::TransportSettings;
