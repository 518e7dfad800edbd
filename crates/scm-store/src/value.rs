//! How values are bound to statements.

use scm_types::Timestamp;
use sea_orm::{DbBackend, Value};

/// A time as the backend's columns want it bound.
pub(crate) fn time(backend: DbBackend, at: Timestamp) -> Value {
    bound(backend, at.to_utc().into())
}

/// A value as the backend's columns want it bound. The driver of MySQL sends a UTC time as a
/// TIMESTAMP, which ends in 2038 and is NULL behind that; without a zone it goes as a DATETIME.
pub(crate) fn bound(backend: DbBackend, value: Value) -> Value {
    match value {
        Value::ChronoDateTimeUtc(at) if backend == DbBackend::MySql => {
            Value::ChronoDateTime(at.map(|at| at.naive_utc()))
        }
        other => other,
    }
}
