//! Where the master keys come from.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use scm_store::{KeyFile, KeyRing};

use super::{Config, ConfigError};

/// Where the master keys come from.
#[derive(Clone)]
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

    /// The keys as they stand there now.
    pub(crate) fn read(&self) -> anyhow::Result<KeyRing> {
        self.read_quietly()
            .with_context(|| format!("the keys in {} cannot be used", self.label()))
    }

    fn read_quietly(&self) -> anyhow::Result<KeyRing> {
        Ok(match self {
            Self::Value(text) => KeyRing::parse(text)?,
            Self::Given(path) | Self::Own(path) => KeyRing::load(path)?,
        })
    }

    /// The file, to change it.
    pub(crate) fn edit(&self) -> anyhow::Result<KeyFile> {
        KeyFile::open(self.file()?)
            .with_context(|| format!("the keys in {} cannot be used", self.label()))
    }

    fn file(&self) -> anyhow::Result<&Path> {
        match self {
            Self::Given(path) | Self::Own(path) => Ok(path),
            Self::Value(_) => anyhow::bail!(
                "the keys are given as the setting keys, which only you can change; or write them \
                 into a file and name it as keys_file"
            ),
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
        let source = match self.key_source() {
            Err(error) => return Some(error),
            // It may have to be made yet.
            Ok(KeySource::Own(_)) => return None,
            Ok(source) => source,
        };
        let error = source.read_quietly().err()?;
        Some(ConfigError::one(format!(
            "keys: {}: {error:#}",
            source.label()
        )))
    }

    /// How often the keys are looked at.
    pub(crate) fn keys_check(&self) -> Duration {
        Duration::from_secs(self.keys_check_seconds)
    }

    /// How long a new key is only read with: every replica has looked by then, one that was late
    /// too.
    pub(crate) fn keys_settle(&self) -> Duration {
        self.keys_check() * 3
    }

    /// How long it takes until nobody writes any more what was sealed with a key that went out of
    /// use: to see it, to get a connection, and to run the statement.
    pub(crate) fn keys_out_of_use(&self) -> Duration {
        self.keys_check() * 2 + self.database.call_limit()
    }
}
