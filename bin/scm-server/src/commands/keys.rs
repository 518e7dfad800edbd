//! `keys generate`.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::{cli::Keys, database};

/// Makes a key file; refuses to touch an existing one.
#[expect(clippy::print_stdout, reason = "this is the command's output")]
pub(crate) fn run(command: &Keys) -> anyhow::Result<ExitCode> {
    let Keys::Generate { out } = command;
    let id = database::create_key_file(out)
        .with_context(|| format!("the key file {} could not be made", out.display()))?;
    println!(
        "made {} with the key {id}; keep a copy where the database's backup is not",
        out.display()
    );
    Ok(ExitCode::SUCCESS)
}
