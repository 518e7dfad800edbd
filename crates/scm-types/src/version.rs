//! Versions in tag names, and tag names made of versions.
//!
//! - A name has a version if it ends with one (Semantic Versioning 2.0, or two numbers), alone or
//!   behind a prefix that ends with `/`, `_`, `-` or `@`; a `v` may stand before it: `1.0.0`,
//!   `v1.2`, `wps_1.0.0`, `app/v2.0.0-rc.1`, `pkg@1.0.0`.
//! - Order is the precedence defined there; build metadata does not count.

use std::cmp::{Ordering, Reverse};

use crate::{TagName, Timestamp};

/// The version in a tag's name.
#[derive(Debug, Clone)]
pub struct TagVersion(semver::Version);

impl TagVersion {
    /// The version that a name ends with, if it does.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let starts = name
            .char_indices()
            .filter(|(_, c)| matches!(c, '/' | '_' | '-' | '@'))
            .map(|(at, _)| at + 1);
        std::iter::once(0)
            .chain(starts)
            .find_map(|start| parse(&name[start..]))
            .map(Self)
    }

    /// True for a version before the final one, such as `1.0.0-rc.1`.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }
}

impl PartialEq for TagVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for TagVersion {}

impl PartialOrd for TagVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TagVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp_precedence(&other.0)
    }
}

/// The place of a tag among others; the greater is the newer. First those with a version, by
/// version; equal ones, and those without, by date, and where none is known by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TagOrder(Option<TagVersion>, Option<Timestamp>, Reverse<String>);

impl TagOrder {
    /// The place of a tag of that name, whose commit was made then.
    #[must_use]
    pub fn of(name: &str, date: Option<Timestamp>) -> Self {
        Self(TagVersion::of(name), date, Reverse(name.to_owned()))
    }
}

fn parse(text: &str) -> Option<semver::Version> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if let Ok(version) = semver::Version::parse(text) {
        return Some(version);
    }
    // Two numbers are not SemVer, but people tag so.
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    (numbers.matches('.').count() == 1)
        .then(|| semver::Version::parse(&format!("{numbers}.0{rest}")).ok())
        .flatten()
}

/// Targets and version that make no tag name. The texts complete the field's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTagParts {
    /// No target, or too many.
    #[error("must list 1 to 16 targets")]
    Targets,
    /// A target that is no word or words joined with `_`.
    #[error("must hold words of letters and digits, joined with \"_\", such as PLAY_STORE")]
    Target,
    /// A version that cannot stand in a tag name.
    #[error("must be 1 to 64 letters, digits and any of . - +, such as 1.0.0")]
    Version,
}

/// The tag of a release: the initials of the targets' words in the given order, in lower case, then
/// `_` and the version.
///
/// ```
/// let tag = scm_types::tag_name_for(&["WEB", "PLAY_STORE"], "1.0.0")?;
/// assert_eq!(tag.as_str(), "wps_1.0.0");
/// # Ok::<(), scm_types::InvalidTagParts>(())
/// ```
pub fn tag_name_for<S: AsRef<str>>(
    targets: &[S],
    version: &str,
) -> Result<TagName, InvalidTagParts> {
    if targets.is_empty() || targets.len() > 16 {
        return Err(InvalidTagParts::Targets);
    }
    let mut name = String::new();
    for target in targets {
        for word in target.as_ref().split('_') {
            let first = word.chars().next().ok_or(InvalidTagParts::Target)?;
            if word.len() > 64 || !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(InvalidTagParts::Target);
            }
            name.push(first.to_ascii_lowercase());
        }
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    if version.is_empty() || version.len() > 64 || !version.bytes().all(plain) {
        return Err(InvalidTagParts::Version);
    }
    TagName::parse(&format!("{name}_{version}")).map_err(|_| InvalidTagParts::Version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_version() {
        #[track_caller]
        fn check(name: &str, want: Option<&str>) {
            let got = TagVersion::of(name).map(|version| version.0.to_string());
            assert_eq!(got.as_deref(), want, "{name}");
        }
        check("1.0.0", Some("1.0.0"));
        check("v1.2.3-rc.1+b5", Some("1.2.3-rc.1+b5"));
        check("V2.0.0", Some("2.0.0"));
        check("wps_1.0.0", Some("1.0.0"));
        check("release-1.2.3-beta", Some("1.2.3-beta"));
        check("app/v1.2.3", Some("1.2.3"));
        check("@scope/pkg@1.0.0", Some("1.0.0"));
        check("6.5", Some("6.5.0"));
        check("v6.5-rc1", Some("6.5.0-rc1"));
        check("v1", None);
        check("2026-01-02", None);
        check("1.2.3.4", None);
        check("1.02.3", None);
        check("nightly", None);
        check("x1.0.0", None);
        check("ünï_1.0.0", Some("1.0.0"));
        check("", None);
    }

    #[test]
    fn order_is_semver_precedence() {
        let order = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.2",
            "1.10.0",
            "2.0.0",
        ];
        for pair in order.windows(2) {
            assert!(
                TagVersion::of(pair[0]) < TagVersion::of(pair[1]),
                "{pair:?}"
            );
        }
        let (a, b) = (TagVersion::of("1.0.0+a"), TagVersion::of("w_1.0.0+b"));
        assert_eq!(a.cmp(&b), Ordering::Equal);
    }

    #[test]
    fn tags_of_targets() {
        #[track_caller]
        fn check(targets: &[&str], version: &str, want: Result<&str, InvalidTagParts>) {
            let got = tag_name_for(targets, version);
            assert_eq!(got.as_ref().map(TagName::as_str), want.as_ref().copied());
        }
        check(&["WEB", "PLAY_STORE"], "1.0.0", Ok("wps_1.0.0"));
        check(&["PLAY_STORE", "WEB"], "1.0.0-rc.1", Ok("psw_1.0.0-rc.1"));
        check(&["IOS2"], "6.5", Ok("i_6.5"));
        check(&[], "1.0.0", Err(InvalidTagParts::Targets));
        check(&[""], "1.0.0", Err(InvalidTagParts::Target));
        check(&["A__B"], "1.0.0", Err(InvalidTagParts::Target));
        check(&["A B"], "1.0.0", Err(InvalidTagParts::Target));
        check(&["ÄB"], "1.0.0", Err(InvalidTagParts::Target));
        check(&["A"], "", Err(InvalidTagParts::Version));
        check(&["A"], "1..0", Err(InvalidTagParts::Version));
        check(&["A"], "1/0", Err(InvalidTagParts::Version));
    }
}
