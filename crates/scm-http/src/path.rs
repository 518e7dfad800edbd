//! Names of branches and tags in a path.
//!
//! - A name is all that follows, so that its slashes may stand raw or as `%2F`.
//! - It is read from the path as it was sent and decoded once, strictly: the router's own decoding
//!   leaves `%25` and `%2F` alone and mends what is broken.

use std::fmt::Display;

use actix_web::HttpRequest;
use scm_service::ServiceError;
use scm_types::{BranchName, TagName};

use crate::ApiError;

/// The branch that a path ends with; `refs/heads/` before it is dropped.
pub(crate) fn branch(request: &HttpRequest) -> Result<BranchName, ApiError> {
    name(request, "refs/heads/", BranchName::parse)
}

/// The tag that a path ends with; `refs/tags/` before it is dropped.
pub(crate) fn tag(request: &HttpRequest) -> Result<TagName, ApiError> {
    name(request, "refs/tags/", TagName::parse)
}

fn name<T, E: Display>(
    request: &HttpRequest,
    full: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, ApiError> {
    let matched = request.match_info().get("name").unwrap_or_default();
    let raw = tail(request.uri().path(), matched);
    let invalid = |problem: String| ApiError::from(ServiceError::invalid("name", problem));
    let decoded = decode(raw)
        .ok_or_else(|| invalid("must be UTF-8, percent-encoded where needed".to_owned()))?;
    let short = decoded.strip_prefix(full).unwrap_or(&decoded);
    parse(short).map_err(|error| invalid(error.to_string()))
}

/// The part of a raw path that the router matched: it has the same slashes, because the router
/// decodes none.
fn tail<'a>(path: &'a str, matched: &str) -> &'a str {
    let slashes = matched.matches('/').count();
    let before = path.rmatch_indices('/').nth(slashes);
    before.map_or(path, |(at, _)| &path[at + 1..])
}

/// Percent-decoding; `None` if a `%` is not followed by two hex digits, or for what is no UTF-8.
pub(crate) fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once() {
        for (raw, want) in [
            ("main", Some("main")),
            ("feature/a%23b", Some("feature/a#b")),
            ("100%25", Some("100%")),
            ("%C3%BCn", Some("ün")),
            ("a%252Fb", Some("a%2Fb")),
            ("a+b", Some("a+b")),
            ("", Some("")),
            ("a%", None),
            ("a%2", None),
            ("a%zz", None),
            ("a%+1", None),
            ("%ff", None),
        ] {
            assert_eq!(decode(raw).as_deref(), want, "{raw}");
        }
    }

    #[test]
    fn the_tail_has_the_slashes_of_what_was_matched() {
        for (path, matched, want) in [
            ("/base/id/tags/v1", "v1", "v1"),
            ("/base/id/tags/a/b%2Fc", "a/b%2Fc", "a/b%2Fc"),
            ("/base/id/tags/", "", ""),
            ("/base/id/tags//", "/", "/"),
        ] {
            assert_eq!(tail(path, matched), want, "{path}");
        }
    }
}
