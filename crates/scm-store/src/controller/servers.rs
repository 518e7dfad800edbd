//! Which servers are there to take deliveries in, and until when those were that are not any more.
//!
//! Every time is the database's own: servers whose clocks differ agree on who was there.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IdenStatic, QuerySelect,
    QueryTrait, TryGetable,
    sea_query::{Expr, Query, UpdateStatement},
};

use crate::{
    ConnectOptions, StoreError,
    controller::clock_sql::{millis_until, now},
    entity::scm_server::{Column, Entity},
    id::new_owner,
    query::Bounded,
};

const TABLE: &str = "scm_servers";
const STARTED: &str = "started";
const SEEN: &str = "seen";
const STOPPED: &str = "stopped";

/// Keeps the list of servers. Clones share the pool.
#[derive(Clone)]
pub struct ServerController {
    db: Bounded,
}

/// A server, with how long ago each of its times was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSeen {
    /// Its id, another one with every start.
    pub id: String,
    /// Since when it is there.
    pub started: Duration,
    /// When it was last heard of.
    pub seen: Duration,
    /// When it took its leave, if it did.
    pub stopped: Option<Duration>,
}

impl ServerController {
    /// A controller on a pool, with the time limit of
    /// [`ScmIntegrationController::new`](crate::ScmIntegrationController::new).
    #[must_use]
    pub fn new(db: DatabaseConnection) -> Self {
        Self {
            db: Bounded::new(db, ConnectOptions::default().call_limit()),
        }
    }

    /// Sets how long one call to the database may take, see
    /// [`ScmIntegrationController::with_time_limit`](crate::ScmIntegrationController::with_time_limit).
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.db.limit = limit;
        self
    }

    /// An id for a server that has just begun. It is known before the list has it, so that who cannot
    /// say whether it came on the list can still take it off.
    #[must_use]
    pub fn new_id() -> String {
        new_owner()
    }

    /// Puts a server on the list.
    pub async fn enter(&self, id: &str) -> Result<(), StoreError> {
        let now = || now(self.db.pool.get_database_backend());
        let mut insert = Query::insert();
        insert
            .into_table(Entity)
            .columns([Column::Id, Column::StartedAt, Column::SeenAt])
            .values_panic([Expr::value(id), now(), now()]);
        self.db.run(|pool| pool.execute(&insert)).await?;
        Ok(())
    }

    /// All servers on the list.
    pub async fn all(&self) -> Result<Vec<ServerSeen>, StoreError> {
        let backend = self.db.pool.get_database_backend();
        let select = Entity::find()
            .select_only()
            .column(Column::Id)
            .expr_as(millis_until(backend, Column::StartedAt), STARTED)
            .expr_as(millis_until(backend, Column::SeenAt), SEEN)
            .expr_as(millis_until(backend, Column::StoppedAt), STOPPED)
            .into_query();
        let rows = self.db.run(|pool| pool.query_all(&select)).await?;
        let servers = rows.iter().map(|row| {
            let id: String = get(row, "(unreadable)", Column::Id.as_str())?;
            let stopped: Option<i64> = get(row, &id, STOPPED)?;
            Ok(ServerSeen {
                started: ago(get(row, &id, STARTED)?),
                seen: ago(get(row, &id, SEEN)?),
                stopped: stopped.map(ago),
                id,
            })
        });
        servers.collect()
    }

    /// Notes that a server is there; false if it is not on the list any more.
    pub async fn note_seen(&self, id: &str) -> Result<bool, StoreError> {
        self.note(id, Column::SeenAt).await
    }

    /// Notes that a server takes its leave; false if it is not on the list any more.
    pub async fn note_stopped(&self, id: &str) -> Result<bool, StoreError> {
        self.note(id, Column::StoppedAt).await
    }

    async fn note(&self, id: &str, column: Column) -> Result<bool, StoreError> {
        let update: UpdateStatement = Query::update()
            .table(Entity)
            .value(column, now(self.db.pool.get_database_backend()))
            .and_where(Column::Id.eq(id))
            .to_owned();
        let written = self.db.run(|pool| pool.execute(&update)).await?;
        Ok(written.rows_affected() > 0)
    }

    /// Takes a server off the list.
    pub async fn remove(&self, id: &str) -> Result<(), StoreError> {
        let mut delete = Query::delete();
        delete.from_table(Entity).and_where(Column::Id.eq(id));
        self.db.run(|pool| pool.execute(&delete)).await?;
        Ok(())
    }
}

fn ago(millis: i64) -> Duration {
    Duration::from_millis(millis.saturating_neg().try_into().unwrap_or_default())
}

fn get<T: TryGetable>(
    row: &sea_orm::QueryResult,
    id: &str,
    column: &'static str,
) -> Result<T, StoreError> {
    row.try_get("", column).map_err(|_| StoreError::Corrupt {
        table: TABLE,
        column,
        id: id.to_owned(),
    })
}
