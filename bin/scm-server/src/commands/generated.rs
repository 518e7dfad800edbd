//! `completions` and `man`: made of the definition of the command line itself, so that they cannot tell
//! anything else.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

const NAME: &str = "scm-server";

/// Prints what a shell completes the command line with.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    print(&script)
}

/// Prints the manual page of the program, or writes a page for it and for each command into a
/// directory that is there.
pub(crate) fn man(out: Option<&Path>) -> anyhow::Result<ExitCode> {
    let command = Cli::command();
    let Some(out) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return print(&page);
    };
    let there = fs::metadata(out).is_ok_and(|metadata| metadata.is_dir());
    anyhow::ensure!(there, "--out: {} is no directory", out.display());
    clap_mangen::generate_to(command, out)
        .with_context(|| format!("the pages cannot be written into {}", out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Whoever reads it may have had enough of it.
fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    match std::io::Write::write_all(&mut std::io::stdout(), text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
