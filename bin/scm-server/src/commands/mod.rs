//! One file per command.

pub(crate) mod api_keys;
pub(crate) mod config;
pub(crate) mod healthcheck;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod serve;
