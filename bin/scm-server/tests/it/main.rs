//! The binary as its operator meets it: started, asked, killed, misconfigured.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails like the test itself"
)]

mod config;
mod durability;
mod first_start;
mod key_bad_input;
#[cfg(debug_assertions)]
mod key_crash;
mod key_rotation;
mod keys;
mod migrate;
mod old_writer;
mod rotation;
mod server;
mod stopping;
