//! Test support, a dev-dependency only: a migrated database per test and backend, scripted code
//! hosts that answer with recorded shapes.

pub mod code_host;
pub mod db;
