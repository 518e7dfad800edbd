//! Test support, a dev-dependency only: a migrated database per test and backend, scripted code
//! hosts that answer with recorded shapes, code hosts backed by a real git repository, recorded
//! deliveries, streams of a real NATS JetStream, a line to a database that can be cut.

pub mod code_host;
pub mod db;
pub mod deliveries;
pub mod git_host;
pub mod line;
pub mod nats;
pub mod program;
mod wait;

pub use wait::until;
