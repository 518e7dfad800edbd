//! `openapi`: prints the document that `GET /openapi.json` serves.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use scm_http::ApiDocument;

use super::serve::PREFIX;

/// Prints the document. A reader that has seen enough is no failure.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let text = ApiDocument::new(PREFIX).to_pretty();
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
