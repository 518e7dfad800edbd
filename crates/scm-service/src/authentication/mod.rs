//! Who a bearer token stands for.
//!
//! - What is wrong with a token is told to the log and to nobody else: malformed, unknown, wrong,
//!   revoked and expired are one answer.
//! - What a token stands for comes out of the token, the settings or the database, never out of the
//!   rest of the request; that can only choose among it.

mod fixed;
mod jwt;
mod manage;
mod stored;

use scm_store::StoreError;
use scm_types::{Caller, TenantId, Timestamp};

use crate::Services;

pub use fixed::{ApiKey, ApiKeyError, ApiKeys, NewApiKey};
pub use jwt::{
    BadJwtKey, JwtAlgorithm, JwtClaims, JwtRoles, JwtSettings, JwtVerifier, UnknownJwtAlgorithm,
};
pub use manage::{CreatedApiKey, NewApiKeyRequest};
pub(crate) use stored::StoredKeys;

/// Which bearer tokens are accepted.
#[derive(Debug, Clone, Default)]
pub struct Bearers {
    keys: Option<ApiKeys>,
    tokens: Option<JwtVerifier>,
}

impl Bearers {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// API keys: these from the settings, and those that are stored.
    #[must_use]
    pub fn api_keys(mut self, keys: ApiKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Signed tokens, beside the keys.
    #[must_use]
    pub fn jwt(mut self, verifier: JwtVerifier) -> Self {
        self.tokens = Some(verifier);
        self
    }
}

/// Why it is not known whose request it is.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// The token is not accepted. Why is in the log.
    #[error("the token is not accepted")]
    Refused,
    /// The token is for several tenants, and the request does not say which it is about.
    #[error("the token is for several tenants, and the request names none")]
    WhichTenant,
    /// The request names a tenant that the token is not for.
    #[error("the token is not for the tenant that the request names")]
    ForeignTenant,
    /// It cannot be told now: the issuer's keys are not known.
    #[error("the keys that tokens are verified with are not known")]
    KeySetAway,
    /// It cannot be told now, for the database does not answer.
    #[error("the database does not say whose token it is")]
    Store(#[source] StoreError),
}

impl Services {
    /// The caller that a bearer token stands for. Where a token is for several tenants, it acts for
    /// the one that the request names; one for a single tenant may be named all the same.
    pub async fn authenticate(
        &self,
        bearers: &Bearers,
        token: &str,
        named: Option<&TenantId>,
    ) -> Result<Caller, AuthenticationError> {
        let now = self.clock.now();
        let known = match (&bearers.tokens, token.starts_with(fixed::PREFIX)) {
            (_, true) => self.key_caller(bearers, token, now).await?,
            (Some(tokens), false) => tokens.caller(token, named, now).await?,
            (None, false) => Err("it is no API key"),
        };
        let caller = known.map_err(|reason| {
            tracing::info!(reason, "a bearer token was not accepted");
            AuthenticationError::Refused
        })?;
        if named.is_some() && caller.access.tenant() != named {
            return Err(AuthenticationError::ForeignTenant);
        }
        Ok(caller)
    }

    /// The caller of an API key, or why it is none.
    async fn key_caller(
        &self,
        bearers: &Bearers,
        token: &str,
        now: Timestamp,
    ) -> Result<Result<Caller, &'static str>, AuthenticationError> {
        let Some(keys) = &bearers.keys else {
            return Ok(Err("API keys are not accepted here"));
        };
        match keys.find(token, now) {
            Some(known) => Ok(known.cloned()),
            None => self.stored_caller(token, now).await,
        }
    }
}
