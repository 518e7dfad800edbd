//! The binary as its operator meets it: started, asked, killed, misconfigured.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails like the test itself"
)]

mod api_keys;
mod audit;
mod background;
mod config;
#[cfg(debug_assertions)]
mod delivery_crash;
mod delivr;
mod destructive;
mod doctor;
mod durability;
mod first_start;
mod full_disk;
mod generated;
mod key_bad_input;
#[cfg(debug_assertions)]
mod key_crash;
mod key_rotation;
mod keys;
mod migrate;
mod migrate_killed;
#[cfg(feature = "nats")]
mod nats;
mod old_writer;
mod openapi;
mod readiness;
mod refresh;
#[cfg(debug_assertions)]
mod refresh_crash;
mod replicas;
mod rotation;
mod server;
mod service_manager;
mod slow_clients;
mod snapshot;
mod stopping;
mod tls;
mod traces;
mod transfer;
mod webhook;
