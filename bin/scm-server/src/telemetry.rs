//! Logs: to standard error, as text for people or as JSON for machines.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, Registry, filter::filter_fn, fmt, prelude::*, reload};

use crate::config::{Log, LogFormat};

/// The filter of the running process's log, to change it.
pub(crate) struct LogFilter(reload::Handle<EnvFilter, Registry>);

impl LogFilter {
    /// Takes another filter; false if it is the one that is there. Fails if it cannot be read.
    pub(crate) fn set(&self, filter: &str) -> anyhow::Result<bool> {
        let filter = EnvFilter::try_new(filter).context("log.filter")?;
        let text = filter.to_string();
        if self.0.with_current(ToString::to_string)? == text {
            return Ok(false);
        }
        self.0.reload(filter)?;
        Ok(true)
    }
}

/// False for what shows secrets, whatever the filter says: the client of NATS tells at TRACE what it
/// logs in with.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() != Level::TRACE || !metadata.target().starts_with("async_nats")
}

/// Starts logging; fails if the filter cannot be read.
pub(crate) fn start(log: &Log) -> anyhow::Result<LogFilter> {
    let filter = EnvFilter::try_new(&log.filter).context("log.filter")?;
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(is_harmless));
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
    Ok(LogFilter(handle))
}
