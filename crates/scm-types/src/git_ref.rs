//! Names of branches and tags, and commit ids.
//!
//! - A name that exists is one that every host accepts: the rules of `git check-ref-format`, and
//!   those of ours that keep a name from being mistaken for a commit or a full ref.
//! - Names are short (`main`, not `refs/heads/main`), case-sensitive and never changed on the way:
//!   no trimming, no Unicode normal form.
//! - A [`CommitSha`] is 40 or 64 lower-case hex digits.

mod spec;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

pub use spec::{InvalidRefSearch, RefSearch, RefSpec};

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
