//! Which of the operator's hosts is meant.

use std::cmp::Reverse;

use super::{
    RepoUrlError,
    source::{Source, Transport},
};
use crate::{HostKind, WebHost, WebHosts, host};

/// Where Bitbucket Data Center listens for SSH unless told otherwise.
const DATA_CENTER_SSH_PORT: u16 = 7999;

/// The host, and how many segments of the path are its sub-path.
pub(super) fn host<'h>(
    source: &Source<'_>,
    segments: &[String],
    hosts: &'h WebHosts,
) -> Result<(&'h WebHost, usize), RepoUrlError> {
    let name = if hosts.iter().any(|host| host.hostname() == source.hostname) {
        &source.hostname
    } else {
        without_alias(&source.hostname)
    };
    match source.transport {
        Transport::Web { is_http } => by_address(name, is_http, source.port, segments, hosts)
            .map(|host| (host, host.sub_segments().count()))
            .ok_or_else(|| unknown(source)),
        Transport::Ssh => by_name(name, source.port, hosts)?
            .map(|host| (host, sub_path_of_ssh(host, segments)))
            .ok_or_else(|| unknown(source)),
    }
}

/// Whether the normal form of a repository comes back to the host that it was made for: of two
/// hosts on one name, the longer sub-path takes what looks like an owner on the other.
pub(super) fn is_meant(host: &WebHost, below: &[&str], hosts: &WebHosts) -> bool {
    let path: Vec<&str> = host.sub_segments().chain(below.iter().copied()).collect();
    by_address(host.hostname(), host.is_http(), host.port(), &path, hosts) == Some(host)
}

/// Other names of the public services, most of them for SSH through port 443.
fn without_alias(name: &str) -> &str {
    match name {
        "www.github.com" | "ssh.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        "ssh.bitbucket.org" | "altssh.bitbucket.org" => "bitbucket.org",
        other => other,
    }
}

/// By name, port and sub-path. The longest sub-path wins, then the very same scheme and port.
fn by_address<'h>(
    name: &str,
    is_http: bool,
    port: Option<u16>,
    path: &[impl AsRef<str>],
    hosts: &'h WebHosts,
) -> Option<&'h WebHost> {
    let default = host::default_port(is_http);
    let dialled = port.unwrap_or(default);
    let port = port.filter(|port| *port != default);
    hosts
        .iter()
        .filter(|host| host.hostname() == name)
        // Without a port, http:// and https:// are the same place: servers send one to the other.
        .filter(|host| host.port() == port || host.effective_port() == dialled)
        .filter(|host| begins_with_sub_path(path, host))
        .min_by_key(|host| {
            let is_exact = host.is_http() == is_http && host.port() == port;
            Reverse((host.sub_segments().count(), is_exact))
        })
}

/// By name alone, as the module documentation of `repo_url` tells.
fn by_name<'h>(
    name: &str,
    port: Option<u16>,
    hosts: &'h WebHosts,
) -> Result<Option<&'h WebHost>, RepoUrlError> {
    let is_data_center = |host: &WebHost| host.kind() == HostKind::BitbucketDataCenter;
    let mut named: Vec<_> = hosts
        .iter()
        .filter(|host| host.hostname() == name)
        .collect();
    if port == Some(DATA_CENTER_SSH_PORT) && named.iter().any(|host| is_data_center(host)) {
        named.retain(|host| is_data_center(host));
    }
    if named.len() > 1 {
        named.retain(|host| host.port().is_none() && host.sub_path().is_empty());
        if named.is_empty() {
            return Err(RepoUrlError::AmbiguousHost);
        }
    }
    Ok(named.first().copied())
}

/// SSH paths have no sub-path. One that was put there by hand is recognised where a repository has
/// exactly two segments; on GitLab it would be a group.
fn sub_path_of_ssh(host: &WebHost, segments: &[String]) -> usize {
    let count = host.sub_segments().count();
    let is_there = host.kind() != HostKind::Gitlab
        && segments.len() == count + 2
        && begins_with_sub_path(segments, host);
    if is_there { count } else { 0 }
}

fn begins_with_sub_path(path: &[impl AsRef<str>], host: &WebHost) -> bool {
    let mut path = path.iter();
    host.sub_segments().all(|name| {
        path.next()
            .is_some_and(|segment| segment.as_ref().eq_ignore_ascii_case(name))
    })
}

fn unknown(source: &Source<'_>) -> RepoUrlError {
    let named = is_plainly_a_host(&source.hostname);
    if !named && source.at_sign_behind {
        return RepoUrlError::Userinfo;
    }
    RepoUrlError::UnknownHost {
        host: named.then(|| match source.port {
            Some(port) => format!("{}:{port}", source.hostname),
            None => source.hostname.clone(),
        }),
    }
}

/// Whether a text can be repeated: a name with a top-level domain and words of a usual length, not
/// a token that somebody pasted into the wrong field.
fn is_plainly_a_host(name: &str) -> bool {
    let is_word = |label: &str| label.len() <= 24 && !label.contains('_');
    let Some((rest, top)) = name.rsplit_once('.') else {
        return false;
    };
    name.len() <= 100
        && rest.split('.').all(is_word)
        && is_word(top)
        && top.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_repeated() {
        #[track_caller]
        fn check(name: &str, want: bool) {
            assert_eq!(is_plainly_a_host(name), want, "{name:?}");
        }
        check("git.example.com", true);
        check("my-git.example.com", true);
        check("localhost", false);
        check("ghp_abcdefghijklmnopqrstuvwxyz0123456789", false);
        check("glpat-abcdefghijklmnopqrst.01.1a0bcd2ef", false);
        check(
            "eyjhbgcioijiuzi1niisinr5cci6ikpxvcj9.eyjzdwiioiixmjm0",
            false,
        );
        check(&format!("{}com", "a.".repeat(50)), false);
    }
}
