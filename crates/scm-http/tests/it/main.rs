//! The HTTP API as its users see it: every answer of every test goes through one door that fails on
//! a secret in it and on what the OpenAPI document does not tell of.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of a test fails like the test itself"
)]

#[path = "../../examples/embedded.rs"]
mod embedded_host;

mod api_keys;
mod app;
mod audit;
mod bad_input;
mod concurrency;
mod conditions;
mod contract;
mod delivr;
mod document;
mod embedded;
mod envelope;
mod faults;
mod idempotency;
mod limits;
mod openapi;
mod receiver;
mod secrets;
mod smuggling;
mod table;
mod tenancy;
mod traces;
mod verify;
mod work;
