#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod begin;
mod canary;
mod cipher;
mod connect;
mod controller;
mod convert;
pub mod delivr;
mod driver;
mod entity;
mod error;
mod facts;
mod id;
mod key_change;
mod key_file;
mod key_usage;
mod keyring;
mod query;
mod retire;
mod rewrap;
mod server_pool;
mod snapshot;
mod transfer;
mod usage;
mod value;

pub use canary::{
    CanaryError, CanaryState, KeyCanary, canaries_open, canary_key_ids, check_canary,
    forget_canary, key_canaries, open_canaries,
};
pub use cipher::{Cipher, CipherUse, OpenError, SealError, SecretPlace};
pub use connect::{ConnectOptions, connect, connect_to_look, ping, sqlite_file};
pub use controller::api_keys::{ApiKeyController, ApiKeyMatch, NewStoredKey};
pub use controller::audit::{
    AuditController, AuditFault, AuditHead, AuditStep, AuditVerified, AuditVerifyOptions,
    verify_audit,
};
pub use controller::events::{EventController, EventPage, Unpushed};
pub use controller::idempotency::{Claim, IdempotencyController, StoredAnswer, Ticket};
pub use controller::inbox::{
    Claimed, DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryPayload, Head, InboxController,
    InboxLimits, NewDelivery, Settled, Settlement, Stored, StoredDelivery,
};
pub use controller::integration::{
    DeliveryTarget, Ending, EndingCount, EndingPage, EndingPlace, EndingRequest, FilledKeys,
    FoundInClear, FreshCredential, InClearFault, IntegrationCount, NewIntegration, NewWebhook,
    OldState, Replacement, RepositoryMove, ScmIntegrationController, SealInClear, SealedInClear,
    StoredWebhook, TakeOver, TakenOver, VerificationOutcome, WebhookChange, WebhookKeys,
};
pub use controller::jobs::{
    ClaimedJob, DueIntegration, DuePage, DuePlace, DueRequest, JobController, JobCount, JobDue,
    JobKind, JobPriority, NewJob,
};
pub use controller::refs::{
    Asked, CheckDue, CheckTarget, Conclusion, FoundEvents, KnownRef, RefController, RefMoves,
    RefRecord, RefSource, RefTally, RefWrite,
};
pub use controller::renewal::{Acquired, FailedRenewal, Lease, RenewalController};
pub use controller::servers::{ServerController, ServerSeen};
pub use driver::DriverError;
pub use error::StoreError;
pub use facts::{DatabaseFacts, OddColumn, database_facts};
pub use key_change::{KeyChangeError, KeyChanges, KeyState};
pub use key_file::{KeyFile, KeyFileError, LoadedKeys};
pub use key_usage::{KeyUsage, key_usage};
pub use keyring::{KeyId, KeyRing, KeyRingError};
pub use retire::{RetireError, RetireStep, can_retire, retire};
pub use rewrap::{RewrapError, RewrapOptions, RewrapStep, Rewrapped, rewrap};
pub use sea_orm::DatabaseConnection;
pub use snapshot::{SnapshotError, backup, open_snapshot, refuse_in_use, restore};
pub use transfer::{
    Cell, CellKind, ExportHeader, ExportItem, ExportReader, ExportWriter, Row, RowReader,
    RowWriter, TableDigest, TableShape, TransferError, batches,
};
pub use usage::{EndedStatement, PoolUsage, pool_usage, watch_statements};
