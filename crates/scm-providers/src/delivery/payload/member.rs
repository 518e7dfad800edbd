//! Single members of payloads, made fit to be kept.

use scm_types::CommitSha;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{commit::line, delivery::PayloadError, text::label};

/// Longest name of a branch, tag or repository that is kept, in characters; git servers have shorter
/// ones.
const MAX_NAME: usize = 1_000;
/// Longest title.
const MAX_TITLE: usize = 1_000;
/// Longest name of a person.
const MAX_PERSON: usize = 255;
/// Longest word of the host's own, such as the name of an event.
const MAX_WORD: usize = 64;

/// The name of a branch, tag or repository. A control character is shown as U+FFFD rather than
/// dropped: no name must become another one that exists.
pub(super) fn name(raw: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    raw.chars().map(shown).take(MAX_NAME).collect()
}

/// The first line of a message or a title.
pub(super) fn title(raw: &str) -> String {
    line(
        raw.trim_start().lines().next().unwrap_or_default(),
        MAX_TITLE,
    )
}

/// The name of a person.
pub(super) fn person(raw: &str) -> String {
    line(raw, MAX_PERSON)
}

/// A word or an id of the host's own.
pub(super) fn word(raw: &str) -> String {
    label(raw, MAX_WORD)
}

/// What a ref stood or stands for: `None` for the zeros of one that is not there.
pub(super) fn object(raw: Option<&str>) -> Result<Option<CommitSha>, PayloadError> {
    const WHAT: PayloadError = PayloadError::Missing("the commits before and after");
    let sha = CommitSha::parse(raw.ok_or(WHAT)?).map_err(|_| WHAT)?;
    let is_there = sha.as_str().bytes().any(|digit| digit != b'0');
    Ok(is_there.then_some(sha))
}

/// A full commit id, if it is one.
pub(super) fn commit(raw: Option<&str>) -> Option<CommitSha> {
    object(raw).ok().flatten()
}

/// A member that is left out if it is not as expected, for what no event depends on.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_become_other_names() {
        assert_eq!(name("release/1.0"), "release/1.0");
        assert_eq!(name("ma\u{85}in"), "ma\u{fffd}in");
        assert_eq!(name("日本\0"), "日本\u{fffd}");
        assert_eq!(name(&"x".repeat(2_000)).len(), MAX_NAME);
    }

    #[test]
    fn texts_are_one_line_and_bounded() {
        assert_eq!(title("\nFix\tit\u{7}\r\n\nlong story"), "Fix it");
        assert_eq!(title(&"x".repeat(2_000)).len(), MAX_TITLE);
        assert_eq!(person("A\u{1b}[31m B"), "A [31m B");
        assert_eq!(person(&"日".repeat(300)).chars().count(), MAX_PERSON);
        assert_eq!(word("a\u{0}b"), "ab");
    }

    #[test]
    fn objects() {
        let sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
        assert_eq!(
            object(Some(sha)).unwrap().map(|sha| sha.to_string()),
            Some(sha.to_owned())
        );
        for zeros in ["0".repeat(40), "0".repeat(64)] {
            assert_eq!(object(Some(&zeros)), Ok(None));
        }
        for bad in [
            None,
            Some(""),
            Some("main"),
            Some("668218c13e04"),
            Some("0"),
        ] {
            assert!(object(bad).is_err(), "{bad:?}");
            assert_eq!(commit(bad), None);
        }
    }
}
