//! `[auth]`: who may come in, and how callers are told apart.

use std::{path::PathBuf, sync::Arc, time::Duration};

use scm_service::{
    ApiKey, ApiKeys, Bearers, JwtAlgorithm, JwtClaims, JwtRoles, JwtSettings, JwtVerifier,
};
use scm_types::{Access, AccountId, Caller, Clock, Role, SystemClock, TenantId, Timestamp};
use serde::{Deserialize, Deserializer, de};
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{ConfigError, words::Words};

/// `auth.mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthMode {
    /// Everybody is the platform.
    None,
    /// By bearer tokens of one kind or of both.
    Bearers {
        /// API keys: those of the database and those of the configuration.
        api_keys: bool,
        /// Signed tokens of an issuer.
        jwt: bool,
    },
}

impl<'de> Deserialize<'de> for AuthMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "none, api-keys, jwt, or a list of the last two";
        let words = Words::deserialize(deserializer)?;
        let has = |word: &str| words.0.iter().any(|given| given == word);
        let (api_keys, jwt) = (has("api-keys"), has("jwt"));
        let known = usize::from(api_keys) + usize::from(jwt);
        match words.0.as_slice() {
            [only] if only == "none" => Ok(Self::None),
            [_, ..] if words.0.len() == known => Ok(Self::Bearers { api_keys, jwt }),
            _ => Err(de::Error::custom(format_args!("must be {EXPECTED}"))),
        }
    }
}

/// `[auth]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    pub(crate) mode: AuthMode,
    account: String,
    #[serde(default)]
    keys: Vec<KeyEntry>,
    jwt: JwtEntry,
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
        ApiKey::new(
            &self.id,
            &self.hash,
            Caller::new(account, access),
            expires_at,
        )
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
    fn api_keys(&self) -> Result<ApiKeys, ConfigError> {
        let mut problems: Vec<_> = self
            .account()
            .err()
            .into_iter()
            .flat_map(|error| error.0)
            .collect();
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

/// `[auth.jwt]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JwtEntry {
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    audience: Option<Words>,
    algorithms: Words,
    #[serde(default)]
    jwks_url: Option<String>,
    jwks_cache_hours: u64,
    #[serde(default)]
    key_file: Option<PathBuf>,
    #[serde(default)]
    secret_file: Option<PathBuf>,
    leeway_seconds: u64,
    account_claim: String,
    tenant_claim: String,
    role_claim: String,
    tenants_claim: String,
    viewer_role: String,
    editor_role: String,
    owner_role: String,
    #[serde(default)]
    platform_role: Option<String>,
}

impl Auth {
    /// What is wrong with the section.
    pub(super) fn problem(&self) -> Option<ConfigError> {
        let keys = self.api_keys().err();
        let jwt = match self.mode {
            AuthMode::Bearers { jwt: true, .. } => self
                .jwt
                .verifier(Arc::new(SystemClock))
                .err()
                .map(ConfigError),
            _ => None,
        };
        let all: Vec<_> = keys
            .into_iter()
            .chain(jwt)
            .flat_map(|error| error.0)
            .collect();
        (!all.is_empty()).then_some(ConfigError(all))
    }

    /// Which bearer tokens are accepted; `None` in mode none.
    pub(crate) fn bearers(&self, clock: Arc<dyn Clock>) -> Result<Option<Bearers>, ConfigError> {
        let AuthMode::Bearers { api_keys, jwt } = self.mode else {
            return Ok(None);
        };
        let mut bearers = Bearers::new();
        if api_keys {
            bearers = bearers.api_keys(self.api_keys()?);
        }
        if jwt {
            bearers = bearers.jwt(self.jwt.verifier(clock).map_err(ConfigError)?);
        }
        Ok(Some(bearers))
    }
}

impl JwtEntry {
    /// The verifier; every problem with the section. Calls nobody.
    fn verifier(&self, clock: Arc<dyn Clock>) -> Result<JwtVerifier, Vec<String>> {
        let mut problems = Vec::new();
        let settings = self.settings(&mut problems);
        let given = [
            self.jwks_url.is_some(),
            self.key_file.is_some(),
            self.secret_file.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            problems.push(
                "auth.jwt: needs one of jwks_url, key_file and secret_file, and no more".to_owned(),
            );
            return Err(problems);
        }
        let symmetric = settings.algorithms.iter().filter(|one| one.is_symmetric());
        let symmetric = symmetric.count();
        if self.secret_file.is_some() && symmetric != settings.algorithms.len() {
            problems.push("auth.jwt.algorithms: with secret_file must be HS256".to_owned());
        }
        if self.secret_file.is_none() && symmetric > 0 {
            problems.push("auth.jwt.algorithms: HS256 needs secret_file".to_owned());
        }
        match self.with_keys(settings, clock) {
            Ok(verifier) if problems.is_empty() => return Ok(verifier),
            Ok(_) => {}
            Err(problem) => problems.push(format!("auth.jwt.{problem}")),
        }
        Err(problems)
    }

    fn with_keys(
        &self,
        settings: JwtSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<JwtVerifier, String> {
        if let Some(file) = &self.key_file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("key_file: {} cannot be read: {error}", file.display()))?;
            return JwtVerifier::with_keys(settings, &text)
                .map_err(|error| format!("key_file: {error}"));
        }
        if let Some(file) = &self.secret_file {
            let bytes = std::fs::read(file).map_err(|error| {
                format!("secret_file: {} cannot be read: {error}", file.display())
            })?;
            let bytes = Zeroizing::new(bytes);
            // A line break at the end is the editor's.
            return JwtVerifier::with_secret(settings, bytes.trim_ascii_end())
                .map_err(|error| format!("secret_file: {error}"));
        }
        let url = key_set_url(self.jwks_url.as_deref().unwrap_or_default())
            .map_err(|problem| format!("jwks_url: {problem}"))?;
        let life = Duration::from_secs(self.jwks_cache_hours * 3_600);
        JwtVerifier::with_key_set(settings, url, life, clock)
            .map_err(|error| format!("jwks_url: {error}"))
    }

    fn settings(&self, problems: &mut Vec<String>) -> JwtSettings {
        let mut wrong =
            |key: &str, problem: &str| problems.push(format!("auth.jwt.{key}: {problem}"));
        let issuer = self.issuer.clone().unwrap_or_default();
        if issuer.is_empty() {
            wrong("issuer", "is missing: what iss of a token has to be");
        }
        let audience = self.audience.clone().map_or_else(Vec::new, |words| words.0);
        if audience.is_empty() {
            wrong(
                "audience",
                "is missing: what aud of a token has to be or to hold",
            );
        }
        let mut algorithms = Vec::new();
        for word in &self.algorithms.0 {
            match word.parse::<JwtAlgorithm>() {
                Ok(algorithm) => algorithms.push(algorithm),
                Err(error) => wrong("algorithms", &error.to_string()),
            }
        }
        if self.algorithms.0.is_empty() {
            wrong("algorithms", "must name at least one");
        }
        for (key, value) in [
            ("account_claim", &self.account_claim),
            ("tenant_claim", &self.tenant_claim),
            ("role_claim", &self.role_claim),
            ("tenants_claim", &self.tenants_claim),
        ] {
            if value.is_empty() {
                wrong(key, "must not be empty");
            }
        }
        let mut words = vec![&self.viewer_role, &self.editor_role, &self.owner_role];
        words.extend(&self.platform_role);
        let count = words.len();
        words.sort();
        words.dedup();
        if words.len() != count || words.iter().any(|word| word.is_empty()) {
            wrong(
                "viewer_role",
                "and editor_role, owner_role and platform_role must be different words",
            );
        }
        JwtSettings {
            issuer,
            audience,
            algorithms,
            leeway: Duration::from_secs(self.leeway_seconds),
            claims: JwtClaims {
                account: self.account_claim.clone(),
                tenant: self.tenant_claim.clone(),
                role: self.role_claim.clone(),
                tenants: self.tenants_claim.clone(),
            },
            roles: JwtRoles {
                viewer: self.viewer_role.clone(),
                editor: self.editor_role.clone(),
                owner: self.owner_role.clone(),
                platform: self.platform_role.clone(),
            },
        }
    }
}

/// Whoever can change what is fetched can make tokens, so it comes by https, or from this machine.
fn key_set_url(raw: &str) -> Result<Url, String> {
    let url = Url::parse(raw).map_err(|error| format!("is no URL: {error}"))?;
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            Err("must not hold a user or a password".to_owned())
        }
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        _ => Err("must start with https://".to_owned()),
    }
}
