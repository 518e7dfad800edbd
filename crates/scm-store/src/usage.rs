//! What a connection pool does, for whoever counts it.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbBackend};

/// The connections of a pool at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUsage {
    /// Connections that somebody has.
    pub used: u32,
    /// Connections that nobody has.
    pub idle: u32,
    /// How many there may be.
    pub most: u32,
}

/// Looks at the pool; asks the database nothing.
#[must_use]
pub fn pool_usage(db: &DatabaseConnection) -> PoolUsage {
    let (open, idle, most) = match db.get_database_backend() {
        DbBackend::MySql => {
            let pool = db.get_mysql_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
        DbBackend::Postgres => {
            let pool = db.get_postgres_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
        // The third and last that this crate opens.
        _ => {
            let pool = db.get_sqlite_connection_pool();
            let most = pool.options().get_max_connections();
            (pool.size(), pool.num_idle(), most)
        }
    };
    let idle = u32::try_from(idle).unwrap_or(u32::MAX);
    PoolUsage {
        used: open.saturating_sub(idle),
        idle,
        most,
    }
}

/// Has every statement of this connection, and of clones that are made of it from now on, told: how
/// long it took, and whether it failed. It is called on the statement's way and must not wait.
pub fn watch_statements(
    db: &mut DatabaseConnection,
    told: impl Fn(Duration, bool) + Send + Sync + 'static,
) {
    db.set_metric_callback(move |statement| told(statement.elapsed, statement.failed));
}
