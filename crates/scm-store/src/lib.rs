#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod canary;
mod cipher;
mod connect;
mod controller;
mod convert;
mod driver;
mod entity;
mod error;
mod id;
mod key_file;
mod keyring;
mod query;
mod server_pool;
mod value;

pub use canary::{
    CanaryError, CanaryState, canaries_open, canary_key_ids, check_canary, forget_canary,
};
pub use cipher::{Cipher, OpenError, SealError, SecretPlace};
pub use connect::{ConnectOptions, connect, ping};
pub use controller::idempotency::{Claim, IdempotencyController, StoredAnswer, Ticket};
pub use controller::integration::{
    FilledKeys, NewIntegration, Resealed, ScmIntegrationController, VerificationOutcome,
};
pub use driver::DriverError;
pub use error::StoreError;
pub use key_file::{KeyFileError, LoadedKeys};
pub use keyring::{KeyId, KeyRing, KeyRingError};
pub use sea_orm::DatabaseConnection;
