//! What a person names when asked for "a ref": a branch, a tag or a commit.

use std::fmt;

use super::{BranchName, CommitSha, InvalidRefName, RefName, TagName};

/// A branch, a tag or a commit, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RefSpec {
    /// `refs/heads/main`.
    Branch(BranchName),
    /// `refs/tags/v1.0.0`.
    Tag(TagName),
    /// A full commit id.
    Commit(CommitSha),
    /// `main` or `v1.0.0`: a branch or a tag, whichever there is.
    Name(RefName),
}

impl RefSpec {
    /// Takes a full commit id, a full ref name (`refs/heads/…`, `refs/tags/…`) or a short name.
    ///
    /// ```
    /// use scm_types::RefSpec;
    ///
    /// assert!(matches!("refs/tags/v1".parse()?, RefSpec::Tag(tag) if tag.as_str() == "v1"));
    /// assert!(matches!("release/1".parse()?, RefSpec::Name(_)));
    /// # Ok::<(), scm_types::InvalidRefName>(())
    /// ```
    pub fn parse(raw: &str) -> Result<Self, InvalidRefName> {
        if let Some(name) = raw.strip_prefix("refs/heads/") {
            return BranchName::parse(name).map(Self::Branch);
        }
        if let Some(name) = raw.strip_prefix("refs/tags/") {
            return TagName::parse(name).map(Self::Tag);
        }
        if let Ok(sha) = CommitSha::parse(raw) {
            return Ok(Self::Commit(sha));
        }
        RefName::parse(raw).map(Self::Name)
    }
}

impl std::str::FromStr for RefSpec {
    type Err = InvalidRefName;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Self::parse(raw)
    }
}

impl fmt::Display for RefSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "refs/heads/{name}"),
            Self::Tag(name) => write!(f, "refs/tags/{name}"),
            Self::Commit(sha) => sha.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A text that no ref name contains. The text completes "search …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to {max} bytes of a name, without spaces, control characters and any of ~ ^ : ? * [ \\",
    max = RefName::MAX
)]
pub struct InvalidRefSearch;

/// A part of a name, looked for without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefSearch {
    raw: String,
    lower: String,
}

impl RefSearch {
    /// Takes any text that a ref name can contain.
    pub fn parse(raw: &str) -> Result<Self, InvalidRefSearch> {
        let impossible = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        if raw.is_empty() || raw.len() > RefName::MAX || raw.chars().any(impossible) {
            return Err(InvalidRefSearch);
        }
        Ok(Self {
            raw: raw.to_owned(),
            lower: raw.to_lowercase(),
        })
    }

    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.raw
    }

    /// True if a name contains the text.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        name.to_lowercase().contains(&self.lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_can_name() {
        #[track_caller]
        fn check(raw: &str, want: Option<&str>) {
            let got = RefSpec::parse(raw).ok().map(|spec| format!("{spec:?}"));
            assert_eq!(got.as_deref(), want, "{raw}");
        }
        let sha = "0123456789ABCDEF0123456789abcdef01234567";
        check("main", Some(r#"Name(RefName("main"))"#));
        check("refs/heads/a/b", Some(r#"Branch(BranchName("a/b"))"#));
        check("refs/tags/v1", Some(r#"Tag(TagName("v1"))"#));
        let lower = format!("Commit(CommitSha({:?}))", sha.to_lowercase());
        check(sha, Some(&lower));
        check("refs/heads/-x", None);
        check("refs/remotes/x", None);
        check("a..b", None);
        check("", None);
    }

    #[test]
    fn searches() {
        let search = RefSearch::parse("Rel").unwrap();
        assert!(search.matches("app/release/1") && search.matches("REL"));
        assert!(!search.matches("main"));
        let long = "x".repeat(245);
        for bad in ["", "a b", "a*", "a\n", long.as_str()] {
            assert!(RefSearch::parse(bad).is_err(), "{bad:?}");
        }
    }
}
