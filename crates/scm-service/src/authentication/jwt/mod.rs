//! Signed tokens of an issuer that the operator trusts (RFC 7519).
//!
//! - The algorithms are the operator's list; the token's own header only chooses among them, and the
//!   key has to be of the algorithm's kind.
//! - Nothing of a token is believed before its signature is verified.
//! - Verified with ring: the usual library keeps its cryptography and its clock in the process, and
//!   here several instances live in one, each with its own time.

mod algorithm;
mod claims;
mod key;
mod key_set;
mod token;

use std::{fmt, sync::Arc, time::Duration};

use scm_providers::{
    TransportSettings,
    transport::{FetchError, Fetcher},
};
use scm_types::{Access, Caller, Clock, TenantId, Timestamp};
use url::Url;

use self::{
    key_set::{KeySet, NoKey, Published},
    token::Unverified,
};
use super::AuthenticationError;

pub use algorithm::{JwtAlgorithm, UnknownJwtAlgorithm};
pub use claims::{JwtClaims, JwtRoles};
pub use key::BadJwtKey;

/// Which tokens are accepted, and what they say where.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// What `iss` has to be.
    pub issuer: String,
    /// What `aud` has to be or to hold: one of these.
    pub audience: Vec<String>,
    /// How tokens may be signed.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How far the issuer's clock may be from this machine's.
    pub leeway: Duration,
    /// Where a token says what.
    pub claims: JwtClaims,
    /// What its words mean.
    pub roles: JwtRoles,
}

/// Verifies tokens. Clones share their keys.
#[derive(Clone)]
pub struct JwtVerifier {
    settings: Arc<JwtSettings>,
    keys: Arc<KeySet>,
}

impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl JwtVerifier {
    /// With the keys of a file: a public key in PEM, or a JSON key set.
    pub fn with_keys(settings: JwtSettings, text: &str) -> Result<Self, BadJwtKey> {
        let keys = key::read(text)?;
        Ok(Self::given(settings, keys))
    }

    /// With a shared secret of at least 32 bytes, for HS256.
    pub fn with_secret(settings: JwtSettings, secret: &[u8]) -> Result<Self, BadJwtKey> {
        let key = key::secret(secret)?;
        Ok(Self::given(settings, vec![key]))
    }

    fn given(settings: JwtSettings, keys: Vec<key::JwtKey>) -> Self {
        Self {
            settings: Arc::new(settings),
            keys: Arc::new(KeySet::Given(keys.into_iter().map(Arc::new).collect())),
        }
    }

    /// With the key set that is published at an address. Calls nobody yet. While the address does
    /// not answer, known keys go on for `life`. Fails if the address is never dialled.
    pub fn with_key_set(
        settings: JwtSettings,
        url: Url,
        life: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FetchError> {
        let fetcher = Fetcher::new(url, TransportSettings::default())?;
        let published = Published::new(fetcher, life, clock);
        Ok(Self {
            settings: Arc::new(settings),
            keys: Arc::new(KeySet::Published(Arc::new(published))),
        })
    }

    /// The caller that a token stands for, or why it is refused.
    ///
    /// One of several tenants acts for the one that the request names.
    pub(super) async fn caller(
        &self,
        token: &str,
        named: Option<&TenantId>,
        now: Timestamp,
    ) -> Result<Result<Caller, &'static str>, AuthenticationError> {
        let token = match Unverified::read(token) {
            Ok(token) => token,
            Err(reason) => return Ok(Err(reason)),
        };
        let algorithm = token.algorithm;
        if !self.settings.algorithms.contains(&algorithm) {
            return Ok(Err("the token's algorithm is not allowed"));
        }
        let key = match self.keys.key(token.key_id.as_deref(), algorithm).await {
            Ok(key) => key,
            Err(NoKey::Unknown) => return Ok(Err("no key is known that could verify the token")),
            Err(NoKey::Away) => return Err(AuthenticationError::KeySetAway),
        };
        if !algorithm.verifies(&key.material, token.message.as_bytes(), &token.signature) {
            return Ok(Err("the token's signature is wrong"));
        }
        let holder = token.claims().and_then(|claims| {
            claims::check(&claims, &self.settings, now)?;
            claims::holder(&claims, &self.settings)
        });
        match holder {
            Ok(holder) => {
                let access = chosen(holder.access, named)?;
                Ok(Ok(Caller::new(holder.account, access)))
            }
            Err(reason) => Ok(Err(reason)),
        }
    }
}

/// The part of what a token allows that the request is about.
fn chosen(
    mut access: Vec<Access>,
    named: Option<&TenantId>,
) -> Result<Access, AuthenticationError> {
    if let Some(named) = named {
        let found = access.into_iter().find(|one| one.tenant() == Some(named));
        return found.ok_or(AuthenticationError::ForeignTenant);
    }
    match (access.pop(), access.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(AuthenticationError::WhichTenant),
    }
}
