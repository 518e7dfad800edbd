//! GitHub's credentials: told apart by prefix, then by the headers of an answer ("About
//! authentication to GitHub").

use chrono::{DateTime, NaiveDateTime};
use scm_types::{Timestamp, TokenKind, TokenReport};

use crate::{ProviderError, transport::Answer};

/// The kind that the shape tells; refuses what can never be presented to the API.
pub(super) fn kind(token: &str) -> Result<TokenKind, ProviderError> {
    let kinds = [
        ("ghp_", TokenKind::GithubClassicPat),
        ("github_pat_", TokenKind::GithubFineGrainedPat),
        ("gho_", TokenKind::GithubOauth),
        ("ghu_", TokenKind::GithubAppUser),
        ("ghs_", TokenKind::GithubInstallation),
    ];
    if let Some((_, kind)) = kinds.iter().find(|(prefix, _)| token.starts_with(prefix)) {
        return Ok(*kind);
    }
    if token.starts_with("ghr_") {
        return Err(ProviderError::UnsupportedCredential {
            reason: "This is a refresh token of GitHub. Give the access token (ghu_…) as \
                     accessToken and this one as refreshToken",
        });
    }
    if token.starts_with("eyJ") && token.split('.').count() == 3 {
        return Err(ProviderError::UnsupportedCredential {
            reason: "This is a signed statement of a GitHub App (JWT), which cannot read \
                     repositories. Give a token of the App's installation (ghs_…)",
        });
    }
    // The older form, 40 hexadecimal digits.
    if token.len() == 40 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(TokenKind::GithubClassicPat);
    }
    Ok(TokenKind::Unknown)
}

/// What the headers of an answer add: scopes (on classic and OAuth tokens only) and the expiry.
pub(super) fn report(kind: TokenKind, answer: &Answer) -> TokenReport {
    let scopes = answer.header("x-oauth-scopes").map(|list| {
        list.split(',')
            .map(|scope| crate::text::label(scope.trim(), 64))
            .filter(|scope| !scope.is_empty())
            .take(64)
            .collect()
    });
    let kind = match kind {
        TokenKind::Unknown if scopes.is_some() => TokenKind::GithubClassicPat,
        kind => kind,
    };
    TokenReport {
        kind,
        scopes,
        expires_at: answer
            .header("github-authentication-token-expiration")
            .and_then(expiry),
    }
}

/// The expiry header: `2027-01-31 09:00:00 UTC` or `2027-01-31 11:00:00 +0200`.
fn expiry(raw: &str) -> Option<Timestamp> {
    let raw = raw.trim();
    if let Some(utc) = raw.strip_suffix("UTC") {
        let parsed = NaiveDateTime::parse_from_str(utc.trim(), "%Y-%m-%d %H:%M:%S").ok()?;
        return Timestamp::from_millis(parsed.and_utc().timestamp_millis());
    }
    let parsed = DateTime::parse_from_str(raw, "%Y-%m-%d %H:%M:%S %z").ok()?;
    Timestamp::from_millis(parsed.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_headers() {
        #[track_caller]
        fn check(raw: &str, want: Option<&str>) {
            assert_eq!(
                expiry(raw).map(|at| at.to_string()).as_deref(),
                want,
                "{raw:?}"
            );
        }
        check("2027-01-31 09:00:00 UTC", Some("2027-01-31T09:00:00.000Z"));
        check(
            "2027-01-31 11:00:00 +0200",
            Some("2027-01-31T09:00:00.000Z"),
        );
        check(
            "2027-01-31 02:00:00 -0700",
            Some("2027-01-31T09:00:00.000Z"),
        );
        check("2027-01-31", None);
        check("2027-13-31 09:00:00 UTC", None);
        check("UTC", None);
        check("", None);
    }

    #[test]
    fn kinds() {
        #[track_caller]
        fn check(token: &str, want: Option<TokenKind>) {
            assert_eq!(kind(token).ok(), want, "{token:?}");
        }
        check("ghp_x", Some(TokenKind::GithubClassicPat));
        check("github_pat_x", Some(TokenKind::GithubFineGrainedPat));
        check("gho_x", Some(TokenKind::GithubOauth));
        check("ghu_x", Some(TokenKind::GithubAppUser));
        check("ghs_123_eyJ.a.b", Some(TokenKind::GithubInstallation));
        check(&"0f".repeat(20), Some(TokenKind::GithubClassicPat));
        check("whatever", Some(TokenKind::Unknown));
        check("ghr_x", None);
        check("eyJhbGciOi.eyJpYXQi.c2ln", None);
    }
}
