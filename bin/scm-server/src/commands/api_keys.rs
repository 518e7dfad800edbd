//! `api-keys`: keys that callers authenticate with, those of the database and those of the settings.

mod generate;
mod stored;

use std::process::ExitCode;

use crate::{
    cli::{ApiKeys, GenerateApiKey},
    config::Config,
    telemetry,
};

pub(crate) use stored::life;

/// `api-keys generate`, which needs neither settings nor database.
pub(crate) fn generate(wanted: &GenerateApiKey) -> anyhow::Result<ExitCode> {
    generate::run(wanted)
}

/// Those that work on the database.
pub(crate) fn run(config: &Config, command: &ApiKeys) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match command {
        ApiKeys::Generate(wanted) => generate::run(wanted),
        ApiKeys::Create(wanted) => runtime.block_on(stored::create(config, wanted)),
        ApiKeys::List { tenant, json } => {
            runtime.block_on(stored::list(config, tenant.as_deref(), *json))
        }
        ApiKeys::Revoke { id, yes, dry_run } => {
            runtime.block_on(stored::revoke(config, id, *yes, *dry_run))
        }
    }
}
