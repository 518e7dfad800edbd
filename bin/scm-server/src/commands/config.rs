//! `config check` and `config show`.

use std::process::ExitCode;

use crate::config::Layers;

/// Every setting, what it is and where it stands.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn show(layers: &Layers) -> ExitCode {
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
    ExitCode::SUCCESS
}

/// The settings were read and checked on the way here.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn checked() -> ExitCode {
    println!("the configuration is good");
    ExitCode::SUCCESS
}
