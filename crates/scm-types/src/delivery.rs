//! What tells one delivery of a webhook from another.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A text that is no id of a delivery. Says what is wrong, without the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeliveryId {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// More characters than the column holds.
    #[error("must be at most {max} characters long", max = DeliveryId::MAX)]
    TooLong,
    /// Anything but what the hosts make ids of.
    #[error("must consist of ASCII letters, digits and \"-\", \"_\", \".\", \":\", \"{{\", \"}}\"")]
    Character,
}

/// The id that a delivery keeps when its host sends it again: 1 to 128 ASCII letters, digits and
/// `-_.:{}`, compared by byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The longest accepted length, in characters.
    pub const MAX: usize = 128;

    /// Takes an id that came from outside.
    pub fn parse(raw: impl Into<String>) -> Result<Self, InvalidDeliveryId> {
        let raw = raw.into();
        if raw.is_empty() {
            Err(InvalidDeliveryId::Empty)
        } else if raw.len() > Self::MAX {
            Err(InvalidDeliveryId::TooLong)
        } else if raw
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:{}".contains(&byte))
        {
            Ok(Self(raw))
        } else {
            Err(InvalidDeliveryId::Character)
        }
    }

    /// An id for a delivery without one: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        let hex = |byte: &u8| [byte >> 4, byte & 15];
        let digit = |value| char::from(b"0123456789abcdef"[usize::from(value)]);
        Self(digest.iter().flat_map(hex).map(digit).collect())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DeliveryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        #[track_caller]
        fn check(raw: &str, want: Result<&str, InvalidDeliveryId>) {
            assert_eq!(
                DeliveryId::parse(raw).as_ref().map(DeliveryId::as_str),
                want.as_ref().map(|text| *text),
                "{raw:?}"
            );
        }
        let guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958";
        check(guid, Ok(guid));
        check("{9d52f1e0}", Ok("{9d52f1e0}"));
        check("a_b.c:d", Ok("a_b.c:d"));
        check(&"x".repeat(128), Ok(&"x".repeat(128)));
        check(&"x".repeat(129), Err(InvalidDeliveryId::TooLong));
        check("", Err(InvalidDeliveryId::Empty));
        for raw in ["a b", "a/b", "a\n", "é", "<a>", "a%"] {
            check(raw, Err(InvalidDeliveryId::Character));
        }
    }

    #[test]
    fn a_digest_makes_an_id() {
        let mut digest = [0; 32];
        digest[0] = 0x0a;
        digest[31] = 0xf1;
        let id = DeliveryId::from_digest(&digest);
        assert_eq!(id.as_str(), format!("0a{}f1", "00".repeat(30)));
        assert_eq!(DeliveryId::parse(id.as_str()).as_ref(), Ok(&id));
    }
}
