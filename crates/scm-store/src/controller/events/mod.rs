//! What each tenant is told, in order.
//!
//! - Events of a tenant are numbered. The number is taken under a lock on the tenant's row of
//!   `scm_event_heads`, which is held until the events are there: whoever has read up to a number
//!   has missed none below it.
//! - What an event says is sealed.
//! - Events are told at least once: by the feed from any number on, and by pushing those that are
//!   not noted as pushed.

mod append;
mod feed;
mod push;

use std::{sync::Arc, time::Duration};

use scm_types::{IntegrationId, TenantId};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbBackend,
    sea_query::{DeleteStatement, Query},
};

use crate::{
    Cipher, ConnectOptions, SecretPlace, StoreError,
    entity::scm_event::{Column, Entity, TABLE},
    query::Bounded,
};

pub(crate) use append::NewEvents;
pub use feed::EventPage;
pub use push::Unpushed;

/// Reads what tenants are told. Clones share the pool and the keys.
#[derive(Clone)]
pub struct EventController {
    db: Bounded,
    cipher: Arc<Cipher>,
}

impl EventController {
    /// A controller on a pool, with the time limit of
    /// [`ScmIntegrationController::new`](crate::ScmIntegrationController::new).
    #[must_use]
    pub fn new(db: DatabaseConnection, cipher: Arc<Cipher>) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
            cipher,
        }
    }

    /// Sets how long one call to the database may take, waiting and repeating included.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    fn backend(&self) -> DbBackend {
        self.db.pool.get_database_backend()
    }
}

/// Where what an event says is sealed.
fn place<'a>(id: &'a str, tenant: &'a TenantId) -> SecretPlace<'a> {
    SecretPlace {
        table: TABLE,
        column: "body",
        row: id,
        tenant: tenant.as_str(),
    }
}

/// Forgets the events of an integration that is no more.
pub(crate) fn removal(id: &IntegrationId) -> DeleteStatement {
    let mut delete = Query::delete();
    delete
        .from_table(Entity)
        .and_where(Column::IntegrationId.eq(id.as_str()));
    delete
}

fn corrupt(id: &str, column: &'static str) -> StoreError {
    StoreError::Corrupt {
        table: TABLE,
        column,
        id: id.to_owned(),
    }
}
