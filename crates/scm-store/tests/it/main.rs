//! The store's promises, on every backend. `SCM_TEST_MYSQL_URL` and `SCM_TEST_POSTGRES_URL` name
//! the servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod canary;
mod capabilities;
mod conflict;
mod corrupt;
mod delete;
mod given;
mod idempotency;
mod integration;
mod key_change;
mod key_file;
mod maintain;
mod outage;
mod references;
mod renewal;
mod retire;
mod rewrap;
mod secrets;
mod tenancy;
mod update;
mod verify;
