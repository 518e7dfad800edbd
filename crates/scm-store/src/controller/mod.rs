//! Reads and writes, one file per table. Every query for data of a tenant starts from a
//! [`TenantScope`](scm_types::TenantScope): there is no lookup by id alone.

pub(crate) mod idempotency;
pub(crate) mod integration;
pub(crate) mod renewal;
