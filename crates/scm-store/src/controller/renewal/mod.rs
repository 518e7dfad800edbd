//! Who renews a connection's credential: one at a time, over all replicas, whatever their clocks say.
//!
//! - A refresh token works once. So the right to use it is a lease on a row, taken by one statement
//!   whose conditions the database checks, and ended by its owner or by the database's clock.
//! - Before the call to the host the row says so (`in_flight`), and it says so until the answer is
//!   known: whoever takes over from a dead owner learns that the refresh token may be used up.
//! - A row speaks of the credential of one `credentialVersion`. What it says of an older one, its
//!   back-off included, holds of a newer one no more.
//! - Nothing here is a tenant's data, so there is no scope: the caller has read the integration
//!   within its own.

mod acquire;
mod failed;
mod settle;

use std::time::Duration;

use scm_types::IntegrationId;
use sea_orm::{ColumnTrait, Condition, DatabaseConnection, DbBackend};

use crate::{
    ConnectOptions, entity::scm_credential_renewal::Column, id::new_owner, query::Bounded,
};

pub use acquire::Acquired;
pub use failed::FailedRenewal;
pub(crate) use settle::removal;

const IDLE: &str = "idle";
const LEASED: &str = "leased";
const IN_FLIGHT: &str = "in_flight";

/// Gives out the right to renew a credential. Clones share the pool.
#[derive(Clone)]
pub struct RenewalController {
    db: Bounded,
}

/// The right to renew one credential, given out by [`RenewalController::acquire`]. One that is
/// dropped instead of given back holds its credential until [`RenewalController::LEASE`] has passed.
#[derive(Debug)]
#[must_use = "until it is given back nobody else may renew the credential"]
pub struct Lease {
    integration: IntegrationId,
    owner: String,
    credential_version: i64,
    was_in_flight: bool,
    failures: u32,
}

impl Lease {
    fn new(integration: &IntegrationId, credential_version: i64) -> Self {
        Self {
            integration: integration.clone(),
            owner: new_owner(),
            credential_version,
            was_in_flight: false,
            failures: 0,
        }
    }

    /// True if a call with this very credential was begun before and its answer is not known: the
    /// refresh token may be used up.
    #[must_use]
    pub fn was_in_flight(&self) -> bool {
        self.was_in_flight
    }

    /// To be said when the host tells that the earlier call came to nothing: the credential is not
    /// used up.
    pub fn was_not_done(&mut self) {
        self.was_in_flight = false;
    }

    /// How often in a row the renewal of this very credential has failed.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Which credential is to be renewed.
    #[must_use]
    pub fn credential_version(&self) -> i64 {
        self.credential_version
    }

    /// The row, if it is still this lease's: also a late one's that nobody has taken over.
    fn row(&self) -> Condition {
        of(&self.integration)
            .add(Column::Owner.eq(self.owner.as_str()))
            .add(Column::Deadline.is_not_null())
    }
}

/// The one row of an integration. No foreign key hangs on the column, so that it compares by byte
/// on every backend.
fn of(integration: &IntegrationId) -> Condition {
    Condition::all().add(Column::IntegrationId.eq(integration.as_str()))
}

impl RenewalController {
    /// How long a lease lasts, and lasts again from the moment before the host is called: longer
    /// than such a call may take.
    pub const LEASE: Duration = Duration::from_mins(1);

    /// A controller on a pool. A call to the database that gets no answer ends after
    /// [`ConnectOptions::default`]'s time for a connection and a statement together, see
    /// [`Self::with_time_limit`].
    #[must_use]
    pub fn new(db: DatabaseConnection) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
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
