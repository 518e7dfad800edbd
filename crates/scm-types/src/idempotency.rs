//! What makes a repeated request the same request: the key that its sender chose, and what was
//! asked for under it.

use std::fmt;

/// An `Idempotency-Key` that cannot be one. Says what is wrong, without the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdempotencyKey {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// More characters than the column holds.
    #[error("must be at most {max} characters long")]
    TooLong {
        /// The longest accepted length, in characters.
        max: usize,
    },
    /// A control character or a character outside ASCII.
    #[error("must be printable ASCII")]
    Character,
    /// A space at an end, which HTTP drops on the way and MySQL does not compare.
    #[error("must not begin or end with a space")]
    OuterSpace,
}

/// The value of the header `Idempotency-Key`: 1 to 255 printable ASCII characters, compared by
/// byte, no space at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest accepted length, in characters: that of the column.
    pub const MAX: usize = 255;

    /// Takes a key that came from outside.
    pub fn parse(raw: impl Into<String>) -> Result<Self, InvalidIdempotencyKey> {
        let raw = raw.into();
        if raw.is_empty() {
            Err(InvalidIdempotencyKey::Empty)
        } else if !raw.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Err(InvalidIdempotencyKey::Character)
        } else if raw.len() > Self::MAX {
            Err(InvalidIdempotencyKey::TooLong { max: Self::MAX })
        } else if raw.starts_with(' ') || raw.ends_with(' ') {
            Err(InvalidIdempotencyKey::OuterSpace)
        } else {
            Ok(Self(raw))
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest of everything that makes a request the one it is. Two requests under one key are the
/// same request exactly if their fingerprints are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// From the bytes of a digest.
    #[must_use]
    pub fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for Fingerprint {
    /// 64 hexadecimal digits, lower case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        #[track_caller]
        fn check(raw: &str, want: Result<&str, InvalidIdempotencyKey>) {
            assert_eq!(
                IdempotencyKey::parse(raw)
                    .as_ref()
                    .map(IdempotencyKey::as_str),
                want.as_ref().map(|text| *text),
                "{raw:?}"
            );
        }
        check("\"8e03978e-40d5\"", Ok("\"8e03978e-40d5\""));
        check("a b~", Ok("a b~"));
        check(&"x".repeat(255), Ok(&"x".repeat(255)));
        check(
            &"x".repeat(256),
            Err(InvalidIdempotencyKey::TooLong { max: 255 }),
        );
        check("", Err(InvalidIdempotencyKey::Empty));
        check(" a", Err(InvalidIdempotencyKey::OuterSpace));
        check("a ", Err(InvalidIdempotencyKey::OuterSpace));
        for raw in ["a\tb", "a\0", "ä", "a\u{7f}"] {
            check(raw, Err(InvalidIdempotencyKey::Character));
        }
    }

    #[test]
    fn a_fingerprint_is_shown_as_64_digits() {
        let mut digest = [0; 32];
        digest[0] = 0x0a;
        digest[31] = 0xff;
        let shown = Fingerprint::from_bytes(digest).to_string();
        assert_eq!(shown, format!("0a{}ff", "00".repeat(30)));
    }
}
