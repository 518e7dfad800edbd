//! Reads and writes, one file per table. Every query for data of a tenant starts from a
//! [`TenantScope`](scm_types::TenantScope): there is no lookup by id alone.

pub(crate) mod api_keys;
pub(crate) mod audit;
mod clock_sql;
pub(crate) mod events;
pub(crate) mod idempotency;
pub(crate) mod inbox;
pub(crate) mod integration;
pub(crate) mod jobs;
pub(crate) mod refs;
pub(crate) mod renewal;
pub(crate) mod servers;
