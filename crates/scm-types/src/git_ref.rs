//! Names of branches and tags, and commit ids.
//!
//! - A name that exists is one that every host accepts: the rules of `git check-ref-format`, and
//!   those of ours that keep a name from being mistaken for a commit or a full ref.
//! - Names are short (`main`, not `refs/heads/main`), case-sensitive and never changed on the way:
//!   no trimming, no Unicode normal form.
//! - A [`CommitSha`] is 40 or 64 lower-case hex digits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A name that no branch or tag can have. The texts complete "name …" and do not hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRefName {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// Longer than file systems of git servers allow.
    #[error("must be at most {max} bytes long", max = RefName::MAX)]
    TooLong,
    /// A control character.
    #[error("must not contain control characters")]
    Control,
    /// A space.
    #[error("must not contain spaces")]
    Space,
    /// One of `~ ^ : ? * [ \`.
    #[error("must not contain \"{0}\"")]
    Character(char),
    /// `/` at the beginning or the end, or twice in a row.
    #[error("must not begin or end with \"/\" or contain \"//\"")]
    Slash,
    /// A part between slashes that begins with a dot.
    #[error("must not begin with \".\" or contain \"/.\"")]
    LeadingDot,
    /// `..`.
    #[error("must not contain \"..\"")]
    DoubleDot,
    /// A dot at the end.
    #[error("must not end with \".\"")]
    TrailingDot,
    /// A part between slashes that ends with `.lock`.
    #[error("must not end with \".lock\" or contain \".lock/\"")]
    Lock,
    /// `@{`.
    #[error("must not contain \"@{{\"")]
    AtBrace,
    /// `@` alone, which git reads as `HEAD`.
    #[error("must not be \"@\"")]
    At,
    /// `refs/…`: a full name where a short one is meant.
    #[error("must be given without \"refs/heads/\" or \"refs/tags/\"")]
    FullName,
    /// 40 or 64 hex digits.
    #[error("must not look like a commit id")]
    CommitLike,
    /// A branch whose name git would read as an option.
    #[error("must not begin with \"-\"")]
    LeadingDash,
    /// A branch called `HEAD`.
    #[error("must not be \"HEAD\"")]
    Head,
}

fn check(name: &str) -> Result<(), InvalidRefName> {
    if name.is_empty() {
        return Err(InvalidRefName::Empty);
    }
    if name.len() > RefName::MAX {
        return Err(InvalidRefName::TooLong);
    }
    for char in name.chars() {
        match char {
            '\0'..='\x1f' | '\x7f' => return Err(InvalidRefName::Control),
            ' ' => return Err(InvalidRefName::Space),
            '~' | '^' | ':' | '?' | '*' | '[' | '\\' => {
                return Err(InvalidRefName::Character(char));
            }
            _ => {}
        }
    }
    for part in name.split('/') {
        if part.is_empty() {
            return Err(InvalidRefName::Slash);
        }
        if part.starts_with('.') {
            return Err(InvalidRefName::LeadingDot);
        }
        #[expect(
            clippy::case_sensitive_file_extension_comparisons,
            reason = "git's rule is case-sensitive: a.LOCK is legal"
        )]
        if part.ends_with(".lock") {
            return Err(InvalidRefName::Lock);
        }
    }
    if name.contains("..") {
        Err(InvalidRefName::DoubleDot)
    } else if name.ends_with('.') {
        Err(InvalidRefName::TrailingDot)
    } else if name.contains("@{") {
        Err(InvalidRefName::AtBrace)
    } else if name == "@" {
        Err(InvalidRefName::At)
    } else if name.starts_with("refs/") {
        Err(InvalidRefName::FullName)
    } else if is_commit_id(name) {
        Err(InvalidRefName::CommitLike)
    } else {
        Ok(())
    }
}

fn check_branch(name: &str) -> Result<(), InvalidRefName> {
    check(name)?;
    if name.starts_with('-') {
        Err(InvalidRefName::LeadingDash)
    } else if name == "HEAD" {
        Err(InvalidRefName::Head)
    } else {
        Ok(())
    }
}

fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

macro_rules! text {
    ($name:ident, $error:ty) => {
        impl $name {
            /// The text itself.
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

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(raw: &str) -> Result<Self, Self::Err> {
                Self::parse(raw)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The longest accepted length, in bytes.
            pub const MAX: usize = 244;

            /// Takes a name that came from outside, exactly as it is.
            pub fn parse(raw: &str) -> Result<Self, InvalidRefName> {
                $check(raw)?;
                Ok(Self(raw.to_owned()))
            }
        }

        text!($name, InvalidRefName);
    };
}

name!(
    /// The short name of a branch or a tag, where it does not matter which.
    RefName,
    check
);
name!(
    /// The name of a branch: `main`, `release/1.2`. Not `HEAD`, no `-` at the beginning.
    BranchName,
    check_branch
);
name!(
    /// The name of a tag: `v1.2.0`.
    TagName,
    check
);

impl From<BranchName> for RefName {
    fn from(name: BranchName) -> Self {
        Self(name.0)
    }
}

impl From<TagName> for RefName {
    fn from(name: TagName) -> Self {
        Self(name.0)
    }
}

/// A text that is no commit id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 40 or 64 hex digits")]
pub struct InvalidCommitSha;

/// The full id of a commit, SHA-1 or SHA-256, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CommitSha(String);

impl CommitSha {
    /// Takes an id that came from outside; upper-case digits become lower-case ones.
    pub fn parse(raw: &str) -> Result<Self, InvalidCommitSha> {
        if is_commit_id(raw) {
            Ok(Self(raw.to_ascii_lowercase()))
        } else {
            Err(InvalidCommitSha)
        }
    }
}

text!(CommitSha, InvalidCommitSha);

/// What a web page or a comparison can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revision<'a> {
    /// The head of a branch.
    Branch(&'a BranchName),
    /// What a tag points to.
    Tag(&'a TagName),
    /// One commit.
    Commit(&'a CommitSha),
}

impl<'a> Revision<'a> {
    /// The short name or the id.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Branch(name) => name.as_str(),
            Self::Tag(name) => name.as_str(),
            Self::Commit(sha) => sha.as_str(),
        }
    }

    /// The name that cannot be mistaken: `refs/heads/main`, `refs/tags/v1`, or the id.
    #[must_use]
    pub fn full_name(self) -> String {
        match self {
            Self::Branch(name) => format!("refs/heads/{name}"),
            Self::Tag(name) => format!("refs/tags/{name}"),
            Self::Commit(sha) => sha.0.clone(),
        }
    }
}

impl<'a> From<&'a BranchName> for Revision<'a> {
    fn from(name: &'a BranchName) -> Self {
        Self::Branch(name)
    }
}

impl<'a> From<&'a TagName> for Revision<'a> {
    fn from(name: &'a TagName) -> Self {
        Self::Tag(name)
    }
}

impl<'a> From<&'a CommitSha> for Revision<'a> {
    fn from(sha: &'a CommitSha) -> Self {
        Self::Commit(sha)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn legal_names() {
        #[track_caller]
        fn check(raw: &str) {
            assert_eq!(RefName::parse(raw).unwrap().as_str(), raw);
            assert_eq!(TagName::parse(raw).unwrap().as_str(), raw);
            assert_eq!(BranchName::parse(raw).unwrap().as_str(), raw);
        }
        check("main");
        check("release/1.2");
        check("feature/JIRA-12_x/y");
        check("a.b");
        check("a/b.c");
        check("a.LOCK");
        check("lock");
        check("a.lock.b");
        check("a-");
        check("a@b");
        check("@a");
        check("a@");
        check("a/@");
        check("@/a");
        check("a{0}");
        check("{");
        check("head");
        check("HEAD/a");
        check("refs");
        check("a/refs/heads/b");
        check("heads/main");
        check("a]");
        for legal in "#%&+;'\"<>|$!(){},=".chars() {
            check(&format!("fix{legal}1"));
            check(&legal.to_string());
            check(&format!("a/{legal}"));
        }
        check("größe/日本/🚀");
        check("e\u{301}");
        check("a\u{a0}b");
        check(&"a".repeat(39));
        check(&"a".repeat(63));
        check(&"g".repeat(40));
        check(&"x".repeat(244));
    }

    #[test]
    fn illegal_names() {
        #[track_caller]
        fn check(raw: &str, want: InvalidRefName) {
            assert_eq!(RefName::parse(raw), Err(want), "{raw:?}");
            assert_eq!(TagName::parse(raw), Err(want), "{raw:?}");
            assert_eq!(BranchName::parse(raw), Err(want), "{raw:?}");
        }
        check("", InvalidRefName::Empty);
        check(&"x".repeat(245), InvalidRefName::TooLong);
        check(&"é".repeat(123), InvalidRefName::TooLong);
        check("a\0b", InvalidRefName::Control);
        check("a\n", InvalidRefName::Control);
        check("a\x1fb", InvalidRefName::Control);
        check("a\x7f", InvalidRefName::Control);
        check("a b", InvalidRefName::Space);
        check(" a", InvalidRefName::Space);
        for illegal in ['~', '^', ':', '?', '*', '[', '\\'] {
            check(&format!("a{illegal}b"), InvalidRefName::Character(illegal));
        }
        check("/a", InvalidRefName::Slash);
        check("a/", InvalidRefName::Slash);
        check("a//b", InvalidRefName::Slash);
        check("/", InvalidRefName::Slash);
        check(".a", InvalidRefName::LeadingDot);
        check("a/.b", InvalidRefName::LeadingDot);
        check(".", InvalidRefName::LeadingDot);
        check("a/..", InvalidRefName::LeadingDot);
        check("a..b", InvalidRefName::DoubleDot);
        check("a..", InvalidRefName::DoubleDot);
        check("a.", InvalidRefName::TrailingDot);
        check("a.lock", InvalidRefName::Lock);
        check("a.lock/b", InvalidRefName::Lock);
        check("a@{b", InvalidRefName::AtBrace);
        check("@{", InvalidRefName::AtBrace);
        check("@", InvalidRefName::At);
        check("refs/heads/main", InvalidRefName::FullName);
        check("refs/a", InvalidRefName::FullName);
        check(&"a1".repeat(20), InvalidRefName::CommitLike);
        check(&"F0".repeat(32), InvalidRefName::CommitLike);
    }

    #[test]
    fn what_only_branches_may_not_be_called() {
        #[track_caller]
        fn check(raw: &str, want: InvalidRefName) {
            assert_eq!(BranchName::parse(raw), Err(want), "{raw:?}");
            assert_eq!(TagName::parse(raw).unwrap().as_str(), raw);
            assert_eq!(RefName::parse(raw).unwrap().as_str(), raw);
        }
        check("-a", InvalidRefName::LeadingDash);
        check("-", InvalidRefName::LeadingDash);
        check("HEAD", InvalidRefName::Head);
    }

    #[test]
    fn texts() {
        #[track_caller]
        fn check(error: InvalidRefName, want: &str) {
            assert_eq!(error.to_string(), want);
        }
        check(InvalidRefName::TooLong, "must be at most 244 bytes long");
        check(InvalidRefName::DoubleDot, "must not contain \"..\"");
        check(InvalidRefName::AtBrace, "must not contain \"@{\"");
        check(InvalidRefName::Character('\\'), "must not contain \"\\\"");
    }

    #[test]
    fn commit_ids() {
        #[track_caller]
        fn check(raw: &str, want: Option<&str>) {
            let got = CommitSha::parse(raw);
            assert_eq!(got.as_ref().ok().map(CommitSha::as_str), want, "{raw:?}");
        }
        let sha1 = "0123456789abcdef0123456789abcdef01234567";
        check(sha1, Some(sha1));
        check(&sha1.to_uppercase(), Some(sha1));
        check(&"a0".repeat(32), Some(&"a0".repeat(32)));
        check("", None);
        check("0123456", None);
        check(&sha1[1..], None);
        check(&format!("{sha1}0"), None);
        check(&sha1.replace('0', "g"), None);
        check(&sha1.replace('0', " "), None);
    }

    #[test]
    fn revisions() {
        let branch = BranchName::parse("a/b").unwrap();
        let tag = TagName::parse("v1").unwrap();
        let sha = CommitSha::parse(&"a".repeat(40)).unwrap();
        let name = |revision: Revision<'_>| (revision.as_str().to_owned(), revision.full_name());
        assert_eq!(
            name((&branch).into()),
            ("a/b".into(), "refs/heads/a/b".into())
        );
        assert_eq!(name((&tag).into()), ("v1".into(), "refs/tags/v1".into()));
        assert_eq!(name((&sha).into()), ("a".repeat(40), "a".repeat(40)));
        assert_eq!(RefName::from(branch).as_str(), "a/b");
        assert_eq!(RefName::from(tag).as_str(), "v1");
    }

    #[test]
    fn json_is_the_bare_text_and_is_checked() {
        let name: BranchName = serde_json::from_str("\"release/1\"").unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"release/1\"");
        assert!(serde_json::from_str::<BranchName>("\"a..b\"").is_err());
        assert!(serde_json::from_str::<TagName>("\"\"").is_err());
        assert!(serde_json::from_str::<CommitSha>("\"main\"").is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_kept_and_has_no_forbidden_part(raw in "[-a-zA-Z./@{}~ \\\\]{0,12}|\\PC*") {
            if let Ok(name) = BranchName::parse(&raw) {
                prop_assert_eq!(name.as_str(), &raw);
                let full = format!("/{raw}/");
                for part in ["//", "/.", "..", ".lock/", "./", "@{", "/-", " ", "~", "^", ":", "\\"] {
                    // A dash is forbidden at the very beginning only.
                    let found = if part == "/-" { full.starts_with(part) } else { full.contains(part) };
                    prop_assert!(!found || (part == "./" && !raw.ends_with('.')), "{:?}", part);
                }
            }
        }
    }
}
