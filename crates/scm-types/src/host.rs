//! Code hosts as they stand in repository URLs. The operator lists them; a tenant cannot add one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ScmType;

/// The product and dialect of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostKind {
    /// github.com, GHE.com, Enterprise Server.
    Github,
    /// gitlab.com, self-managed GitLab.
    Gitlab,
    /// bitbucket.org.
    Bitbucket,
    /// Bitbucket Data Center (self-hosted): another API than Cloud.
    BitbucketDataCenter,
}

impl HostKind {
    /// The kind that the API and the table name.
    #[must_use]
    pub fn scm_type(self) -> ScmType {
        match self {
            Self::Github => ScmType::Github,
            Self::Gitlab => ScmType::Gitlab,
            Self::Bitbucket | Self::BitbucketDataCenter => ScmType::Bitbucket,
        }
    }

    /// The word used in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::BitbucketDataCenter => "bitbucket-data-center",
        }
    }
}

impl fmt::Display for HostKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// stub
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// stub
    #[error("must not be empty")]
    Empty,
}

/// One host: kind, scheme, authority, sub-path. stub
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebHost {
    kind: HostKind,
    base: String,
}

impl WebHost {
    /// stub: `github.com`, `git.example.com:8443/gitlab`, `http://git.local`
    pub fn parse(kind: HostKind, host: &str) -> Result<Self, InvalidHost> {
        Ok(Self {
            kind,
            base: format!("https://{host}"),
        })
    }
    /// stub
    #[must_use]
    pub fn kind(&self) -> HostKind {
        self.kind
    }
    /// `https://git.example.com:8443/gitlab`, no trailing slash. stub
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base
    }
    /// As configured: `git.example.com:8443/gitlab`. stub
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.base.trim_start_matches("https://")
    }
}

/// The operator's list of hosts. stub
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebHosts(Vec<WebHost>);

impl WebHosts {
    /// stub: fails on duplicates
    pub fn new(hosts: Vec<WebHost>) -> Result<Self, InvalidHost> {
        Ok(Self(hosts))
    }
    /// github.com, gitlab.com, bitbucket.org. stub
    #[must_use]
    pub fn public() -> Self {
        Self(Vec::new())
    }
    /// The hosts, in the operator's order.
    #[must_use]
    pub fn iter(&self) -> std::slice::Iter<'_, WebHost> {
        self.0.iter()
    }
}
