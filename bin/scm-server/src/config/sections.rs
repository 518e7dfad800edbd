//! The sections of the configuration and what has to hold inside each.

use std::path::PathBuf;

use scm_service::{ApiKey, ApiKeys};
use scm_types::{Access, AccountId, Caller, HostKind, Role, TenantId, Timestamp};
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
        if self.max_connections == 0 {
            problems.push("database.max_connections: must be at least 1".to_owned());
        }
        if self.min_connections > self.max_connections {
            problems.push("database.min_connections: must not exceed max_connections".to_owned());
        }
        for (name, seconds) in [
            ("acquire_timeout_seconds", self.acquire_timeout_seconds),
            ("statement_timeout_seconds", self.statement_timeout_seconds),
        ] {
            if seconds == 0 {
                problems.push(format!("database.{name}: must be at least 1"));
            }
        }
        (!problems.is_empty()).then_some(ConfigError(problems))
    }
}

/// `auth.mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuthMode {
    /// Everybody is the platform.
    None,
    /// Static keys from the configuration.
    ApiKeys,
}

/// `[auth]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    pub(crate) mode: AuthMode,
    account: String,
    #[serde(default)]
    keys: Vec<KeyEntry>,
}

/// `[[auth.keys]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    hash: String,
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    role: Option<String>,
    account: String,
    #[serde(default)]
    expires_at: Option<String>,
}

impl KeyEntry {
    fn key(&self) -> Result<ApiKey, String> {
        let access = match (&self.tenant, &self.role) {
            (None, None) => Access::Platform,
            (None, Some(_)) => return Err("role: needs a tenant; a platform key has none".into()),
            (Some(_), None) => return Err("role: must be given with a tenant".into()),
            (Some(tenant), Some(role)) => Access::Tenant {
                tenant: TenantId::parse(tenant).map_err(|error| format!("tenant: {error}"))?,
                role: role
                    .parse::<Role>()
                    .map_err(|error| format!("role: {error}"))?,
            },
        };
        let account =
            AccountId::parse(&self.account).map_err(|error| format!("account: {error}"))?;
        let expires_at = self.expires_at.as_deref().map(Timestamp::parse).transpose();
        let expires_at = expires_at.map_err(|error| format!("expires_at: {error}"))?;
        ApiKey::new(&self.id, &self.hash, Caller { account, access }, expires_at)
            .map_err(|error| error.to_string())
    }
}

impl Auth {
    /// The account of mode none.
    pub(crate) fn account(&self) -> Result<AccountId, ConfigError> {
        AccountId::parse(&self.account)
            .map_err(|error| ConfigError::one(format!("auth.account: {error}")))
    }

    /// The configured keys; every problem with them.
    pub(crate) fn api_keys(&self) -> Result<ApiKeys, ConfigError> {
        let mut problems: Vec<_> = self
            .account()
            .err()
            .into_iter()
            .flat_map(|error| error.0)
            .collect();
        if self.mode == AuthMode::ApiKeys && self.keys.is_empty() {
            problems.push(
                "auth.keys: mode api-keys needs at least one; make it with: scm-server api-keys \
                 generate"
                    .to_owned(),
            );
        }
        let mut keys = Vec::new();
        for (index, entry) in self.keys.iter().enumerate() {
            match entry.key() {
                Ok(key) => keys.push(key),
                Err(problem) => problems.push(format!("auth.keys[{index}]: {problem}")),
            }
        }
        match ApiKeys::new(keys) {
            Ok(keys) if problems.is_empty() => Ok(keys),
            Ok(_) => Err(ConfigError(problems)),
            Err(error) => {
                problems.push(format!("auth.keys: {error}"));
                Err(ConfigError(problems))
            }
        }
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
}

impl Providers {
    /// The longest an operation may take: less than a request holds its `Idempotency-Key` for, with
    /// room for what is not a call to a host.
    const MAX_BUDGET: u64 = 50;

    pub(super) fn problem(&self) -> Option<ConfigError> {
        let max = Self::MAX_BUDGET;
        let problems: Vec<_> = [
            ("connect_timeout_seconds", self.connect_timeout_seconds),
            ("request_timeout_seconds", self.request_timeout_seconds),
            ("budget_seconds", self.budget_seconds),
        ]
        .into_iter()
        .filter(|(_, seconds)| !(1..=max).contains(seconds))
        .map(|(name, _)| format!("providers.{name}: must be from 1 to {max}"))
        .collect();
        (!problems.is_empty()).then_some(ConfigError(problems))
    }
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
