//! What code hosts deliver: kept first, then processed, at least once and in order.
//!
//! - A delivery is a row of an INSERT, which those that come at the same moment share. Whether it
//!   came before is found by the unique keys: the host's id of it, and the digest of what was signed.
//! - Of an integration only the oldest pending delivery is ever given out, to one owner at a time;
//!   others of the same integration wait behind it, and nobody waits for another integration's.
//! - Who holds a delivery, for how long, and when it is tried again is told by the database's clock.
//!   What an owner says counts only while it is the owner.
//! - A delivery and the events that it tells are settled in one transaction: either both are there
//!   or neither.
//! - Headers and body are sealed, for they name people, branches and commits.
//! - Deliveries are given out for processing without a scope; what a tenant sees starts from one.

mod claim;
mod count;
mod entry;
#[cfg(test)]
mod explain;
mod insert;
mod list;
mod payload;
mod present;
mod replay;
mod settle;
mod sweep;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use scm_types::{Clock, DeliveryState, IntegrationId, TenantScope};
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbBackend};

use self::entry::Entry;
use crate::{
    Cipher, ConnectOptions, SecretPlace, StoreError,
    entity::scm_webhook_delivery::{Column, TABLE},
    query::Bounded,
};

pub use claim::{Claimed, Head};
pub use count::DeliveryCount;
pub use entry::InboxLimits;
pub use insert::{NewDelivery, Stored};
pub use list::{DeliveryFilter, DeliveryPage, StoredDelivery};
pub use payload::DeliveryPayload;
pub use settle::{Settled, Settlement};
pub(crate) use sweep::removal;

/// Keeps deliveries and gives them out. Clones share the pool and the keys.
#[derive(Clone)]
pub struct InboxController {
    db: Bounded,
    cipher: Arc<Cipher>,
    clock: Arc<dyn Clock>,
    made: Arc<AtomicU32>,
    entry: Arc<Entry>,
}

impl InboxController {
    /// How long an owner has for a delivery before it is somebody else's.
    pub const LEASE: Duration = Duration::from_mins(1);

    /// How often a delivery is tried before it is dead.
    pub const ATTEMPTS: u32 = 12;

    /// A controller on a pool, with the time limit of
    /// [`ScmIntegrationController::new`](crate::ScmIntegrationController::new).
    #[must_use]
    pub fn new(db: DatabaseConnection, cipher: Arc<Cipher>, clock: Arc<dyn Clock>) -> Self {
        let defaults = ConnectOptions::default();
        let entry = Entry::new(db.get_database_backend(), InboxLimits::default());
        Self {
            db: Bounded::new(db, defaults.call_limit()),
            cipher,
            clock,
            made: Arc::default(),
            entry: Arc::new(entry),
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    /// Sets how much may wait to be stored. For a controller that nobody uses yet.
    #[must_use]
    pub fn with_limits(mut self, limits: InboxLimits) -> Self {
        self.entry = Arc::new(Entry::new(self.backend(), limits));
        self
    }

    fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }

    /// A new id. Ids sort in the order in which this process made them, which tells deliveries of
    /// one millisecond apart.
    fn new_id(&self) -> String {
        let made = self.made.fetch_add(1, Ordering::Relaxed) & 0xffff;
        let millis = self.clock.now().as_millis();
        format!("{millis:012x}{made:04x}{}", nanoid::nanoid!(12))
    }
}

/// Pending deliveries.
fn pending() -> Condition {
    Condition::all().add(Column::State.eq(DeliveryState::Pending.as_str()))
}

/// Deliveries of one integration, as far as the scope reaches.
fn of(scope: &TenantScope, integration: &IntegrationId) -> Condition {
    let tenant = match scope {
        TenantScope::Platform => None,
        TenantScope::Tenant(tenant) => Some(Column::TenantId.eq(tenant.as_str())),
    };
    Condition::all()
        .add(Column::IntegrationId.eq(integration.as_str()))
        .add_option(tenant)
}

/// Where the headers and the body of a delivery are sealed.
fn place<'a>(id: &'a str, tenant: &'a str) -> SecretPlace<'a> {
    SecretPlace {
        table: TABLE,
        column: "payload",
        row: id,
        tenant,
    }
}

fn corrupt(id: &str, column: &'static str) -> StoreError {
    StoreError::Corrupt {
        table: TABLE,
        column,
        id: id.to_owned(),
    }
}
