//! Time as the database tells it. No machine's clock takes part: replicas whose clocks differ by
//! minutes agree on who holds a row and for how long.
//!
//! "Now" stands still within a statement, so that an index can be used with it.

use std::time::Duration;

use sea_orm::{
    DbBackend, IdenStatic,
    sea_query::{Expr, ExprTrait, IntoColumnRef},
};

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
            format!("statement_timestamp() + INTERVAL '{millis} milliseconds'")
        }
        // Always with milliseconds, so that the texts sort.
        _ => format!(
            "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '+{}.{:03} seconds')",
            after.as_secs(),
            after.subsec_millis()
        ),
    })
}

/// A moment so many milliseconds away, in the past if they are negative. The number is bound: where
/// it is another one each time, the statement stays the same.
pub(super) fn millis_away(backend: DbBackend, millis: i64) -> Expr {
    match backend {
        DbBackend::MySql => {
            let micros = millis.saturating_mul(1_000);
            Expr::cust_with_values("UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND", [micros])
        }
        DbBackend::Postgres => Expr::cust_with_values(
            "statement_timestamp() + CAST($1 AS BIGINT) * INTERVAL '1 millisecond'",
            [millis],
        ),
        _ => {
            let (sign, size) = (if millis < 0 { '-' } else { '+' }, millis.unsigned_abs());
            let seconds = format!("{sign}{}.{:03} seconds", size / 1_000, size % 1_000);
            Expr::cust_with_values("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', ?)", [seconds])
        }
    }
}

/// Milliseconds until the column's time, negative behind it; NULL if there is none.
pub(super) fn millis_until(backend: DbBackend, column: impl IdenStatic) -> Expr {
    let name = column.as_str();
    Expr::cust(match backend {
        DbBackend::MySql => format!(
            "CAST(FLOOR(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), `{name}`) / 1000) AS SIGNED)"
        ),
        DbBackend::Postgres => format!(
            "CAST(FLOOR(EXTRACT(EPOCH FROM \"{name}\" - statement_timestamp()) * 1000) AS BIGINT)"
        ),
        _ => format!(
            "CAST(ROUND((julianday(\"{name}\") - julianday('now')) * 86400000.0) AS INTEGER)"
        ),
    })
}

/// The column's time has come.
pub(super) fn has_passed(backend: DbBackend, column: impl IntoColumnRef) -> Expr {
    Expr::col(column).lte(now(backend))
}
