//! Text for people, bounded by its column.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A text that does not fit. Says what is wrong, without the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More characters than the column holds.
    #[error("must be at most {max} characters long")]
    TooLong {
        /// The longest accepted length, in characters.
        max: usize,
    },
    /// A NUL or another control character.
    #[error("must not contain control characters")]
    Control,
}

/// What a person calls an integration: any script, 1 to 255 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// The longest accepted length, in characters: that of the column.
    pub const MAX: usize = 255;

    /// Takes a name that came from outside; white space around it is dropped.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        let name = raw.trim();
        if name.is_empty() {
            Err(InvalidText::Empty)
        } else if name.chars().count() > Self::MAX {
            Err(InvalidText::TooLong { max: Self::MAX })
        } else if name.chars().any(char::is_control) {
            Err(InvalidText::Control)
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DisplayName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names() {
        #[track_caller]
        fn check(raw: &str, want: Result<&str, InvalidText>) {
            assert_eq!(
                DisplayName::parse(raw).as_ref().map(DisplayName::as_str),
                want.as_ref().map(|text| *text),
                "{raw:?}"
            );
        }
        check("Dream11 Mobile App", Ok("Dream11 Mobile App"));
        check("  日本 🚀 ", Ok("日本 🚀"));
        check(&"🚀".repeat(255), Ok(&"🚀".repeat(255)));
        check(&"x".repeat(256), Err(InvalidText::TooLong { max: 255 }));
        check(" \t", Err(InvalidText::Empty));
        check("a\0b", Err(InvalidText::Control));
    }
}
