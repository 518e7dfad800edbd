//! The products, and what differs between them in one line.

use crate::code_host::Reply;

/// The product that a host plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// GitHub Enterprise Server.
    Github,
    /// A self-managed GitLab.
    Gitlab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Bitbucket Data Center.
    DataCenter,
}

impl Dialect {
    /// Every product.
    pub const ALL: [Self; 4] = [
        Self::Github,
        Self::Gitlab,
        Self::Bitbucket,
        Self::DataCenter,
    ];

    /// The path of the repository below the host; `KEY/app` is the page `projects/KEY/repos/app`.
    #[must_use]
    pub fn repository(self) -> &'static str {
        match self {
            Self::Github => "octo/app",
            Self::Gitlab => "group/sub/deep/app",
            Self::Bitbucket => "ws/app",
            Self::DataCenter => "KEY/app",
        }
    }

    /// A credential that the host takes; it takes any other, too.
    #[must_use]
    pub fn token(self) -> &'static str {
        match self {
            Self::Github => "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
            Self::Gitlab => "glpat-0123456789abcdefghij",
            Self::Bitbucket => "dev@example.com:ATATT3xFfGF0123456789",
            Self::DataCenter => "BBDC-0123456789abcdefghij",
        }
    }

    /// Where the API is below the host.
    #[must_use]
    pub fn api_prefix(self) -> &'static str {
        match self {
            Self::Github => "/api/v3",
            Self::Gitlab => "/api/v4",
            Self::Bitbucket => "/2.0",
            Self::DataCenter => "/rest",
        }
    }

    /// The refusal of a call too many.
    pub(super) fn over_limit(self) -> Reply {
        match self {
            Self::Github => Reply::fixture("github/repo_403_primary_rate_limit"),
            Self::Gitlab => Reply::fixture("gitlab/any_429_rack_attack"),
            Self::Bitbucket | Self::DataCenter => Reply::fixture("bitbucket/any_429"),
        }
    }

    /// Tells how many calls are left, where the product does.
    pub(super) fn with_limit(self, reply: Reply, remaining: Option<u32>) -> Reply {
        let (limit, names) = match self {
            Self::Github => (5000, ["x-ratelimit-limit", "x-ratelimit-remaining"]),
            Self::Gitlab => (2000, ["ratelimit-limit", "ratelimit-remaining"]),
            Self::Bitbucket | Self::DataCenter => return reply,
        };
        let left = remaining.unwrap_or(limit - 1);
        let used = limit.saturating_sub(left).to_string();
        let reply = reply
            .header(names[0], &limit.to_string())
            .header(names[1], &left.to_string());
        match self {
            Self::Github => reply
                .header("x-ratelimit-used", &used)
                .header("x-ratelimit-reset", "1793380800")
                .header("x-ratelimit-resource", "core"),
            _ => reply
                .header("ratelimit-name", "throttle_authenticated_api")
                .header("ratelimit-observed", &used)
                .header("ratelimit-reset", "1793380800"),
        }
    }
}
