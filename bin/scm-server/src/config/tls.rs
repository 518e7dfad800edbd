//! The section of the server's own TLS.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use crate::tls::TlsFiles;

/// `[tls]`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    #[serde(default)]
    certificate_file: Option<PathBuf>,
    #[serde(default)]
    private_key_file: Option<PathBuf>,
}

impl Tls {
    /// The files, if the server is to speak TLS.
    pub(crate) fn files(&self) -> Result<Option<TlsFiles>, ConfigError> {
        let missing = |key: &str, with: &str| {
            Err(ConfigError::one(format!(
                "tls.{key}: must be given with {with}"
            )))
        };
        match (&self.certificate_file, &self.private_key_file) {
            (None, None) => Ok(None),
            (Some(certificate), Some(private_key)) => Ok(Some(TlsFiles {
                certificate: certificate.clone(),
                private_key: private_key.clone(),
            })),
            (Some(_), None) => missing("private_key_file", "certificate_file"),
            (None, Some(_)) => missing("certificate_file", "private_key_file"),
        }
    }

    /// What keeps the files from being used.
    pub(super) fn problem(&self) -> Option<ConfigError> {
        let files = match self.files() {
            Ok(files) => files?,
            Err(error) => return Some(error),
        };
        let error = files.load().err()?;
        Some(ConfigError::one(format!("{error:#}")))
    }
}
