//! Identifiers. Each kind is a type of its own, so that two of them cannot be swapped.
//!
//! - A value that exists is within its column: ASCII, no space, no control character, not empty.
//! - Comparison is by byte, whatever the database's collation says.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// An identifier that cannot exist. Says what is wrong, without the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// More characters than the column holds.
    #[error("must be at most {max} characters long")]
    TooLong {
        /// The longest accepted length, in characters.
        max: usize,
    },
    /// A space, a control character or a character outside ASCII.
    #[error("must be printable ASCII without spaces")]
    Character,
}

fn check(raw: &str, max: usize) -> Result<(), InvalidId> {
    if raw.is_empty() {
        Err(InvalidId::Empty)
    } else if raw.len() > max {
        Err(InvalidId::TooLong { max })
    } else if raw.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(InvalidId::Character)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The longest accepted length, in characters: that of the column.
            pub const MAX: usize = $max;

            /// Takes an identifier that came from outside.
            pub fn parse(raw: impl Into<String>) -> Result<Self, InvalidId> {
                let raw = raw.into();
                check(&raw, Self::MAX)?;
                Ok(Self(raw))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A row of `tenant_scm_integrations`: a nanoid for rows made here, any text in adopted ones.
    IntegrationId,
    255
);
id!(
    /// A tenant of the platform; `tenants.id` is `CHAR(36)` in a delivr database.
    TenantId,
    36
);
id!(
    /// An account of the platform; `accounts.id` is `VARCHAR(255)` in a delivr database.
    AccountId,
    255
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_ids() {
        #[track_caller]
        fn check(raw: &str, want: Result<(), InvalidId>) {
            assert_eq!(TenantId::parse(raw).map(|_| ()), want, "{raw:?}");
        }
        check("NJEG6wOk7e", Ok(()));
        check(&"a".repeat(36), Ok(()));
        check(&"a".repeat(37), Err(InvalidId::TooLong { max: 36 }));
        check("", Err(InvalidId::Empty));
        check("a b", Err(InvalidId::Character));
        check("a\0", Err(InvalidId::Character));
        check("ä", Err(InvalidId::Character));
    }

    #[test]
    fn json_is_the_bare_text_and_is_checked() {
        let id: AccountId = serde_json::from_str("\"acc_123\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"acc_123\"");
        assert!(serde_json::from_str::<AccountId>("\"\"").is_err());
    }
}
