//! The operations over real databases and code hosts with a real repository.
//! `SCM_TEST_MYSQL_URL` and `SCM_TEST_POSTGRES_URL` name the servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[expect(dead_code, reason = "its `main` is for the command line")]
#[path = "../../examples/release_tag.rs"]
mod release_tag;

mod api_keys;
mod bench;
mod crashes;
mod deliveries;
mod embedded;
mod expiry;
mod gaps;
mod installation;
mod jobs;
mod lookups;
#[cfg(feature = "nats")]
mod nats;
mod push;
mod renewal;
mod rotation;
mod tokens;
mod trouble;
