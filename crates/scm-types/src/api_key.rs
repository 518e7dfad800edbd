//! API keys that are stored: what is shown of one, and the key itself when it is made.
//!
//! - A key is `scm_<id>_<secret>`. The id is no secret and is shown; of the secret nothing is kept
//!   but a sealed digest.
//! - What a key may do is fixed when it is made.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::SerializeStruct};
use zeroize::Zeroizing;

use crate::{Access, AccountId, DisplayName, InvalidPage, PageLimit, TenantId, Timestamp};

/// An id that no key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 32 ASCII letters, digits or hyphens")]
pub struct InvalidApiKeyId;

/// Which key it is: 1 to 32 ASCII letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ApiKeyId(String);

impl ApiKeyId {
    /// The longest id, in characters.
    pub const MAX: usize = 32;

    /// Takes an id that came from outside.
    pub fn parse(raw: impl Into<String>) -> Result<Self, InvalidApiKeyId> {
        let raw = raw.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (1..=Self::MAX).contains(&raw.len()) && raw.bytes().all(plain) {
            Ok(Self(raw))
        } else {
            Err(InvalidApiKeyId)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole key, to be shown once. Without `Debug`, `Display` and `Serialize`.
pub struct ApiKeySecret(Zeroizing<String>);

impl ApiKeySecret {
    /// Takes a key that was just made.
    #[must_use]
    pub fn new(key: String) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The key: only for the one who asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A stored key without what it is recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeApiKey {
    /// Which key it is.
    pub id: ApiKeyId,
    /// What it may do; shown as `tenantId` (null for the platform) and `role`.
    pub access: Access,
    /// What people call it.
    pub name: DisplayName,
    /// The account that it acts as.
    pub account_id: AccountId,
    /// When it was made.
    pub created_at: Timestamp,
    /// The account that made it; `None` for the command line.
    pub created_by: Option<AccountId>,
    /// When it ends, if ever.
    pub expires_at: Option<Timestamp>,
    /// When it was last used; may be a minute old.
    pub last_used_at: Option<Timestamp>,
    /// Since when it is revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Serialize for SafeApiKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("SafeApiKey", 10)?;
        row.serialize_field("id", &self.id)?;
        row.serialize_field("tenantId", &self.access.tenant())?;
        row.serialize_field("role", self.access.role_name())?;
        row.serialize_field("name", &self.name)?;
        row.serialize_field("accountId", &self.account_id)?;
        row.serialize_field("createdAt", &self.created_at)?;
        row.serialize_field("createdBy", &self.created_by)?;
        row.serialize_field("expiresAt", &self.expires_at)?;
        row.serialize_field("lastUsedAt", &self.last_used_at)?;
        row.serialize_field("revokedAt", &self.revoked_at)?;
        row.end()
    }
}

/// The place behind which a page of keys starts. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyCursor {
    /// When the last key seen was made.
    pub created_at: Timestamp,
    /// The last key seen.
    pub id: ApiKeyId,
}

impl fmt::Display for ApiKeyCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at.as_millis(), self.id)
    }
}

impl FromStr for ApiKeyCursor {
    type Err = InvalidPage;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let (millis, id) = raw.split_once('.').ok_or(InvalidPage::Cursor)?;
        let millis = millis.parse().map_err(|_| InvalidPage::Cursor)?;
        Ok(Self {
            created_at: Timestamp::from_millis(millis).ok_or(InvalidPage::Cursor)?,
            id: ApiKeyId::parse(id).map_err(|_| InvalidPage::Cursor)?,
        })
    }
}

/// Which stored keys are wanted.
#[derive(Debug, Clone, Default)]
pub struct ApiKeyFilter {
    /// Those of this tenant.
    pub tenant_id: Option<TenantId>,
    /// How many at the most.
    pub limit: PageLimit,
    /// Where to start; `None` is the newest one.
    pub after: Option<ApiKeyCursor>,
}

/// One page of stored keys.
#[derive(Debug, Clone)]
pub struct ApiKeyPage {
    /// The keys, newest first; revoked and expired ones too.
    pub items: Vec<SafeApiKey>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<ApiKeyCursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for (raw, good) in [
            ("ci", true),
            ("a-B-3", true),
            (&*"x".repeat(32), true),
            (&*"x".repeat(33), false),
            ("", false),
            ("a_b", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(ApiKeyId::parse(raw).is_ok(), good, "{raw:?}");
        }
    }

    #[test]
    fn cursors_come_back_as_they_were() {
        let cursor: ApiKeyCursor = "1800000000000.abc".parse().unwrap();
        assert_eq!(cursor.to_string(), "1800000000000.abc");
        for raw in ["", "1", "x.abc", "1.", "1.a_b"] {
            let read: Result<ApiKeyCursor, _> = raw.parse();
            assert_eq!(read, Err(InvalidPage::Cursor), "{raw:?}");
        }
    }

    #[test]
    fn what_is_shown() {
        let at = Timestamp::from_millis(1_800_000_000_000).unwrap();
        let key = SafeApiKey {
            id: ApiKeyId::parse("k1").unwrap(),
            access: Access::Platform,
            name: DisplayName::parse("CI").unwrap(),
            account_id: AccountId::parse("acc").unwrap(),
            created_at: at,
            created_by: None,
            expires_at: Some(at),
            last_used_at: None,
            revoked_at: None,
        };
        let want = serde_json::json!({
            "id": "k1",
            "tenantId": null,
            "role": "platform",
            "name": "CI",
            "accountId": "acc",
            "createdAt": "2027-01-15T08:00:00.000Z",
            "createdBy": null,
            "expiresAt": "2027-01-15T08:00:00.000Z",
            "lastUsedAt": null,
            "revokedAt": null,
        });
        assert_eq!(serde_json::to_value(&key).unwrap(), want);
    }
}
