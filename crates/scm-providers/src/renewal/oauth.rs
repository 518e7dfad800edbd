//! The refresh of an OAuth token (RFC 6749 section 6) as each product does it: "Refreshing user
//! access tokens" of GitHub, "OAuth 2.0 identity provider API" of GitLab, "Use OAuth on Bitbucket
//! Cloud".

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use scm_types::{AccessToken, HostKind, RefreshToken, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{FreshTokens, OauthClient, RenewalError};
use crate::{
    Outage, ProviderError,
    path::api_url,
    transport::{Answer, Body, Call, Transport},
};

const SPENT: RenewalError = RenewalError::Refused {
    reason: "The code host does not take the refresh token any more: it has expired, was used \
             before, or the access was withdrawn. Connect the repository again",
};

const NOT_OUR_CLIENT: RenewalError = RenewalError::NotDone(ProviderError::ServerRefused {
    what: "the host's setting oauth (client_id, client_secret)",
});

pub(super) async fn refresh(
    transport: &Transport,
    kind: HostKind,
    client: &OauthClient,
    refresh_token: &RefreshToken,
) -> Result<FreshTokens, RenewalError> {
    let base = transport.endpoint().oauth_url.as_ref();
    let base = base.ok_or(RenewalError::NotConfigured)?;
    let (id, secret) = (client.client_id.as_str(), client.client_secret.expose());
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose()),
    ];
    let mut authorization = None;
    let path: &[&str] = match kind {
        HostKind::Github => {
            form.extend([("client_id", id), ("client_secret", secret)]);
            &["login", "oauth", "access_token"]
        }
        HostKind::Gitlab => {
            form.extend([("client_id", id), ("client_secret", secret)]);
            form.extend(
                client
                    .redirect_uri
                    .iter()
                    .map(|uri| ("redirect_uri", &**uri)),
            );
            &["oauth", "token"]
        }
        HostKind::Bitbucket => {
            let pair = Zeroizing::new(format!("{id}:{secret}"));
            let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
            authorization = Some(Zeroizing::new(format!("Basic {}", *pair)));
            &["site", "oauth2", "access_token"]
        }
        HostKind::BitbucketDataCenter => return Err(RenewalError::NotConfigured),
    };
    let call = Call {
        method: Method::POST,
        url: api_url(base, path, &[]).map_err(RenewalError::NotDone)?,
        body: Some(Body::form(&form)),
    };
    let authorization = authorization.as_ref().map(|text| text.as_str());
    let session = transport
        .client_session(id, secret, authorization)
        .map_err(RenewalError::NotDone)?;
    let answer = session.send_once(call).await?;
    judge(kind, &answer, session.now())
}

/// An answer of a token endpoint (RFC 6749 sections 5.1 and 5.2).
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    refresh_token: Option<String>,
    /// Seconds.
    expires_in: Option<Value>,
    error: Option<Value>,
    error_description: Option<Value>,
}

fn judge(kind: HostKind, answer: &Answer, now: Timestamp) -> Result<FreshTokens, RenewalError> {
    let found: TokenAnswer = answer.json().map_err(RenewalError::Unknown)?;
    // GitHub refuses with status 200.
    if found.error.is_some() || !answer.status.is_success() {
        return Err(refusal(kind, answer.status.as_u16(), &found));
    }
    let unusable = |what| RenewalError::Unknown(ProviderError::malformed(what));
    let access_token = found.access_token.unwrap_or_default();
    let access_token = AccessToken::parse(access_token)
        .map_err(|_| unusable("an answer without a usable token"))?;
    let refresh_token = found
        .refresh_token
        .filter(|token| !token.is_empty())
        .map(RefreshToken::parse)
        .transpose()
        .map_err(|_| unusable("a refresh token that cannot be one"))?;
    Ok(FreshTokens {
        access_token,
        refresh_token,
        expires_at: found
            .expires_in
            .as_ref()
            .and_then(seconds)
            .map(|seconds| now.plus(Duration::from_secs(seconds))),
    })
}

fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

fn refusal(kind: HostKind, status: u16, found: &TokenAnswer) -> RenewalError {
    let text = |value: &Option<Value>| {
        let text = value.as_ref().and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    match (kind, text(&found.error).as_str(), status) {
        (_, "invalid_grant" | "bad_refresh_token", _) => SPENT,
        // Bitbucket says so of a refresh token that it does not know.
        (HostKind::Bitbucket, "invalid_request", _)
            if text(&found.error_description).contains("refresh_token") =>
        {
            SPENT
        }
        (_, "invalid_client" | "unauthorized_client" | "incorrect_client_credentials", _)
        | (_, _, 401)
        // GitHub knows no such client.
        | (HostKind::Github, _, 404) => NOT_OUR_CLIENT,
        (_, "server_error" | "temporarily_unavailable", _) => {
            RenewalError::Unknown(ProviderError::outage(Outage::Status(status)))
        }
        _ => RenewalError::NotDone(ProviderError::BadRequest { status }),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn judged(kind: HostKind, status: u16, body: &str) -> Result<FreshTokens, RenewalError> {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            moved: false,
        };
        judge(
            kind,
            &answer,
            Timestamp::parse("2026-10-30T15:00:00Z").unwrap(),
        )
    }

    #[test]
    fn tokens() {
        #[track_caller]
        fn check(body: &str, refresh: Option<&str>, expires_at: Option<&str>) {
            let fresh = judged(HostKind::Gitlab, 200, body).ok().unwrap();
            assert_eq!(fresh.access_token.expose(), "a");
            let got = fresh.refresh_token.as_ref().map(RefreshToken::expose);
            assert_eq!(got, refresh, "{body}");
            let got = fresh.expires_at.map(|at| at.to_string());
            assert_eq!(got.as_deref(), expires_at, "{body}");
        }
        let later = Some("2026-10-30T17:00:00.000Z");
        check(
            r#"{"access_token":"a","refresh_token":"r","expires_in":7200,"scope":"api"}"#,
            Some("r"),
            later,
        );
        check(r#"{"access_token":"a","expires_in":"7200"}"#, None, later);
        check(
            r#"{"access_token":"a","refresh_token":"","expires_in":null,"error":null}"#,
            None,
            None,
        );
        check(r#"{"access_token":"a","expires_in":-1}"#, None, None);
        check(
            r#"{"access_token":"a","expires_in":18446744073709551615}"#,
            None,
            Some("9999-12-31T23:59:59.999Z"),
        );
    }

    #[test]
    fn refusals() {
        const CLIENT: &str = "the operator's client";
        #[track_caller]
        fn check(kind: HostKind, status: u16, body: &str, want: &str) {
            let error = judged(kind, status, body).err().unwrap();
            let got = match &error {
                RenewalError::Refused { .. } => "refused",
                RenewalError::NotPossible { .. } => "not possible",
                RenewalError::NotConfigured => "not configured",
                RenewalError::NotDone(ProviderError::ServerRefused { .. }) => CLIENT,
                RenewalError::NotDone(_) => "not done",
                RenewalError::Unknown(_) => "unknown",
            };
            assert_eq!(got, want, "{kind:?} {status} {body}");
        }
        use HostKind::{Bitbucket, Github, Gitlab};
        check(Github, 200, r#"{"error":"bad_refresh_token"}"#, "refused");
        check(
            Github,
            200,
            r#"{"error":"incorrect_client_credentials"}"#,
            CLIENT,
        );
        check(Github, 404, r#"{"error":"Not Found"}"#, CLIENT);
        check(
            Github,
            200,
            r#"{"error":"unsupported_grant_type"}"#,
            "not done",
        );
        check(Gitlab, 400, r#"{"error":"invalid_grant"}"#, "refused");
        check(Gitlab, 401, r#"{"error":"invalid_grant"}"#, "refused");
        check(Gitlab, 401, r#"{"error":"invalid_client"}"#, CLIENT);
        check(Gitlab, 400, r#"{"error":"unauthorized_client"}"#, CLIENT);
        check(Gitlab, 400, r#"{"error":"invalid_request"}"#, "not done");
        check(Gitlab, 404, r#"{"error":"404 Not Found"}"#, "not done");
        check(Gitlab, 400, r#"{"error":"server_error"}"#, "unknown");
        check(Bitbucket, 400, r#"{"error":"invalid_grant"}"#, "refused");
        check(
            Bitbucket,
            400,
            r#"{"error":"invalid_request","error_description":"Invalid refresh_token"}"#,
            "refused",
        );
        check(Bitbucket, 400, r#"{"error":"invalid_request"}"#, "not done");
        check(
            Bitbucket,
            401,
            r#"{"type":"error","error":{"message":"x"}}"#,
            CLIENT,
        );
        for status in [200, 400, 401, 403] {
            for body in ["<html>", "", "[]", "null", r#""x""#, "access_token=a"] {
                check(Gitlab, status, body, "unknown");
            }
        }
        for body in ["{}", r#"{"access_token":"a b"}"#, r#"{"access_token":1}"#] {
            check(Github, 200, body, "unknown");
        }
        let body = r#"{"access_token":"a","refresh_token":"r s"}"#;
        check(Github, 200, body, "unknown");
    }
}
