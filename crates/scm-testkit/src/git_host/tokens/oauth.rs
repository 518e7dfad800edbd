//! The token endpoints of OAuth, outside the products' APIs.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use super::{Kind, State, presented};
use crate::{
    code_host::Reply,
    git_host::{Dialect, host::Host, request::Request},
};

/// How long the products say that an access token lasts, in seconds.
const HOURS_8: u64 = 28_800;
const HOURS_2: u64 = 7_200;

pub(super) fn answer(host: &Host, request: &Request) -> Option<Reply> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (host.dialect, request.method.as_str(), &segments[..]) {
        (Dialect::Github, "POST", ["login", "oauth", "access_token"])
        | (Dialect::Gitlab, "POST", ["oauth", "token"])
        | (Dialect::Bitbucket, "POST", ["site", "oauth2", "access_token"]) => {
            Some(refresh(host, request))
        }
        (Dialect::Gitlab, "GET", ["oauth", "token", "info"]) => Some(info(host, request)),
        _ => None,
    }
}

fn refresh(host: &Host, request: &Request) -> Reply {
    let mut state = host.state();
    let tokens = &mut state.tokens;
    if tokens.client != client(host.dialect, request) {
        return match host.dialect {
            Dialect::Github => error(200, "incorrect_client_credentials", "Incorrect."),
            Dialect::Bitbucket => error(
                400,
                "unauthorized_client",
                "Invalid OAuth client credentials",
            ),
            _ => error(401, "invalid_client", "Client authentication failed."),
        };
    }
    if request.text("grant_type") != "refresh_token" {
        let status = if host.dialect == Dialect::Github {
            200
        } else {
            400
        };
        return error(status, "unsupported_grant_type", "Not supported.");
    }
    let given = request.text("refresh_token");
    let mut issued = tokens.issued.iter_mut();
    let known = issued.find(|token| token.refresh.as_deref() == Some(given));
    let known = known.map(|token| {
        let was_spent = token.is_spent;
        if host.dialect != Dialect::Bitbucket && !was_spent {
            token.is_spent = true;
            token.state = State::Revoked;
        }
        (was_spent, token.family)
    });
    let Some((false, family)) = known else {
        if let (Dialect::Gitlab, Some((true, family))) = (host.dialect, known) {
            tokens.revoke(family);
        }
        return match host.dialect {
            Dialect::Github => error(
                200,
                "bad_refresh_token",
                "The refresh token passed is incorrect or expired.",
            ),
            Dialect::Bitbucket => error(400, "invalid_request", "Invalid refresh_token"),
            _ => error(
                400,
                "invalid_grant",
                "The provided authorization grant is invalid, expired, revoked, does not match \
                 the redirection URI used in the authorization request, or was issued to another \
                 client.",
            ),
        };
    };
    tokens.refreshes += 1;
    let new = tokens.issue(host.dialect, Kind::Oauth, Some(family));
    let body = match host.dialect {
        Dialect::Github => json!({
            "access_token": new.access,
            "expires_in": HOURS_8,
            "refresh_token": new.refresh,
            "refresh_token_expires_in": 15_811_200,
            "token_type": "bearer",
            "scope": "",
        }),
        Dialect::Bitbucket => json!({
            "access_token": new.access,
            "expires_in": HOURS_2,
            "scopes": "account repository:write webhook",
            "token_type": "bearer",
        }),
        _ => json!({
            "access_token": new.access,
            "token_type": "Bearer",
            "expires_in": HOURS_2,
            "refresh_token": new.refresh,
            "scope": "api",
            "created_at": 1_793_372_400,
        }),
    };
    Reply::json(200, &body)
}

/// Who asks: in the form, or as Bitbucket wants it in a header.
fn client(dialect: Dialect, request: &Request) -> Option<(String, String)> {
    if dialect != Dialect::Bitbucket {
        let [id, secret] = ["client_id", "client_secret"].map(|it| request.text(it).to_owned());
        return Some((id, secret));
    }
    let basic = request.header("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(BASE64_STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn info(host: &Host, request: &Request) -> Reply {
    let token = presented(request).unwrap_or_default();
    let state = host.state();
    let good = |it: &&super::Issued| it.access == token && it.state == State::Good;
    match state.tokens.issued.iter().find(good) {
        Some(_) => Reply::fixture("gitlab/oauth_token_info_200"),
        None => Reply::fixture("gitlab/user_401_bad_token"),
    }
}

fn error(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description});
    Reply::json(status, &body)
}
