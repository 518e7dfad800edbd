//! The sections of the configuration and what has to hold inside each.

use std::{path::PathBuf, time::Duration};

use scm_types::HostKind;
use serde::Deserialize;

use super::ConfigError;

/// `[database]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    url_file: Option<PathBuf>,
    pub(crate) max_connections: u32,
    pub(crate) min_connections: u32,
    pub(crate) acquire_timeout_seconds: u64,
    pub(crate) statement_timeout_seconds: u64,
    pub(crate) migrate_on_start: bool,
    pub(crate) foreign_keys: bool,
}

impl Database {
    /// The URL that was given, by value or by file.
    pub(super) fn given_url(&self) -> Result<Option<String>, ConfigError> {
        match (&self.url, &self.url_file) {
            (Some(_), Some(_)) => Err(ConfigError::one(
                "database.url: is given as url and as url_file; give one",
            )),
            (Some(url), None) => Ok(Some(url.clone())),
            (None, Some(file)) => match std::fs::read_to_string(file) {
                Ok(url) => Ok(Some(url.trim().to_owned())),
                Err(error) => Err(ConfigError::one(format!(
                    "database.url_file: {} cannot be read: {error}",
                    file.display()
                ))),
            },
            (None, None) => Ok(None),
        }
    }

    /// How long a call may take that waits for a connection and runs a statement.
    pub(crate) fn call_limit(&self) -> Duration {
        Duration::from_secs(self.acquire_timeout_seconds + self.statement_timeout_seconds)
    }

    pub(super) fn problem(&self) -> Option<ConfigError> {
        let mut problems = Vec::new();
        match self.given_url() {
            Ok(Some(url))
                if !["sqlite:", "mysql:", "mariadb:", "postgres:", "postgresql:"]
                    .iter()
                    .any(|scheme| url.starts_with(scheme)) =>
            {
                problems.push(
                    "database.url: must start with sqlite://, mysql:// or postgres://".to_owned(),
                );
            }
            Ok(Some(url))
                if url.starts_with("sqlite:")
                    && (url.contains(":memory:") || url.contains("mode=memory")) =>
            {
                problems.push(
                    "database.url: a database in memory would be lost with the process; name a file"
                        .to_owned(),
                );
            }
            Ok(_) => {}
            Err(error) => problems.extend(error.0),
        }
        if self.min_connections > self.max_connections {
            problems.push("database.min_connections: must not exceed max_connections".to_owned());
        }
        (!problems.is_empty()).then_some(ConfigError(problems))
    }
}

/// `[log]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// `log.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object for each line.
    Json,
}

/// `[providers]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_field_names,
    reason = "the keys of the file say their unit"
)]
pub(crate) struct Providers {
    pub(crate) connect_timeout_seconds: u64,
    pub(crate) request_timeout_seconds: u64,
    pub(crate) budget_seconds: u64,
    pub(crate) refresh_margin_seconds: u64,
}

/// `[[hosts]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HostEntry {
    pub(crate) kind: HostKind,
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) api_url: Option<String>,
    #[serde(default)]
    pub(crate) oauth_url: Option<String>,
    #[serde(default)]
    pub(crate) allow_private_addresses: bool,
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) oauth: Option<OauthEntry>,
    #[serde(default)]
    pub(crate) app: Option<AppEntry>,
}

/// `hosts.oauth`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OauthEntry {
    pub(crate) client_id: String,
    #[serde(default)]
    pub(crate) client_secret: Option<String>,
    #[serde(default)]
    pub(crate) client_secret_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) redirect_uri: Option<String>,
}

/// `hosts.app`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppEntry {
    pub(crate) id: u64,
    pub(crate) private_key_file: PathBuf,
}
