//! Logs: to standard error, as text for people or as JSON for machines.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::config::{Log, LogFormat};

/// Starts logging; fails if the filter cannot be read.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.filter).context("log.filter")?;
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            registry
                .with(fmt::layer().with_writer(std::io::stderr).with_ansi(colours))
                .init();
        }
        LogFormat::Json => {
            // Without the list, or every span is printed twice.
            let layer = fmt::layer()
                .json()
                .with_span_list(false)
                .with_writer(std::io::stderr);
            registry.with(layer).init();
        }
    }
    Ok(())
}
