//! The section of the paths that delivr's web panel calls.

use std::path::PathBuf;

use scm_http::PanelKey;
use serde::Deserialize;

use super::{ConfigError, events::secret};

/// `[delivr]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delivr {
    /// True if they are served.
    pub(crate) enabled: bool,
    #[serde(default)]
    panel_key: Option<String>,
    #[serde(default)]
    panel_key_file: Option<PathBuf>,
}

impl Delivr {
    pub(super) fn problem(&self) -> Option<ConfigError> {
        self.panel_key().err()
    }

    /// What opens credentials that the panel has encrypted, if it does so.
    pub(crate) fn panel_key(&self) -> Result<Option<PanelKey>, ConfigError> {
        let (value, file) = (self.panel_key.as_deref(), self.panel_key_file.as_deref());
        let Some(text) = secret("delivr", "panel_key", value, file)? else {
            return Ok(None);
        };
        PanelKey::parse(&text)
            .map(Some)
            .map_err(|error| ConfigError::one(format!("delivr.panel_key: {error}")))
    }
}
