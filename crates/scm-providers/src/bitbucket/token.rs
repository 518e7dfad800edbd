//! Bitbucket Cloud's credentials ("API tokens", "Access tokens", and the deprecation of app
//! passwords) and how they are presented.

use scm_types::{TokenKind, TokenReport};

use crate::{ProviderError, text::label, transport::Answer};

const APP_PASSWORD: ProviderError = ProviderError::UnsupportedCredential {
    reason: "This is an app password, which Bitbucket has withdrawn. Give an API token as \
             e-mail:token (dev@example.com:ATATT3x…), or an access token of the repository",
};

/// The kind that the shape tells; refuses what Bitbucket has withdrawn.
pub(super) fn kind(token: &str) -> Result<TokenKind, ProviderError> {
    match token.split_once(':') {
        Some((_, secret)) if secret.starts_with("ATBB") => Err(APP_PASSWORD),
        Some(_) => Ok(TokenKind::BitbucketApiToken),
        None if token.starts_with("ATBB") => Err(APP_PASSWORD),
        None if token.starts_with("ATATT3x") => Ok(TokenKind::BitbucketApiToken),
        None if token.starts_with("ATCTT3x") => Ok(TokenKind::BitbucketAccessToken),
        None => Ok(TokenKind::BitbucketOauth),
    }
}

/// What a refused credential of this shape often lacks.
pub(super) fn hint(token: &str) -> Option<&'static str> {
    match token.split_once(':') {
        Some((user, _)) if !user.contains('@') => Some(
            "An API token goes with the e-mail address of the Atlassian account, not with the \
             user name: dev@example.com:ATATT3x…",
        ),
        Some(_) => None,
        None if token.starts_with("ATATT3x") => Some(
            "An API token is given with the e-mail address of its Atlassian account: \
             dev@example.com:ATATT3x…",
        ),
        None => crate::context::foreign_token(token, scm_types::ScmType::Bitbucket),
    }
}

/// What the headers of an answer add: the scopes, which Bitbucket does not always tell.
pub(super) fn report(kind: TokenKind, answer: Option<&Answer>) -> TokenReport {
    let scopes = answer
        .and_then(|answer| answer.header("x-oauth-scopes"))
        .map(|list| {
            list.split([',', ' '])
                .map(|scope| label(scope.trim(), 64))
                .filter(|scope| !scope.is_empty())
                .take(64)
                .collect()
        });
    TokenReport {
        kind,
        scopes,
        expires_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::basic_or_bearer;

    #[test]
    fn shapes() {
        #[track_caller]
        fn check(token: &str, want: Option<(TokenKind, &str)>) {
            let got = kind(token).ok().map(|kind| (kind, basic_or_bearer(token)));
            let got = got.as_ref().map(|(kind, header)| (*kind, header.as_str()));
            assert_eq!(got, want, "{token:?}");
        }
        check(
            "a@b:ATATT3x",
            Some((TokenKind::BitbucketApiToken, "Basic YUBiOkFUQVRUM3g=")),
        );
        check(
            "ATATT3x",
            Some((TokenKind::BitbucketApiToken, "Bearer ATATT3x")),
        );
        check(
            "ATCTT3x",
            Some((TokenKind::BitbucketAccessToken, "Bearer ATCTT3x")),
        );
        check("abc=", Some((TokenKind::BitbucketOauth, "Bearer abc=")));
        check("dev:ATBBx", None);
        check("ATBBx", None);
    }

    #[test]
    fn hints() {
        assert!(hint("dev:ATATT3x").unwrap().contains("e-mail address"));
        assert!(hint("ATATT3x").unwrap().contains("e-mail address"));
        assert!(hint("ghp_x").unwrap().contains("GitHub"));
        assert_eq!(hint("a@b:ATATT3x"), None);
        assert_eq!(hint("ATCTT3x"), None);
    }
}
