//! Data Center's credentials ("HTTP access tokens", and basic authentication) and the user that
//! they stand for.

use percent_encoding::percent_decode_str;
use scm_types::{AccountRef, ScmType, TokenKind, TokenReport};

use crate::{context::foreign_token, text::label, transport::Answer};

/// The kind that the shape tells. A token may be given in place of a password.
pub(super) fn kind(token: &str) -> TokenKind {
    match token.split_once(':') {
        Some((_, secret)) if !secret.starts_with("BBDC-") => TokenKind::DataCenterPassword,
        Some(_) | None => TokenKind::DataCenterAccessToken,
    }
}

/// What a refused credential of this shape often lacks.
pub(super) fn hint(token: &str, exception: &str) -> Option<&'static str> {
    let secret = token.rsplit(':').next().unwrap_or(token);
    let is_of_cloud = ["ATATT3x", "ATCTT3x", "ATBB"]
        .iter()
        .any(|prefix| secret.starts_with(prefix));
    if exception.starts_with("Captcha") {
        Some("Bitbucket asks for a captcha after failed attempts: sign in with a browser once")
    } else if is_of_cloud {
        Some("It looks like a token of Bitbucket Cloud")
    } else {
        foreign_token(secret, ScmType::Bitbucket)
    }
}

/// Neither scopes nor the end of a token are told.
pub(super) fn report(kind: TokenKind) -> TokenReport {
    TokenReport {
        kind,
        scopes: None,
        expires_at: None,
    }
}

/// Whom an answer was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// A user, whose name it tells.
    Named,
    /// Nobody: the credential was not taken.
    Nobody,
    /// It does not say.
    Untold,
}

impl User {
    pub(super) fn of(answer: &Answer) -> Self {
        match answer.header(NAME).map(str::trim) {
            None | Some("") => Self::Untold,
            Some("anonymous") => Self::Nobody,
            Some(_) => Self::Named,
        }
    }
}

const NAME: &str = "x-ausername";
const ID: &str = "x-auserid";

/// The account, if the answer tells.
pub(super) fn account(answer: &Answer) -> Option<AccountRef> {
    if User::of(answer) != User::Named {
        return None;
    }
    let plain = |header: &str, max: usize| {
        let raw = answer.header(header)?.trim();
        // Names are encoded as in URLs.
        let text = percent_decode_str(raw).decode_utf8_lossy();
        Some(label(&text, max)).filter(|text| !text.is_empty())
    };
    let login = plain(NAME, 255)?;
    Some(AccountRef {
        id: plain(ID, 64).unwrap_or_else(|| login.clone()),
        login,
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;
    use crate::context::basic_or_bearer;

    #[test]
    fn shapes() {
        #[track_caller]
        fn check(token: &str, kind_is: TokenKind, header: &str) {
            assert_eq!(kind(token), kind_is);
            assert_eq!(*basic_or_bearer(token), header);
        }
        let token = TokenKind::DataCenterAccessToken;
        check("BBDC-abc", token, "Bearer BBDC-abc");
        check("NjYzODk3MTQ", token, "Bearer NjYzODk3MTQ");
        check("dev:BBDC-abc", token, "Basic ZGV2OkJCREMtYWJj");
        let password = TokenKind::DataCenterPassword;
        check("dev:secret", password, "Basic ZGV2OnNlY3JldA==");
    }

    #[test]
    fn users() {
        #[track_caller]
        fn check(headers: &[(&'static str, &'static str)], want: Option<(&str, &str)>) {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            let answer = Answer {
                status: StatusCode::OK,
                headers: headers.collect::<HeaderMap>(),
                body: bytes::Bytes::new(),
                moved: false,
            };
            let got = account(&answer);
            let got = got.as_ref().map(|it| (it.id.as_str(), it.login.as_str()));
            assert_eq!(got, want);
        }
        check(&[("x-ausername", "dev")], Some(("dev", "dev")));
        let both = [("x-ausername", "a%40b"), ("x-auserid", "101")];
        check(&both, Some(("101", "a@b")));
        check(&[("x-ausername", "anonymous")], None);
        check(&[("x-ausername", " ")], None);
        check(&[("x-auserid", "101")], None);
    }

    #[test]
    fn hints() {
        assert!(hint("ATATT3xabc", "").unwrap().contains("Cloud"));
        assert!(hint("dev:ghp_abc", "").unwrap().contains("GitHub"));
        let captcha = "CaptchaRequiredAuthenticationException";
        assert!(hint("dev:x", captcha).unwrap().contains("captcha"));
        assert_eq!(hint("BBDC-abc", "AuthenticationException"), None);
    }
}
