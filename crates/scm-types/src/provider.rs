//! The kinds of code host, as the API and the table name them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A word that is no member of the enum; names the members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", expected.join(", "))]
pub struct InvalidEnum {
    /// The accepted words.
    pub expected: &'static [&'static str],
}

/// `SCMType` of the original: which product a repository lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum ScmType {
    /// github.com, GHE.com or Enterprise Server.
    Github,
    /// gitlab.com or self-managed.
    Gitlab,
    /// Bitbucket Cloud or Data Center.
    Bitbucket,
}

impl ScmType {
    /// Every member, in the order of the table's enum.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Bitbucket];

    /// The word used in JSON and in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "GITHUB",
            Self::Gitlab => "GITLAB",
            Self::Bitbucket => "BITBUCKET",
        }
    }

    /// The product's name for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Bitbucket => "Bitbucket",
        }
    }
}

impl fmt::Display for ScmType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ScmType {
    type Err = InvalidEnum;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == raw)
            .ok_or(InvalidEnum {
                expected: &["GITHUB", "GITLAB", "BITBUCKET"],
            })
    }
}
