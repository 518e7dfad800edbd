//! Where the master keys come from.

use std::path::PathBuf;

use scm_store::KeyRing;

use super::{Config, ConfigError};

/// Where the master keys come from.
pub(crate) enum KeySource {
    /// The setting `keys` itself.
    Value(String),
    /// A file that the operator made.
    Given(PathBuf),
    /// A file in the data directory, made on first start.
    Own(PathBuf),
}

impl KeySource {
    /// For people: which file or setting it is.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Value(_) => "the setting keys".to_owned(),
            Self::Given(path) => format!("{} (keys_file)", path.display()),
            Self::Own(path) => path.display().to_string(),
        }
    }
}

impl Config {
    /// The source of the keys. A server database has none of its own: the data directory of one
    /// replica is not that of another.
    pub(crate) fn key_source(&self) -> Result<KeySource, ConfigError> {
        match (&self.keys, &self.keys_file) {
            (Some(_), Some(_)) => Err(ConfigError::one(
                "keys: are given as keys and as keys_file; give one",
            )),
            (Some(keys), None) => Ok(KeySource::Value(keys.clone())),
            (None, Some(path)) => Ok(KeySource::Given(path.clone())),
            (None, None) if self.is_sqlite()? => Ok(KeySource::Own(self.data_dir.join("keys"))),
            (None, None) => Err(ConfigError::one(
                "keys_file: must be given with this database, the same for every replica; make \
                 it with: scm-server keys generate --out FILE",
            )),
        }
    }

    /// What is wrong with keys that the operator gave.
    pub(super) fn key_problem(&self) -> Option<ConfigError> {
        let problem = match self.key_source() {
            Err(error) => return Some(error),
            Ok(KeySource::Own(_)) => return None,
            Ok(KeySource::Value(text)) => {
                KeyRing::parse(&text).map(drop).map_err(anyhow::Error::from)
            }
            Ok(KeySource::Given(path)) => {
                KeyRing::load(&path).map(drop).map_err(anyhow::Error::from)
            }
        };
        let source = self
            .key_source()
            .map(|source| source.label())
            .unwrap_or_default();
        problem
            .err()
            .map(|error| ConfigError::one(format!("keys: {source}: {error:#}")))
    }
}
