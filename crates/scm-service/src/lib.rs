#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod api_key;
mod error;
mod input;
mod integrations;
mod services;
mod verification;

pub use api_key::{ApiKey, ApiKeyError, ApiKeys, NewApiKey};
pub use error::{FieldError, ServiceError};
pub use input::Precondition;
pub use scm_providers::{Missing, Outage, ProviderDescription, ProviderError};
pub use scm_store::StoreError;
pub use services::{BuildError, Services, ServicesBuilder};
pub use verification::Verification;
