//! `export` and `import`: all rows from one database into another, of whatever kinds they are.
//!
//! - What was exported is as it was at one moment, also beside a running server.
//! - No server works with a database that is not whole: from its first row to the last check the import
//!   has it marked, and everything that opens it refuses.
//! - An import that was killed goes on where it stopped, which the rows in the target tell. In the end
//!   every table has the count and the digest that it had where it came from.

mod export;
mod import;
mod progress;

pub(crate) use progress::Progress;

use std::process::ExitCode;

use anyhow::Context as _;
use scm_migrations::ColumnKind;
use scm_store::{CellKind, TableShape};

use crate::{
    cli::{Export, Import},
    config::Config,
    telemetry,
};

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes every row into a file.
pub(crate) fn export(config: &Config, command: &Export) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    let to = command.to.as_deref().context("no file is named")?;
    on_runtime(export::run(config, to))
}

/// Brings the rows of a file into an empty database.
pub(crate) fn import(config: &Config, command: &Import) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log)?;
    on_runtime(import::run(config, command))
}

/// The tables of the schema, the keys' canaries first: they tell whether the rest can be opened.
fn shapes() -> Vec<TableShape> {
    let mut shapes: Vec<_> = scm_migrations::tables()
        .into_iter()
        .map(|table| TableShape {
            name: table.name.to_owned(),
            columns: table
                .columns
                .iter()
                .map(|column| (column.name.to_owned(), kind(column.kind)))
                .collect(),
        })
        .collect();
    shapes.sort_by_key(|shape| shape.name != CANARIES);
    shapes
}

/// The table of the keys' canaries.
const CANARIES: &str = "scm_key_canaries";

fn kind(kind: ColumnKind) -> CellKind {
    match kind {
        ColumnKind::Text => CellKind::Text,
        ColumnKind::Number => CellKind::Number,
        ColumnKind::Flag => CellKind::Flag,
        ColumnKind::Time => CellKind::Time,
    }
}

/// The newest step of this program's schema.
fn revision() -> String {
    let steps = scm_migrations::Status::of_nothing().steps;
    steps
        .last()
        .map(|step| step.name.clone())
        .unwrap_or_default()
}

/// `1 row`, `2 rows`.
fn rows(many: u64) -> String {
    let plural = if many == 1 { "" } else { "s" };
    format!("{many} row{plural}")
}
