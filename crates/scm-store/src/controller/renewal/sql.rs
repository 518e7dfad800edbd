//! Time as the database tells it. No machine's clock takes part: replicas whose clocks differ by
//! minutes agree on who holds a row and for how long.

use std::time::Duration;

use sea_orm::{
    DbBackend, IdenStatic,
    sea_query::{Expr, ExprTrait},
};

use crate::entity::scm_credential_renewal::Column;

/// The database's now, in the form in which the columns hold it.
pub(super) fn now(backend: DbBackend) -> Expr {
    in_future(backend, Duration::ZERO)
}

/// A moment so far in the database's future. The number is ours, and stands in the statement.
pub(super) fn in_future(backend: DbBackend, after: Duration) -> Expr {
    let millis = after.as_millis();
    Expr::cust(match backend {
        DbBackend::MySql => format!("UTC_TIMESTAMP(3) + INTERVAL {millis}000 MICROSECOND"),
        DbBackend::Postgres => {
            format!("clock_timestamp() + INTERVAL '{millis} milliseconds'")
        }
        // Always with milliseconds, so that the texts sort.
        _ => format!(
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+{}.{:03} seconds')",
            after.as_secs(),
            after.subsec_millis()
        ),
    })
}

/// Milliseconds until the column's time, negative behind it; NULL if there is none.
pub(super) fn millis_until(backend: DbBackend, column: Column) -> Expr {
    let name = column.as_str();
    Expr::cust(match backend {
        DbBackend::MySql => format!(
            "CAST(FLOOR(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), `{name}`) / 1000) AS SIGNED)"
        ),
        DbBackend::Postgres => format!(
            "CAST(FLOOR(EXTRACT(EPOCH FROM \"{name}\" - clock_timestamp()) * 1000) AS BIGINT)"
        ),
        _ => format!(
            "CAST(ROUND((julianday(\"{name}\") - julianday('now')) * 86400000.0) AS INTEGER)"
        ),
    })
}

/// The column's time has come.
pub(super) fn has_passed(backend: DbBackend, column: Column) -> Expr {
    Expr::col(column).lte(now(backend))
}
