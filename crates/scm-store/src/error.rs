//! What can go wrong in the store, sorted by what a caller can do about it.
//!
//! No text and no source here holds SQL, a column's value, an address or a secret.

use crate::driver::{DriverError, Meaning};

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The tenant has an integration for this repository already.
    #[error("an integration for this repository exists already")]
    Conflict,
    /// The row would belong to a tenant that the caller does not reach.
    #[error("the tenant is outside the caller's scope")]
    OutsideScope,
    /// The row is not in the state that the caller read.
    #[error("the integration has changed in the meantime")]
    VersionMismatch,
    /// An integration cannot be active without a credential.
    #[error("there is no stored credential: give a new one to switch it on")]
    NoCredential,
    /// The integration is soft-deleted; only a new credential together with switching it on brings
    /// it back.
    #[error("the integration is deleted")]
    Deleted,
    /// A field that must have a value was set to null.
    #[error("{field} cannot be null")]
    NotNullable {
        /// The field, as JSON and the table name it.
        field: &'static str,
    },
    /// A value is longer than its column, or holds a NUL character.
    #[error("{field} does not fit its column")]
    DoesNotFit {
        /// The field, as JSON and the table name it.
        field: &'static str,
    },
    /// The credential was changed or erased while it was being checked.
    #[error("the credential has changed in the meantime")]
    CredentialChanged,
    /// A foreign key: there is no such tenant or account.
    #[error("{field} names something that does not exist")]
    Reference {
        /// `tenantId` or `createdByAccountId`.
        field: &'static str,
    },
    /// Rows of another table point at this one and forbid its removal.
    #[error("the integration is in use elsewhere")]
    Restricted,
    /// The database is away, overloaded, read-only or too slow. Trying again later may help; a
    /// write may or may not have happened.
    #[error("the database is not available")]
    Unavailable {
        /// What the driver said, in our words.
        #[source]
        source: DriverError,
    },
    /// So many deliveries wait to be stored that no more are taken in. Nothing was stored; trying
    /// again in a moment may help.
    #[error("too many deliveries wait to be stored")]
    InboxFull,
    /// A row holds what this system would never have written.
    #[error("row {id} of {table} has a value in {column} that makes no sense")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
    },
    /// A stored secret does not open. Why stands in the log only.
    #[error("the secret in {column} of row {id} of {table} cannot be opened")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row.
        id: String,
    },
    /// A secret could not be sealed; its source says why.
    #[error("a secret could not be sealed")]
    Seal(#[from] crate::SealError),
    /// The URL names no database that is supported.
    #[error("the database URL must start with sqlite:, mysql:// or postgres://")]
    Url,
    /// The database refused something for a reason that should not occur.
    #[error("the database failed")]
    Database {
        /// What the driver said, in our words.
        #[source]
        source: DriverError,
    },
}

impl StoreError {
    /// True if the same call may work later without anybody changing anything.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// True if the database had no room left for a write, which was not done.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Unavailable { source } if source.is_full())
    }

    pub(crate) fn from_driver((meaning, source): (Meaning, DriverError)) -> Self {
        match meaning {
            Meaning::Unique => Self::Conflict,
            Meaning::NoParent(Some(field)) => Self::Reference { field },
            Meaning::HasChildren => Self::Restricted,
            Meaning::Contended | Meaning::Away => Self::Unavailable { source },
            Meaning::NoParent(None) | Meaning::Other => Self::Database { source },
        }
    }
}
