//! The store's promises, on every backend. `SCM_TEST_MYSQL_URL` and `SCM_TEST_POSTGRES_URL` name
//! the servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod api_keys;
mod audit;
mod canary;
mod capabilities;
mod conflict;
mod corrupt;
mod delete;
mod ending;
mod facts;
mod given;
mod idempotency;
mod in_clear;
mod inbox;
mod integration;
mod jobs;
mod key_change;
mod key_file;
mod maintain;
mod outage;
mod references;
mod refs;
mod renewal;
mod retire;
mod rewrap;
mod secrets;
mod snapshot;
mod take_over;
mod tenancy;
mod transfer;
mod update;
mod verify;
