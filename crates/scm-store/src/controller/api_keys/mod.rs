//! Keys that callers authenticate with.
//!
//! - A key is made here, told once, and known from then on only by its SHA-256. That is sealed
//!   together with what the key stands for: a row whose tenant, role, account or end was changed by
//!   hand does not open. It is sealed anew with other master keys like every secret.
//! - Making and revoking are noted in the chain of the tenant, or of the platform, in the same
//!   transaction.
//! - Revoking erases the digest; the row stays.

#[cfg(test)]
mod explain;
mod make;
mod read;
mod revoke;

use std::{sync::Arc, time::Duration};

use scm_types::{Access, ApiKeyId, AuditChain, Clock, TenantId, TenantScope};
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbBackend, IdenStatic};

use crate::{
    ConnectOptions, SecretPlace, StoreError,
    entity::scm_api_key::{Column, TABLE},
    query::Bounded,
};

pub use make::NewStoredKey;
pub use read::ApiKeyMatch;

/// Makes, finds and revokes API keys. Clones share the pool.
#[derive(Clone)]
pub struct ApiKeyController {
    db: Bounded,
    clock: Arc<dyn Clock>,
}

impl ApiKeyController {
    /// A controller on a pool. A call to the database that gets no answer ends after
    /// [`ConnectOptions::default`]'s time for a connection and a statement together, see
    /// [`Self::with_time_limit`].
    #[must_use]
    pub fn new(db: DatabaseConnection, clock: Arc<dyn Clock>) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
            clock,
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included. It must
    /// not be shorter than the pool's own limits, or their clearer errors never show.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }
}

/// Keys that the scope reaches. No foreign key hangs on the columns, so that they compare by byte on
/// every backend.
fn within(scope: &TenantScope) -> Condition {
    match scope {
        TenantScope::Platform => Condition::all(),
        TenantScope::Tenant(tenant) => Condition::all().add(Column::TenantId.eq(tenant.as_str())),
    }
}

/// Where what is known of a key is sealed. What is the platform's has no tenant.
fn place<'a>(id: &'a ApiKeyId, access: &'a Access) -> SecretPlace<'a> {
    SecretPlace {
        table: TABLE,
        column: Column::SecretHash.as_str(),
        row: id.as_str(),
        tenant: access.tenant().map_or("", TenantId::as_str),
    }
}

/// Where it is noted.
fn chain(access: &Access) -> AuditChain {
    let tenant = access.tenant().cloned();
    tenant.map_or(AuditChain::Platform, AuditChain::Tenant)
}

fn corrupt(id: &str, column: Column) -> StoreError {
    StoreError::Corrupt {
        table: TABLE,
        column: column.as_str(),
        id: id.to_owned(),
    }
}
