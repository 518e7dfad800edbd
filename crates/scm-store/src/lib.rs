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
mod key_change;
mod key_file;
mod key_usage;
mod keyring;
mod query;
mod retire;
mod rewrap;
mod server_pool;
mod value;

pub use canary::{
    CanaryError, CanaryState, KeyCanary, canaries_open, canary_key_ids, check_canary,
    forget_canary, key_canaries,
};
pub use cipher::{Cipher, OpenError, SealError, SecretPlace};
pub use connect::{ConnectOptions, connect, ping};
pub use controller::idempotency::{Claim, IdempotencyController, StoredAnswer, Ticket};
pub use controller::integration::{
    FilledKeys, FreshCredential, NewIntegration, ScmIntegrationController, VerificationOutcome,
};
pub use controller::renewal::{Acquired, Lease, RenewalController};
pub use driver::DriverError;
pub use error::StoreError;
pub use key_change::{KeyChangeError, KeyChanges, KeyState};
pub use key_file::{KeyFile, KeyFileError, LoadedKeys};
pub use key_usage::{KeyUsage, key_usage};
pub use keyring::{KeyId, KeyRing, KeyRingError};
pub use retire::{RetireError, RetireStep, retire};
pub use rewrap::{RewrapError, RewrapOptions, RewrapStep, Rewrapped, rewrap};
pub use sea_orm::DatabaseConnection;
