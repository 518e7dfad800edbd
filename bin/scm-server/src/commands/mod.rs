//! One file per command.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod config;
mod confirm;
pub(crate) mod delivr;
pub(crate) mod doctor;
pub(crate) mod generated;
pub(crate) mod healthcheck;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod serve;
pub(crate) mod snapshot;
pub(crate) mod transfer;
