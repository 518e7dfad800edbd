//! The HTTP API as its users see it: every answer of every test goes through one door that fails on
//! a secret in it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper of a test fails like the test itself"
)]

mod app;
mod bad_input;
mod concurrency;
mod conditions;
mod contract;
mod envelope;
mod faults;
mod idempotency;
mod secrets;
mod tenancy;
mod verify;
mod work;
