//! The outer shape of a text: how the host is reached, its name and port, and the path.

use super::RepoUrlError;
use crate::{
    WebHosts,
    host::name::{self, BadName, BadPort},
};

/// How a host is reached in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// In a browser or by git over HTTP: port and sub-path mean something.
    Web { is_http: bool },
    /// By SSH or git's own protocol: only the host name means something.
    Ssh,
}

/// A text taken apart. User names of SSH are dropped here, all others are refused here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source<'a> {
    pub(super) transport: Transport,
    /// In the one spelling of [`name::normalise`].
    pub(super) hostname: String,
    pub(super) port: Option<u16>,
    /// Still encoded, with or without a slash in front.
    pub(super) path: &'a str,
    /// An `@` behind the host. If the host turns out to be none, it may be a piece of a credential.
    pub(super) at_sign_behind: bool,
}

impl Source<'_> {
    pub(super) fn is_web(&self) -> bool {
        matches!(self.transport, Transport::Web { .. })
    }
}

pub(super) fn parse<'a>(text: &'a str, hosts: &WebHosts) -> Result<Source<'a>, RepoUrlError> {
    match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => with_scheme(scheme, rest),
        _ => without_scheme(text, hosts),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn with_scheme<'a>(scheme: &str, rest: &'a str) -> Result<Source<'a>, RepoUrlError> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    let transport = match scheme.to_ascii_lowercase().as_str() {
        "https" | "git+https" => Some(Transport::Web { is_http: false }),
        "http" | "git+http" => Some(Transport::Web { is_http: true }),
        "ssh" | "git+ssh" | "ssh+git" | "git" => Some(Transport::Ssh),
        _ => None,
    };
    let is_login_of_ssh = |user: &str| {
        transport == Some(Transport::Ssh) && !scheme.eq_ignore_ascii_case("git") && !is_secret(user)
    };
    if user.is_some_and(|user| !is_login_of_ssh(user)) {
        return Err(RepoUrlError::Userinfo);
    }
    let transport = transport.ok_or(RepoUrlError::Scheme)?;
    source(transport, place, behind)
}

fn without_scheme<'a>(text: &'a str, hosts: &WebHosts) -> Result<Source<'a>, RepoUrlError> {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (before, behind) = text.split_at(end);
    let (user, place) = match before.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, before),
    };
    if user.is_some_and(is_secret) {
        return Err(RepoUrlError::Userinfo);
    }
    let web = Transport::Web { is_http: false };
    let Some(colon) = name::port_colon(place) else {
        return match user {
            Some(_) => Err(RepoUrlError::Userinfo),
            None if behind.is_empty() => Err(RepoUrlError::NotAUrl),
            None => source(web, place, behind),
        };
    };
    if user.is_none() && is_configured(&place[..colon], &place[colon + 1..], hosts) {
        return source(web, place, behind);
    }
    // The rest of the text, not of `place`: an scp path begins at the colon.
    let path = before.len() - place.len() + colon + 1;
    source(Transport::Ssh, &place[..colon], &text[path..])
}

/// True for `git:password` (also with the colon encoded), and for a token in the place of the login.
fn is_secret(user: &str) -> bool {
    user.contains(':') || user.to_ascii_lowercase().contains("%3a") || looks_like_a_token(user)
}

/// Logins of SSH are short words, such as `git` or `org-123`. Tokens are long, or begin as the
/// hosts' own do.
fn looks_like_a_token(user: &str) -> bool {
    const BEGINNINGS: [&str; 15] = [
        "ghp_",
        "gho_",
        "ghu_",
        "ghs_",
        "ghr_",
        "github_pat_",
        "glpat-",
        "gldt-",
        "glcbt-",
        "glrt-",
        "glptt-",
        "glft-",
        "ATATT",
        "ATCTT",
        "ATBB",
    ];
    user.len() > 32
        || BEGINNINGS
            .iter()
            .any(|beginning| user.starts_with(beginning))
}

fn is_configured(hostname: &str, port: &str, hosts: &WebHosts) -> bool {
    let (Ok(hostname), Some(port)) = (name::normalise(hostname), name::parse_port(port)) else {
        return false;
    };
    hosts
        .iter()
        .any(|host| host.hostname() == hostname && host.effective_port() == port)
}

fn source<'a>(
    transport: Transport,
    place: &str,
    behind: &'a str,
) -> Result<Source<'a>, RepoUrlError> {
    let at_sign_behind = behind.contains('@');
    // `https://user:pa/ss@host`: what looks like a bad port is the beginning of a password.
    let or_userinfo = |error| {
        if at_sign_behind {
            RepoUrlError::Userinfo
        } else {
            error
        }
    };
    let (hostname, port) =
        name::split_port(place).map_err(|BadPort| or_userinfo(RepoUrlError::Port))?;
    let hostname = name::normalise(hostname).map_err(|bad| match bad {
        BadName::Malformed => or_userinfo(RepoUrlError::Host),
        BadName::NotAscii => or_userinfo(RepoUrlError::HostNotAscii),
    })?;
    Ok(Source {
        transport,
        hostname,
        port,
        path: behind.split(['?', '#']).next().unwrap_or_default(),
        at_sign_behind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostKind, WebHost};

    #[test]
    fn shapes() {
        let hosts = WebHosts::new(vec![
            WebHost::parse(HostKind::Gitlab, "h.example:8443").unwrap(),
        ])
        .unwrap();
        let check = |raw: &str, want: Result<(bool, &str, Option<u16>, &str), RepoUrlError>| {
            let got = parse(raw, &hosts);
            let got = got.as_ref().map(|source| {
                let name = source.hostname.as_str();
                (source.is_web(), name, source.port, source.path)
            });
            assert_eq!(got, want.as_ref().map(|want| *want), "{raw:?}");
        };
        check("https://H/o/n?a#b", Ok((true, "h", None, "/o/n")));
        check("https://h?a/b", Ok((true, "h", None, "")));
        check("http://h:81/o", Ok((true, "h", Some(81), "/o")));
        check("GIT+HTTPS://h/o", Ok((true, "h", None, "/o")));
        check("h/o/n", Ok((true, "h", None, "/o/n")));
        check("h/o?x=https://y", Ok((true, "h", None, "/o")));
        check("[::1]:22/o", Ok((false, "[::1]", None, "22/o")));
        check(
            "h.example:8443/o",
            Ok((true, "h.example", Some(8443), "/o")),
        );
        check("h.example:8444/o", Ok((false, "h.example", None, "8444/o")));
        check(
            "u@h.example:8443/o",
            Ok((false, "h.example", None, "8443/o")),
        );
        check("git@h:o/n.git", Ok((false, "h", None, "o/n.git")));
        check("git@h:/o/n", Ok((false, "h", None, "/o/n")));
        check("h:o/n", Ok((false, "h", None, "o/n")));
        check("h:n", Ok((false, "h", None, "n")));
        check("ssh://git@h:22/o", Ok((false, "h", Some(22), "/o")));
        check("ssh://h/o", Ok((false, "h", None, "/o")));
        check("git://h:9418/o", Ok((false, "h", Some(9418), "/o")));

        check("https://u@h/o", Err(RepoUrlError::Userinfo));
        check("https://u:p@h/o", Err(RepoUrlError::Userinfo));
        check("https://@h/o", Err(RepoUrlError::Userinfo));
        check("https://u:p/q@h/o", Err(RepoUrlError::Userinfo));
        check("https://u:p#q@h/o", Err(RepoUrlError::Userinfo));
        check("https://u:p\\q@h/o", Err(RepoUrlError::Userinfo));
        check("git+https://u@h/o", Err(RepoUrlError::Userinfo));
        check("ftp://u:p@h/o", Err(RepoUrlError::Userinfo));
        check("git://u@h/o", Err(RepoUrlError::Userinfo));
        check("ssh://u:p@h/o", Err(RepoUrlError::Userinfo));
        check("ssh://u%3Ap@h/o", Err(RepoUrlError::Userinfo));
        check("ssh://u:p/q@h/o", Err(RepoUrlError::Userinfo));
        check("u:p@h:o/n", Err(RepoUrlError::Userinfo));
        check("u:p@h/o/n", Err(RepoUrlError::Userinfo));
        check("u@h/o/n", Err(RepoUrlError::Userinfo));
        check("u@h", Err(RepoUrlError::Userinfo));
        check("word", Err(RepoUrlError::NotAUrl));
        check("ftp://h/o", Err(RepoUrlError::Scheme));
        check("file:///o/n", Err(RepoUrlError::Scheme));
        check("https:///o/n", Err(RepoUrlError::Host));
        check("https://a b/o/n", Err(RepoUrlError::Host));
        check("https://a\\b/o/n", Err(RepoUrlError::Host));
        check("/o/n", Err(RepoUrlError::Host));
        check("ssh://git@h:o/n", Err(RepoUrlError::Port));
        check("https://h:0/o", Err(RepoUrlError::Port));
    }
}
