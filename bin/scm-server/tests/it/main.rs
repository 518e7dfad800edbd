//! The binary as its operator meets it: started, asked, killed, misconfigured.

mod config;
mod durability;
mod first_start;
mod keys;
mod migrate;
mod server;
mod stopping;
