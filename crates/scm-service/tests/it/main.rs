//! The operations over real databases and code hosts with a real repository.
//! `SCM_TEST_MYSQL_URL` and `SCM_TEST_POSTGRES_URL` name the servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod bench;
mod crashes;
mod installation;
mod renewal;
mod trouble;
