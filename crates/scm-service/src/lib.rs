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
// What the builder takes and errors hold, so that an embedding host needs this crate alone.
pub use scm_providers::{
    Missing, Outage, ProviderDescription, ProviderError, ProviderHost, TransportSettings,
};
pub use scm_store::{
    Cipher, ConnectOptions, DatabaseConnection, KeyId, KeyRing, StoreError, connect,
};
pub use services::{BuildError, Services, ServicesBuilder};
pub use verification::Verification;
