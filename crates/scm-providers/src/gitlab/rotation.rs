//! A new access token in place of an old one ("Rotate a personal access token" by itself; project and
//! group access tokens are personal ones of a bot).
//!
//! Whoever presents a token that was rotated before has every token of its family revoked ("Automatic
//! reuse detection"), so nothing here is ever repeated.

use http::Method;
use scm_types::{AccessToken, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::{credential, token::midnight};
use crate::{
    FreshTokens, ProviderError, RenewalError,
    path::api_url,
    transport::{Answer, Call, Transport},
};

/// Sends the request, once. The new token ends at the beginning of the day of `expires_at`.
pub(crate) async fn rotate(
    transport: &Transport,
    token: &AccessToken,
    expires_at: Option<Timestamp>,
) -> Result<FreshTokens, RenewalError> {
    let (_, authorization) = credential(token).map_err(|error| match error {
        ProviderError::UnsupportedCredential { reason } => RenewalError::NotPossible { reason },
        error => RenewalError::NotDone(error),
    })?;
    let base = &transport.endpoint().api_url;
    let path = ["personal_access_tokens", "self", "rotate"];
    let body = match expires_at {
        Some(at) => json!({"expires_at": at.to_utc().date_naive().to_string()}),
        None => json!({}),
    };
    let call = Call {
        method: Method::POST,
        url: api_url(base, &path, &[]).map_err(RenewalError::NotDone)?,
        body: Some(body.into()),
    };
    let session = transport.session(token, &authorization);
    let session = session.map_err(RenewalError::NotDone)?;
    judge(&session.send_once(call).await?)
}

#[derive(Deserialize)]
struct Rotated {
    token: String,
    expires_at: Option<String>,
}

fn judge(answer: &Answer) -> Result<FreshTokens, RenewalError> {
    let unclear = RenewalError::Unknown;
    if answer.status.is_success() {
        let found: Rotated = answer.json().map_err(unclear)?;
        let token = AccessToken::parse(found.token)
            .map_err(|_| unclear(ProviderError::malformed("an answer without a usable token")))?;
        return Ok(FreshTokens {
            access_token: token,
            refresh_token: None,
            expires_at: found.expires_at.as_deref().and_then(midnight),
        });
    }
    answer.refusal().map_err(unclear)?;
    Err(match answer.status.as_u16() {
        401 => RenewalError::Refused {
            reason: "GitLab refused the access token that was to be renewed: it has expired or was \
                     revoked. Store a new one",
        },
        403 => RenewalError::NotPossible {
            reason: "The access token may not renew itself: that takes the scope api or \
                     self_rotate. Store a token that has it, or replace the token before it ends",
        },
        404 => RenewalError::NotPossible {
            reason: "This GitLab has no renewal of access tokens; that came with version 16.10. \
                     Replace the token before it ends",
        },
        405 => RenewalError::NotPossible {
            reason: "GitLab renews personal, project and group access tokens only, and this is \
                     another kind. Store one of those, or replace this one before it ends",
        },
        status => RenewalError::NotDone(ProviderError::BadRequest { status }),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn judged(status: u16, body: &str) -> Result<FreshTokens, RenewalError> {
        judge(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            moved: false,
        })
    }

    #[test]
    fn tokens() {
        let body = r#"{"id":9,"token":"glpat-new","expires_at":"2027-01-31","active":true}"#;
        let fresh = judged(200, body).ok().unwrap();
        assert_eq!(fresh.access_token.expose(), "glpat-new");
        assert!(fresh.refresh_token.is_none());
        let at = fresh.expires_at.unwrap().to_string();
        assert_eq!(at, "2027-01-31T00:00:00.000Z");
        let fresh = judged(201, r#"{"token":"t","expires_at":null}"#)
            .ok()
            .unwrap();
        assert_eq!(fresh.expires_at, None);
    }

    #[test]
    fn refusals() {
        #[track_caller]
        fn check(status: u16, body: &str, want: &str) {
            let error = judged(status, body).err().unwrap();
            let got = match &error {
                RenewalError::Refused { .. } => "refused",
                RenewalError::NotPossible { .. } => "not possible",
                RenewalError::NotConfigured => "not configured",
                RenewalError::NotDone(_) => "not done",
                RenewalError::Unknown(_) => "unknown",
            };
            assert_eq!(got, want, "{status} {body}");
        }
        for status in [401, 403, 404, 405] {
            let want = if status == 401 {
                "refused"
            } else {
                "not possible"
            };
            check(status, r#"{"message":"x"}"#, want);
            check(status, "<html>", "unknown");
            check(status, "", "unknown");
        }
        check(400, r#"{"error":"expires_at is invalid"}"#, "not done");
        check(200, "{}", "unknown");
        check(200, r#"{"token":""}"#, "unknown");
        check(200, "<html>", "unknown");
    }
}
