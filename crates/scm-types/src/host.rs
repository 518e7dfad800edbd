//! Code hosts as they stand in repository URLs. The operator lists them; a tenant cannot add one.
//!
//! - A [`WebHost`] is in one spelling: lower-case name, punycode, no final dot, no default port, no
//!   slash at the end. It never holds userinfo, a query or a fragment.
//! - Two hosts of one [`WebHosts`] differ in name, port or sub-path, so that a URL belongs to at
//!   most one of them.

pub(crate) mod name;

use std::{fmt, slice};

use serde::{Deserialize, Serialize};

use crate::ScmType;

/// The product and dialect of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// A host that cannot be one. The texts complete "host …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// No characters at all.
    #[error("must not be empty")]
    Empty,
    /// More characters than leave room for a repository in the URL column.
    #[error("must be at most {max} characters long", max = WebHost::MAX)]
    TooLong,
    /// Another scheme than https and http.
    #[error("must begin with the host name, https:// or http://")]
    Scheme,
    /// A user name or password.
    #[error("must not hold a user name or password")]
    Userinfo,
    /// `?…` or `#…`.
    #[error("must not hold a query or fragment")]
    Query,
    /// No host name and no address.
    #[error("must be a host name, an IPv4 address or an IPv6 address in brackets")]
    Name,
    /// Not ASCII, and this build cannot convert it.
    #[error("must be given in its ASCII form (punycode, xn--…)")]
    NotAscii,
    /// Not a number from 1 to 65535.
    #[error("must have a port from 1 to 65535, or none")]
    Port,
    /// A path that is more than plain names between slashes.
    #[error("must have a path of letters, digits and -._~ between single slashes, or none")]
    SubPath,
    /// The same host twice in the list.
    #[error("must be listed once: {host} is there twice")]
    Duplicate {
        /// The host, as [`WebHost::as_str`] gives it.
        host: String,
    },
}

/// One host: kind, scheme, authority, sub-path.
///
/// `github.com`, `git.example.com:8443/gitlab`, `http://git.local`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebHost {
    kind: HostKind,
    hostname: String,
    port: Option<u16>,
    sub_path: String,
    base: String,
    is_http: bool,
}

impl WebHost {
    /// The longest accepted text, in characters.
    pub const MAX: usize = 300;

    /// Takes `host[:port][/sub/path]`, with or without `https://` in front. A host without TLS has
    /// to say so: `http://git.local`.
    pub fn parse(kind: HostKind, host: &str) -> Result<Self, InvalidHost> {
        let text = host.trim();
        if text.is_empty() {
            return Err(InvalidHost::Empty);
        }
        if text.len() > Self::MAX {
            return Err(InvalidHost::TooLong);
        }
        let (is_http, rest) = match text.split_once("://") {
            None => (false, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (true, rest),
            Some(_) => return Err(InvalidHost::Scheme),
        };
        let (authority, path) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(InvalidHost::Userinfo);
        }
        if path.contains(['?', '#']) {
            return Err(InvalidHost::Query);
        }
        let (name, port) =
            name::split_port(authority).map_err(|name::BadPort| InvalidHost::Port)?;
        let hostname = name::normalise(name).map_err(|bad| match bad {
            name::BadName::Malformed => InvalidHost::Name,
            name::BadName::NotAscii => InvalidHost::NotAscii,
        })?;
        let sub_path = path.strip_suffix('/').unwrap_or(path).to_owned();
        if !sub_path.split('/').skip(1).all(is_plain_segment) {
            return Err(InvalidHost::SubPath);
        }
        let port = port.filter(|port| *port != default_port(is_http));
        let scheme = if is_http { "http" } else { "https" };
        let port_text = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self {
            base: format!("{scheme}://{hostname}{port_text}{sub_path}"),
            kind,
            hostname,
            port,
            sub_path,
            is_http,
        })
    }

    /// Product and dialect.
    #[must_use]
    pub fn kind(&self) -> HostKind {
        self.kind
    }

    /// Where repositories begin: `https://git.example.com:8443/gitlab`, no slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// The same without the scheme: `git.example.com:8443/gitlab`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let scheme = if self.is_http { "http://" } else { "https://" };
        self.base.strip_prefix(scheme).unwrap_or(&self.base)
    }

    /// The name or address alone; an IPv6 address is in brackets.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The port, if it is not the scheme's own.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port that is dialled.
    #[must_use]
    pub fn effective_port(&self) -> u16 {
        self.port.unwrap_or(default_port(self.is_http))
    }

    /// What stands between the authority and the repository: nothing, or `/gitlab`.
    #[must_use]
    pub fn sub_path(&self) -> &str {
        &self.sub_path
    }

    /// Whether the operator asked for a connection without TLS.
    #[must_use]
    pub fn is_http(&self) -> bool {
        self.is_http
    }

    /// The names in [`Self::sub_path`].
    pub(crate) fn sub_segments(&self) -> impl Iterator<Item = &str> {
        self.sub_path.split('/').skip(1)
    }
}

impl fmt::Display for WebHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The port that a scheme uses when none is given.
pub(crate) fn default_port(is_http: bool) -> u16 {
    if is_http { 80 } else { 443 }
}

fn is_plain_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The operator's list of hosts, in the operator's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebHosts(Vec<WebHost>);

impl WebHosts {
    /// A list in which no two hosts have the same name, port and sub-path, whatever their kind.
    pub fn new(hosts: Vec<WebHost>) -> Result<Self, InvalidHost> {
        for (at, host) in hosts.iter().enumerate() {
            let same = |other: &WebHost| other.as_str().eq_ignore_ascii_case(host.as_str());
            if hosts[..at].iter().any(same) {
                return Err(InvalidHost::Duplicate {
                    host: host.as_str().to_owned(),
                });
            }
        }
        Ok(Self(hosts))
    }

    /// The public services: `github.com`, `gitlab.com`, `bitbucket.org`.
    #[must_use]
    pub fn public() -> Self {
        let host = |kind, hostname: &str| WebHost {
            kind,
            hostname: hostname.to_owned(),
            port: None,
            sub_path: String::new(),
            base: format!("https://{hostname}"),
            is_http: false,
        };
        Self(vec![
            host(HostKind::Github, "github.com"),
            host(HostKind::Gitlab, "gitlab.com"),
            host(HostKind::Bitbucket, "bitbucket.org"),
        ])
    }

    /// The hosts, in the operator's order.
    pub fn iter(&self) -> slice::Iter<'_, WebHost> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a WebHosts {
    type Item = &'a WebHost;
    type IntoIter = slice::Iter<'a, WebHost>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        #[track_caller]
        fn check(raw: &str, want: Result<&str, InvalidHost>) {
            let got = WebHost::parse(HostKind::Gitlab, raw);
            assert_eq!(
                got.map(|host| host.base_url().to_owned()),
                want.map(str::to_owned),
                "{raw:?}"
            );
        }
        check("github.com", Ok("https://github.com"));
        check(" GitHub.com. ", Ok("https://github.com"));
        check("https://github.com/", Ok("https://github.com"));
        check("https://github.com:443", Ok("https://github.com"));
        check("github.com:80", Ok("https://github.com:80"));
        check("git.example.com:8443", Ok("https://git.example.com:8443"));
        check(
            "git.example.com/GitLab/",
            Ok("https://git.example.com/GitLab"),
        );
        check(
            "git.example.com:8443/a/b",
            Ok("https://git.example.com:8443/a/b"),
        );
        check("http://git.local", Ok("http://git.local"));
        check("HTTP://git.local:80/x", Ok("http://git.local/x"));
        check("http://git.local:443", Ok("http://git.local:443"));
        check("localhost:3000", Ok("https://localhost:3000"));
        check("http://127.0.0.1:3000", Ok("http://127.0.0.1:3000"));
        check("[::1]:3000", Ok("https://[::1]:3000"));

        check("", Err(InvalidHost::Empty));
        check("  ", Err(InvalidHost::Empty));
        check(&"a".repeat(301), Err(InvalidHost::TooLong));
        check("ssh://git.example.com", Err(InvalidHost::Scheme));
        check("user@git.example.com", Err(InvalidHost::Userinfo));
        check("https://u:p@git.example.com", Err(InvalidHost::Userinfo));
        check("git.example.com?x", Err(InvalidHost::Query));
        check("git.example.com/x#y", Err(InvalidHost::Query));
        check("git example.com", Err(InvalidHost::Name));
        check("git\\example.com", Err(InvalidHost::Name));
        check("https://", Err(InvalidHost::Name));
        check("/gitlab", Err(InvalidHost::Name));
        check("git.example.com:0", Err(InvalidHost::Port));
        check("git.example.com:99999", Err(InvalidHost::Port));
        check("git.example.com:x", Err(InvalidHost::Port));
        check("git.example.com//", Err(InvalidHost::SubPath));
        check("git.example.com/a//b", Err(InvalidHost::SubPath));
        check("git.example.com/a/../b", Err(InvalidHost::SubPath));
        check("git.example.com/a%20b", Err(InvalidHost::SubPath));
    }

    #[test]
    fn parts() {
        let host = WebHost::parse(HostKind::Gitlab, "git.example.com:8443/a/b").unwrap();
        assert_eq!(host.kind(), HostKind::Gitlab);
        assert_eq!(host.as_str(), "git.example.com:8443/a/b");
        assert_eq!(host.to_string(), host.as_str());
        assert_eq!(host.hostname(), "git.example.com");
        assert_eq!(host.port(), Some(8443));
        assert_eq!(host.effective_port(), 8443);
        assert_eq!(host.sub_path(), "/a/b");
        assert_eq!(host.sub_segments().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!host.is_http());

        let host = WebHost::parse(HostKind::Github, "http://git.local").unwrap();
        assert_eq!(host.as_str(), "git.local");
        assert_eq!(host.port(), None);
        assert_eq!(host.effective_port(), 80);
        assert_eq!(host.sub_segments().count(), 0);
        assert!(host.is_http());
    }

    #[test]
    fn lists() {
        #[track_caller]
        fn check(hosts: &[&str], duplicate: Option<&str>) {
            let list = hosts
                .iter()
                .map(|host| WebHost::parse(HostKind::Gitlab, host).unwrap())
                .collect();
            let want = duplicate.map(|host| InvalidHost::Duplicate {
                host: host.to_owned(),
            });
            assert_eq!(WebHosts::new(list).err(), want, "{hosts:?}");
        }
        check(&[], None);
        check(&["a.example", "a.example/b", "a.example:81"], None);
        check(&["a.example", "A.example."], Some("a.example"));
        check(&["a.example/b", "a.example/B/"], Some("a.example/B"));
        check(&["a.example", "http://a.example"], Some("a.example"));
    }

    #[test]
    fn the_public_list_is_as_if_parsed() {
        let parsed = WebHosts::public()
            .iter()
            .map(|host| WebHost::parse(host.kind(), host.as_str()).unwrap())
            .collect();
        assert_eq!(WebHosts::new(parsed), Ok(WebHosts::public()));
        assert_eq!(WebHosts::public().into_iter().count(), 3);
    }
}
