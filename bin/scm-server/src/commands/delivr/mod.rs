//! `import delivr` and `export delivr`: over from delivr's old server, and home again.
//!
//! - A row is done as a whole or not at all. Both can be killed between any two rows and run again: what
//!   is there is left as it is, or written once more as it is here.
//! - What cannot be done is told row by row and column by column, never with what stands there.
//! - The pass phrase comes from a file, and so can a URL with a password in it: arguments are seen by
//!   everybody on the machine.

mod export;
mod import;
mod report;

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use scm_store::{ConnectOptions, DatabaseConnection, delivr::PassPhrase};
use zeroize::Zeroizing;

use crate::{
    cli::{ExportDelivr, ImportDelivr, OtherDatabase},
    config::Config,
    telemetry,
};

/// Exit status if some rows were not done; what could be done was.
const SOME_LEFT: u8 = 3;

/// Brings over what the old server has.
pub(crate) fn import(config: &Config, command: &ImportDelivr) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(import::run(config, command))
}

/// Writes back what the old server can read.
pub(crate) fn export(config: &Config, command: &ExportDelivr) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(export::run(config, command))
}

fn pass_phrase(file: Option<&Path>) -> anyhow::Result<Option<PassPhrase>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let text = text_of(file)?;
    let phrase = PassPhrase::parse(text.as_str());
    phrase.with_context(|| file.display().to_string()).map(Some)
}

/// The old server's database; `None` if it is the one of the settings.
async fn other(named: &OtherDatabase) -> anyhow::Result<Option<DatabaseConnection>> {
    let Some(url) = url_of(named.url.as_deref(), named.url_file.as_deref())? else {
        return Ok(None);
    };
    let db = scm_store::connect_to_look(url.trim(), &ConnectOptions::default()).await;
    db.context("the old server's database cannot be opened")
        .map(Some)
}

fn url_of(url: Option<&str>, file: Option<&Path>) -> anyhow::Result<Option<Zeroizing<String>>> {
    match (url, file) {
        (Some(url), _) => Ok(Some(Zeroizing::new(url.to_owned()))),
        (None, Some(file)) => text_of(file).map(Some),
        (None, None) => Ok(None),
    }
}

fn text_of(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(Zeroizing::new(text))
}
