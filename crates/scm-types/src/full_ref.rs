//! The full name of a branch or a tag, as it is told: not each is one that could be made here.

use std::fmt;

/// A branch or a tag by its short name. Names are data that anybody with a right to push can choose;
/// longer ones than [`Self::MAX`] are none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FullRef {
    /// A branch.
    Branch(String),
    /// A tag.
    Tag(String),
}

const BRANCHES: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

impl FullRef {
    /// The longest short name, in characters.
    pub const MAX: usize = 1_000;

    /// A branch; `None` if its name is empty or too long.
    #[must_use]
    pub fn branch(name: &str) -> Option<Self> {
        fits(name).then(|| Self::Branch(name.to_owned()))
    }

    /// A tag; `None` if its name is empty or too long.
    #[must_use]
    pub fn tag(name: &str) -> Option<Self> {
        fits(name).then(|| Self::Tag(name.to_owned()))
    }

    /// Reads a full name; `None` for what is neither a branch nor a tag.
    #[must_use]
    pub fn parse(full: &str) -> Option<Self> {
        match full.strip_prefix(BRANCHES) {
            Some(name) => Self::branch(name),
            None => Self::tag(full.strip_prefix(TAGS)?),
        }
    }

    /// The short name, without `refs/heads/` or `refs/tags/`.
    #[must_use]
    pub fn name(&self) -> &str {
        let (Self::Branch(name) | Self::Tag(name)) = self;
        name
    }
}

fn fits(name: &str) -> bool {
    // A name has bytes enough for its characters; most need not be counted.
    !name.is_empty() && (name.len() <= FullRef::MAX || name.chars().count() <= FullRef::MAX)
}

impl fmt::Display for FullRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(f, "{BRANCHES}{name}"),
            Self::Tag(name) => write!(f, "{TAGS}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_come_back() {
        for full in [
            "refs/heads/main",
            "refs/tags/v1.0",
            "refs/heads/refs/tags/x",
            "refs/tags/ü#?",
        ] {
            assert_eq!(FullRef::parse(full).unwrap().to_string(), full);
        }
        for other in ["", "main", "refs/heads/", "refs/notes/x", "refs/tags"] {
            assert_eq!(FullRef::parse(other), None, "{other}");
        }
        let long = "ü".repeat(FullRef::MAX);
        assert!(FullRef::branch(&long).is_some());
        assert!(FullRef::tag(&format!("{long}a")).is_none());
    }
}
