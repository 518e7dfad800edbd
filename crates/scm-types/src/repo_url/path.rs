//! From the path of a URL to the segments that name a repository, and back.

use super::{RepoUrlError, encode};
use crate::HostKind;

/// The most segments of a repository: more than anybody's groups are nested.
pub(super) const MAX_SEGMENTS: usize = 20;

/// Decoded segments; a slash at the beginning and slashes at the end are dropped. The part that is
/// cut off later is checked too: behind a `..` the rest would name another repository.
pub(super) fn split(path: &str) -> Result<Vec<String>, RepoUrlError> {
    let path = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
    if path.is_empty() {
        return Ok(Vec::new());
    }
    path.split('/').map(decode).collect()
}

fn decode(raw: &str) -> Result<String, RepoUrlError> {
    let segment = encode::decode(raw)?;
    if segment.is_empty() {
        Err(RepoUrlError::EmptySegment)
    } else if is_dots(&segment) {
        Err(RepoUrlError::DotSegment)
    } else if segment.contains('\\') {
        Err(RepoUrlError::Backslash)
    } else if segment.chars().any(char::is_control) {
        Err(RepoUrlError::Control)
    } else {
        Ok(segment)
    }
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// The owner part(s) and the name, out of all segments below the host.
pub(super) fn repository(
    kind: HostKind,
    is_web: bool,
    segments: &[String],
) -> Result<Vec<String>, RepoUrlError> {
    let not_a_repository = RepoUrlError::NotARepository { kind };
    let mut kept = match kind {
        HostKind::Github | HostKind::Bitbucket => owner_and_name(is_web, segments),
        HostKind::Gitlab => groups_and_name(is_web, segments),
        HostKind::BitbucketDataCenter if is_web => data_center(segments),
        HostKind::BitbucketDataCenter => owner_and_name(false, segments),
    }
    .ok_or(not_a_repository.clone())?;
    if kept.len() > MAX_SEGMENTS {
        return Err(RepoUrlError::TooManySegments);
    }
    if kept.iter().any(|segment| segment.contains('/')) {
        return Err(RepoUrlError::EncodedSlash);
    }
    let name = kept.last_mut().ok_or(not_a_repository.clone())?;
    if let Some(bare) = without_git(name) {
        *name = bare.to_owned();
    }
    if without_git(name).is_some() {
        Err(RepoUrlError::GitSuffix)
    } else if is_dots(name) {
        Err(RepoUrlError::DotSegment)
    } else if name.is_empty() || (kind == HostKind::Gitlab && name == "-") {
        Err(not_a_repository)
    } else {
        Ok(kept)
    }
}

/// The segments between the host and the end of the normal form.
pub(super) fn below_host(kind: HostKind, segments: &[String]) -> Vec<&str> {
    match (kind, segments) {
        (HostKind::BitbucketDataCenter, [key, name]) => vec!["projects", key, "repos", name],
        _ => segments.iter().map(String::as_str).collect(),
    }
}

fn owner_and_name(is_web: bool, segments: &[String]) -> Option<Vec<String>> {
    match segments {
        [_, _] => Some(segments.to_vec()),
        [owner, name, ..] if is_web => Some(vec![owner.clone(), name.clone()]),
        _ => None,
    }
}

/// Web pages begin behind `/-/`, and what git asks for behind `name.git/`.
fn groups_and_name(is_web: bool, segments: &[String]) -> Option<Vec<String>> {
    let page = segments.iter().position(|segment| segment == "-");
    let git = segments
        .iter()
        .skip(1)
        .position(|segment| without_git(segment).is_some());
    let end = [page, git.map(|at| at + 2)]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(segments.len());
    let is_whole = end == segments.len();
    (end >= 2 && (is_web || is_whole)).then(|| segments[..end].to_vec())
}

/// `/projects/KEY/repos/name/…`, `/users/name/repos/name/…`, `/scm/key/name.git`.
fn data_center(segments: &[String]) -> Option<Vec<String>> {
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["projects", key, "repos", name, ..] | ["scm", key, name, ..] => {
            Some(vec![(*key).to_owned(), (*name).to_owned()])
        }
        ["users", user, "repos", name, ..] => Some(vec![format!("~{user}"), (*name).to_owned()]),
        _ => None,
    }
}

fn without_git(name: &str) -> Option<&str> {
    let (bare, suffix) = name.split_at_checked(name.len().checked_sub(4)?)?;
    suffix.eq_ignore_ascii_case(".git").then_some(bare)
}
