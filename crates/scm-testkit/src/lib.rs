//! Test support, a dev-dependency only: a migrated database per test and backend, scripted code
//! hosts that answer with recorded shapes, code hosts backed by a real git repository.

pub mod code_host;
pub mod db;
pub mod git_host;
