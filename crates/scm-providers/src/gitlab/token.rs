//! GitLab's credentials ("Token overview") and what can be learnt about one.

use std::time::Duration;

use chrono::NaiveDate;
use scm_types::{Timestamp, TokenKind, TokenReport};

use super::wire;
use crate::{ProviderError, text::label};

/// The kind that the prefix tells; refuses tokens that were made for something else.
pub(super) fn kind(token: &str) -> Result<TokenKind, ProviderError> {
    let reason = match token.split_once('-').map_or("", |(prefix, _)| prefix) {
        "gldt" => {
            "This is a deploy token of GitLab, which cannot use the API. Give a personal, project \
             or group access token (glpat-…) with the scope api"
        }
        "glcbt" => {
            "This is a job token of GitLab, which ends with its job. Give a personal, project or \
             group access token (glpat-…) with the scope api"
        }
        "glrt" | "glrtr" => {
            "This is a token for GitLab runners. Give a personal, project or group access token \
             (glpat-…) with the scope api"
        }
        "glptt" => {
            "This is a pipeline trigger token of GitLab. Give a personal, project or group access \
             token (glpat-…) with the scope api"
        }
        "glft" => {
            "This is a feed token of GitLab, which can only read feeds. Give a personal, project \
             or group access token (glpat-…) with the scope api"
        }
        "glpat" => return Ok(TokenKind::GitlabAccessToken),
        // Administrators can choose another prefix, and OAuth tokens have none.
        _ => return Ok(TokenKind::Unknown),
    };
    Err(ProviderError::UnsupportedCredential { reason })
}

/// Nothing learnt.
pub(super) fn unknown(kind: TokenKind) -> TokenReport {
    TokenReport {
        kind,
        scopes: None,
        expires_at: None,
    }
}

/// From the token's own record. One that is revoked or over its day is refused by the host, so the
/// record can only confirm.
pub(super) fn from_self(found: &wire::SelfToken) -> TokenReport {
    TokenReport {
        kind: TokenKind::GitlabAccessToken,
        scopes: found.scopes.as_deref().map(scopes),
        expires_at: found.expires_at.as_deref().and_then(midnight),
    }
}

/// From an OAuth token's record.
pub(super) fn from_info(found: &wire::TokenInfo, now: Timestamp) -> TokenReport {
    TokenReport {
        kind: TokenKind::GitlabOauth,
        scopes: found.scope.as_deref().map(scopes),
        expires_at: found
            .expires_in
            .map(|seconds| now.plus(Duration::from_secs(seconds))),
    }
}

fn scopes(list: &[String]) -> Vec<String> {
    list.iter().take(64).map(|scope| label(scope, 64)).collect()
}

/// Expiry is a day; the token ends when it begins, in UTC.
pub(super) fn midnight(day: &str) -> Option<Timestamp> {
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let start = day.and_hms_opt(0, 0, 0)?.and_utc();
    Timestamp::from_millis(start.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        #[track_caller]
        fn check(day: &str, want: Option<&str>) {
            assert_eq!(
                midnight(day).map(|at| at.to_string()).as_deref(),
                want,
                "{day:?}"
            );
        }
        check("2027-01-31", Some("2027-01-31T00:00:00.000Z"));
        check("2027-02-30", None);
        check("2027-01-31T00:00:00Z", None);
        check("", None);
    }

    #[test]
    fn kinds() {
        #[track_caller]
        fn check(token: &str, want: Option<TokenKind>) {
            assert_eq!(kind(token).ok(), want, "{token:?}");
        }
        check("glpat-x", Some(TokenKind::GitlabAccessToken));
        check("company-x", Some(TokenKind::Unknown));
        check("0f0f0f", Some(TokenKind::Unknown));
        for unusable in [
            "gldt-x",
            "glcbt-64_x",
            "glrt-x",
            "glrtr-x",
            "glptt-x",
            "glft-x",
        ] {
            check(unusable, None);
        }
    }
}
