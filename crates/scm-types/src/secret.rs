//! Secrets of a tenant: zeroised on drop, and without `Debug`, `Display` and `Serialize`, so that
//! printing one or putting one into an answer does not compile.
//!
//! The shape is not judged (hosts change it): printable ASCII without spaces, up to 16 KiB.
//!
//! ```compile_fail
//! fn answer(token: scm_types::AccessToken) -> String {
//!     format!("{token:?}")
//! }
//! ```
//! ```compile_fail
//! fn serialises<T: serde::Serialize>() {}
//! serialises::<scm_types::AccessToken>();
//! ```

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, Zeroizing};

/// A secret that cannot be one. Says what is wrong, without the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// Longer than any credential of the three hosts.
    #[error("must be at most 16384 characters long")]
    TooLong,
    /// A space, a line break or a character outside ASCII: usually a copy-and-paste accident.
    #[error("must be printable ASCII without spaces or line breaks")]
    Character,
}

const MAX: usize = 16 * 1024;

fn check(raw: &str) -> Result<(), InvalidSecret> {
    if raw.is_empty() {
        Err(InvalidSecret::Empty)
    } else if raw.len() > MAX {
        Err(InvalidSecret::TooLong)
    } else if raw.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(InvalidSecret::Character)
    }
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Takes a secret that came from outside; the text is wiped if it is refused.
            pub fn parse(raw: impl Into<String>) -> Result<Self, InvalidSecret> {
                let raw = Zeroizing::new(raw.into());
                check(&raw)?;
                Ok(Self(raw))
            }

            /// The secret itself: only where it leaves the process or is sealed.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut raw = String::deserialize(deserializer)?;
                let parsed = check(&raw).map_err(serde::de::Error::custom);
                if let Err(error) = parsed {
                    raw.zeroize();
                    return Err(error);
                }
                Ok(Self(Zeroizing::new(raw)))
            }
        }
    };
}

secret!(
    /// What is presented to a code host: a token, or `email:token` for a Bitbucket API token.
    AccessToken
);
secret!(
    /// What an OAuth access token is renewed with.
    RefreshToken
);
secret!(
    /// What an OAuth client proves itself with at a code host.
    ClientSecret
);
secret!(
    /// What a code host signs its deliveries with.
    WebhookSecret
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        #[track_caller]
        fn check(raw: &str, want: Result<(), InvalidSecret>) {
            assert_eq!(AccessToken::parse(raw).map(|_| ()), want, "{raw:?}");
        }
        check("ghp_x", Ok(()));
        check("dev@example.com:ATATT3x", Ok(()));
        check(&"x".repeat(16 * 1024), Ok(()));
        check(&"x".repeat(16 * 1024 + 1), Err(InvalidSecret::TooLong));
        check("", Err(InvalidSecret::Empty));
        check("a b", Err(InvalidSecret::Character));
        check("token\n", Err(InvalidSecret::Character));
        check("tökén", Err(InvalidSecret::Character));
    }

    #[test]
    fn a_refused_secret_is_not_in_the_error() {
        let error = serde_json::from_str::<AccessToken>("\"se cret\"")
            .err()
            .unwrap();
        assert!(!error.to_string().contains("cret"), "{error}");
    }
}
