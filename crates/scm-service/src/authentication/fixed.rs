//! API keys of the settings: `scm_<id>_<secret>`, known here only by the SHA-256 of the whole key.
//!
//! - The secret is 32 random bytes, so a plain digest cannot be searched backwards and costs a
//!   request next to nothing.
//! - Comparison takes the same time for every wrong key.
//! - A key says who its caller is; a request cannot change that.

use std::{collections::HashMap, fmt::Write as _};

use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use scm_types::{Caller, Timestamp};
use subtle::ConstantTimeEq;

/// What every API key begins with.
pub(super) const PREFIX: &str = "scm_";

/// Which key it says it is.
pub(super) fn id_of(presented: &str) -> Option<&str> {
    let (id, _) = presented.strip_prefix(PREFIX)?.split_once('_')?;
    Some(id)
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// An id that is not 1 to 32 ASCII letters, digits or hyphens.
    #[error("the id must be 1 to 32 ASCII letters, digits or hyphens")]
    Id,
    /// A digest that is not `sha256:` and 64 hexadecimal digits.
    #[error("the hash must be sha256: and 64 hexadecimal digits, as `api-keys generate` prints it")]
    Digest,
    /// Two keys with one id.
    #[error("the id is used twice")]
    Duplicate,
    /// The machine gave no random numbers.
    #[error("the machine gave no random numbers")]
    Random,
}

/// One key as it is configured.
#[derive(Debug, Clone)]
pub struct ApiKey {
    id: String,
    digest: [u8; 32],
    caller: Caller,
    expires_at: Option<Timestamp>,
}

impl ApiKey {
    /// A key with its digest (`sha256:…`) and the caller that it stands for.
    pub fn new(
        id: &str,
        digest: &str,
        caller: Caller,
        expires_at: Option<Timestamp>,
    ) -> Result<Self, ApiKeyError> {
        check_id(id)?;
        Ok(Self {
            id: id.to_owned(),
            digest: parse_digest(digest)?,
            caller,
            expires_at,
        })
    }
}

fn check_id(id: &str) -> Result<(), ApiKeyError> {
    let fits = (1..=32).contains(&id.len());
    if fits
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        Ok(())
    } else {
        Err(ApiKeyError::Id)
    }
}

fn parse_digest(text: &str) -> Result<[u8; 32], ApiKeyError> {
    let hex = text.strip_prefix("sha256:").ok_or(ApiKeyError::Digest)?;
    if hex.len() != 64 || !hex.is_ascii() {
        return Err(ApiKeyError::Digest);
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| ApiKeyError::Digest)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| ApiKeyError::Digest)?;
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A key that was just made: shown once, then only its digest is kept.
pub struct NewApiKey {
    /// The whole key, for its user.
    pub key: String,
    /// Its digest, for the configuration.
    pub digest: String,
}

impl NewApiKey {
    /// Makes a key with 32 random bytes.
    pub fn generate(id: &str) -> Result<Self, ApiKeyError> {
        check_id(id)?;
        let mut secret = [0; 32];
        SystemRandom::new()
            .fill(&mut secret)
            .map_err(|_| ApiKeyError::Random)?;
        let key = format!("scm_{id}_{}", hex(&secret));
        let digest = format!("sha256:{}", hex(digest(&SHA256, key.as_bytes()).as_ref()));
        Ok(Self { key, digest })
    }
}

/// Every configured key.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys(HashMap<String, ApiKey>);

impl ApiKeys {
    /// Takes the keys; fails if two have one id.
    pub fn new(keys: Vec<ApiKey>) -> Result<Self, ApiKeyError> {
        let mut by_id = HashMap::with_capacity(keys.len());
        for key in keys {
            if by_id.insert(key.id.clone(), key).is_some() {
                return Err(ApiKeyError::Duplicate);
            }
        }
        Ok(Self(by_id))
    }

    /// The caller that `presented` stands for; `None` for a key that is malformed, unknown, wrong
    /// or expired. Which of them it is stays inside.
    #[must_use]
    pub fn caller(&self, presented: &str, now: Timestamp) -> Option<&Caller> {
        self.find(presented, now)?.ok()
    }

    /// The same with the reason; `None` if no key here has that id.
    pub(super) fn find(
        &self,
        presented: &str,
        now: Timestamp,
    ) -> Option<Result<&Caller, &'static str>> {
        let key = self.0.get(id_of(presented)?)?;
        let given = digest(&SHA256, presented.as_bytes());
        if !bool::from(given.as_ref().ct_eq(&key.digest)) {
            return Some(Err("the secret of a key of the settings is wrong"));
        }
        if key.expires_at.is_some_and(|end| end <= now) {
            return Some(Err("the key has expired"));
        }
        Some(Ok(&key.caller))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scm_types::{Access, AccountId, Clock as _, FixedClock};

    use super::*;

    fn caller() -> Caller {
        Caller::new(AccountId::parse("acc").unwrap(), Access::Platform)
    }

    #[test]
    fn only_the_whole_right_key_is_known() {
        let clock = FixedClock::at(Timestamp::parse("2027-01-01T00:00:00Z").unwrap());
        let end = clock.now().plus(Duration::from_mins(1));
        let made = NewApiKey::generate("ci").unwrap();
        let other = NewApiKey::generate("ci").unwrap();
        let keys = ApiKeys::new(vec![
            ApiKey::new("ci", &made.digest, caller(), Some(end)).unwrap(),
        ])
        .unwrap();
        assert_eq!(keys.caller(&made.key, clock.now()), Some(&caller()));
        for wrong in [
            &other.key[..],
            &made.key[..20],
            "",
            "scm_",
            "scm_ci_",
            "ci",
            &made.digest,
        ] {
            assert_eq!(keys.caller(wrong, clock.now()), None, "{wrong}");
        }
        clock.advance(Duration::from_mins(1));
        assert_eq!(keys.caller(&made.key, clock.now()), None, "expired");
    }

    #[test]
    fn bad_configuration() {
        let made = NewApiKey::generate("ci").unwrap();
        let key = |id: &str, digest: &str| ApiKey::new(id, digest, caller(), None).map(|_| ());
        assert_eq!(key("c i", &made.digest), Err(ApiKeyError::Id));
        assert_eq!(key("", &made.digest), Err(ApiKeyError::Id));
        assert_eq!(key("ci", "sha256:00"), Err(ApiKeyError::Digest));
        assert_eq!(key("ci", &made.key), Err(ApiKeyError::Digest));
        let one = ApiKey::new("ci", &made.digest, caller(), None).unwrap();
        assert_eq!(
            ApiKeys::new(vec![one.clone(), one]).err(),
            Some(ApiKeyError::Duplicate)
        );
    }
}
