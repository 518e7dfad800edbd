//! The HTTP API as its users see it: every answer of every test goes through one door that fails on
//! a secret in it.

mod app;
mod bad_input;
mod concurrency;
mod conditions;
mod contract;
mod envelope;
mod faults;
mod secrets;
mod tenancy;
mod verify;
