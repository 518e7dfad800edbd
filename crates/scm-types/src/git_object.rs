//! Tags, commits, comparisons and releases, as every host's answers are told here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CommitSha, TagName, Timestamp};

/// What a name or an id stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefKind {
    /// A branch.
    Branch,
    /// A tag.
    Tag,
    /// A commit.
    Commit,
    /// A branch or a tag: the name was given without saying which.
    Ref,
}

impl RefKind {
    /// The word for people and for JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::Commit => "commit",
            Self::Ref => "ref",
        }
    }
}

impl fmt::Display for RefKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A tag, peeled: `commit_sha` is always a commit, never a tag object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TagInfo {
    /// The short name, without `refs/tags/`.
    pub name: String,
    /// The commit that it stands for, through any depth of annotated tags.
    pub commit_sha: CommitSha,
    /// True for an annotated tag; `None` where the host does not tell.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub annotated: Option<bool>,
    /// When the commit was made; `None` where the host does not tell.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub date: Option<Timestamp>,
    /// The message of an annotated tag, where one tag was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub message: Option<String>,
}

/// A merged change that a commit belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PullRequestRef {
    /// Its number at the host.
    pub number: u64,
    /// Its page.
    pub url: String,
}

/// A commit. The texts come from whoever made it: data, never markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CommitInfo {
    /// Its id.
    pub sha: CommitSha,
    /// The first line of its message, without control characters, at most 1,000 characters.
    pub subject: String,
    /// The name of its author.
    pub author: String,
    /// When it was committed; `None` where the host does not tell.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub date: Option<Timestamp>,
    /// The pull or merge request that brought it in, where the host's own merge text names one.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub pull_request: Option<PullRequestRef>,
    /// Its page.
    pub url: String,
}

/// What one commit has and another has not: `git rev-list base..head`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// How many commits there are; at least so many, unless `exact`.
    pub count: u64,
    /// False if counting stopped at the cap.
    pub exact: bool,
    /// The commits, newest first, at most [`Comparison::CAP`].
    pub commits: Vec<CommitInfo>,
    /// True if there are more commits than `commits` holds.
    pub truncated: bool,
}

impl Comparison {
    /// The most commits that are listed.
    pub const CAP: usize = 1_000;

    /// Nothing: both sides are the same commit, or the head is an ancestor of the base.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            count: 0,
            exact: true,
            commits: Vec::new(),
            truncated: false,
        }
    }
}

/// An annotated tag to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Its name.
    pub name: TagName,
    /// The commit that it stands for.
    pub commit: CommitSha,
    /// Its message; must not be blank, or some hosts make a lightweight tag of it.
    pub message: String,
}

/// A release to be made of a tag that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// The tag.
    pub tag: TagName,
    /// The headline.
    pub name: String,
    /// The text, Markdown.
    pub notes: String,
    /// Marked as not ready for everybody, where the product knows that (GitHub).
    pub prerelease: bool,
}

/// A release as its host shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReleaseInfo {
    /// The tag.
    pub tag: String,
    /// The headline.
    pub name: String,
    /// The text, Markdown.
    pub notes: String,
    /// Not published yet.
    pub draft: bool,
    /// Marked as not ready for everybody.
    pub prerelease: bool,
    /// Its page.
    pub url: String,
}

/// What an *ensure* operation found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensured<T> {
    /// True if it was there already, in the wanted state.
    pub existing: bool,
    /// It.
    pub value: T,
}

impl<T> Ensured<T> {
    /// It was there already.
    pub fn existing(value: T) -> Self {
        Self {
            existing: true,
            value,
        }
    }

    /// It was made.
    pub fn made(value: T) -> Self {
        Self {
            existing: false,
            value,
        }
    }
}
