//! `config check`, `config show` and `config schema`.

use std::process::ExitCode;

use crate::config::{ConfigError, Layers};

/// Every setting, what it is and where it stands.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn show(layers: &Layers) -> Result<ExitCode, ConfigError> {
    layers.unreadable()?;
    let shown = layers.shown();
    let width = shown
        .iter()
        .map(|shown| shown.key.len())
        .max()
        .unwrap_or_default();
    for shown in shown {
        println!(
            "{:width$} = {}    # {}",
            shown.key, shown.value, shown.source
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// What an editor or a check of files goes by.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn schema() -> anyhow::Result<ExitCode> {
    println!(
        "{}",
        serde_json::to_string_pretty(&crate::config::schema())?
    );
    Ok(ExitCode::SUCCESS)
}

/// The settings were read and checked on the way here.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn checked() -> ExitCode {
    println!("the configuration is good");
    ExitCode::SUCCESS
}
