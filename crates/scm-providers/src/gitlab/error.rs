//! GitLab's refusals ("Troubleshooting the REST API", "Rate limits").

use std::time::Duration;

use scm_types::{ScmType, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::wire;
use crate::{
    ProviderError,
    context::{Context, Subject, foreign_token, not_found},
    rate_limit::{Limit, remaining, until_epoch},
    transport::{Answer, parse_retry_after},
};

/// Where an application limit names no time.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// The signs of a rate limit.
pub(super) fn limit(answer: &Answer, now: Timestamp) -> Limit {
    let left = answer.number("ratelimit-remaining").and_then(remaining);
    let reset = answer
        .number("ratelimit-reset")
        .and_then(|seconds| until_epoch(seconds, now));
    if answer.status.as_u16() != 429 {
        return match reset.filter(|until| *until > now).zip(left) {
            Some((until, 0)) => Limit::Exhausted { until },
            Some((until, calls)) => Limit::Left {
                calls,
                of: answer.number("ratelimit-limit").and_then(remaining),
                until,
            },
            None => Limit::Clear,
        };
    }
    let retry_after = answer
        .header("retry-after")
        .and_then(|value| parse_retry_after(value, now));
    // The header's reset belongs to the general limit; an endpoint's own leaves it untouched.
    let reset = reset
        .filter(|_| left == Some(0))
        .map(|until| now.until(until));
    match retry_after.or(reset) {
        Some(wait) => Limit::Refused { wait },
        None => Limit::RefusedGrowing {
            first: DEFAULT_WAIT,
        },
    }
}

/// The answer if it is a success, else what its refusal means.
pub(super) fn accept(
    context: &Context,
    token: &str,
    answer: Answer,
    subject: Subject,
) -> Result<Answer, ProviderError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let body = answer.refusal()?;
    let body = wire::Refusal::deserialize(Value::Object(body)).unwrap_or_default();
    Err(match answer.status.as_u16() {
        401 => unauthorised(context, token, &body),
        403 => ProviderError::InsufficientScope {
            missing: missing(context, &body),
            sso_url: None,
        },
        404 => not_found(subject),
        409 => ProviderError::Conflict,
        400 | 422 if says(&body, "already exists") => ProviderError::Conflict,
        status => ProviderError::BadRequest { status },
    })
}

/// True if it is the URL of a webhook that was refused, as addresses inside the network are.
pub(super) fn refuses_url(answer: &Answer) -> bool {
    if answer.status.as_u16() != 422 {
        return false;
    }
    let body = answer.refusal().unwrap_or_default();
    let body = wire::Refusal::deserialize(Value::Object(body)).unwrap_or_default();
    says(&body, "Invalid url") || says(&body, "Url is blocked") || !body.message["url"].is_null()
}

fn unauthorised(context: &Context, token: &str, body: &wire::Refusal) -> ProviderError {
    let described = body.error_description.as_deref().unwrap_or_default();
    match body.error.as_deref() {
        Some("invalid_token") if described.starts_with("Token is expired") => {
            let now = context.session.now();
            ProviderError::TokenExpired {
                at: context.known.expires_at.filter(|at| *at <= now),
            }
        }
        Some("dpop_error") => ProviderError::InsufficientScope {
            missing: Some("a proof of possession (DPoP) that the account demands".to_owned()),
            sso_url: None,
        },
        _ => context.refused(foreign_token(token, ScmType::Gitlab)),
    }
}

/// What a 403 names as missing.
fn missing(context: &Context, body: &wire::Refusal) -> Option<String> {
    match body.error.as_deref() {
        Some("insufficient_scope") => {
            let scopes = context.session.fact(body.scope.as_deref()?)?;
            let mut scopes = scopes.split_ascii_whitespace();
            let first = scopes.next()?;
            Some(match scopes.collect::<Vec<_>>().join(" or ") {
                others if others.is_empty() => format!("the scope {first}"),
                others => format!("the scope {first} or {others}"),
            })
        }
        Some("insufficient_granular_scope") => {
            // "… with the following project permissions: [Webhook: Read]."
            let described = body.error_description.as_deref()?;
            let (_, list) = described.split_once('[')?;
            let (list, _) = list.split_once(']')?;
            context.session.fact(list)
        }
        _ => None,
    }
}

fn says(body: &wire::Refusal, text: &str) -> bool {
    fn any(value: &Value, text: &str, depth: u8) -> bool {
        match value {
            Value::String(said) => said.contains(text),
            Value::Array(list) if depth > 0 => list.iter().any(|value| any(value, text, depth - 1)),
            Value::Object(map) if depth > 0 => {
                map.values().any(|value| any(value, text, depth - 1))
            }
            _ => false,
        }
    }
    any(&body.message, text, 3)
        || body
            .error
            .as_deref()
            .is_some_and(|error| error.contains(text))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::*;

    #[test]
    fn limits() {
        #[track_caller]
        fn check(status: u16, headers: &[(&str, &str)], want: Limit) {
            let now = Timestamp::parse("2026-10-30T16:00:00Z").unwrap(); // 1793376000
            let headers = headers.iter().map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            });
            let answer = Answer {
                status: StatusCode::from_u16(status).unwrap(),
                headers: headers.collect::<HeaderMap>(),
                body: bytes::Bytes::new(),
                moved: false,
            };
            assert_eq!(limit(&answer, now), want);
        }
        let wait = |seconds| Limit::Refused {
            wait: Duration::from_secs(seconds),
        };
        let spent = ("ratelimit-remaining", "0");
        let reset = ("ratelimit-reset", "1793376100");
        let until = Timestamp::parse("2026-10-30T16:01:41Z").unwrap();
        let some = ("ratelimit-remaining", "5");
        let left_of = |of| Limit::Left {
            calls: 5,
            of,
            until,
        };
        check(200, &[some, reset], left_of(None));
        let all = ("ratelimit-limit", "2000");
        check(200, &[some, all, reset], left_of(Some(2_000)));
        check(200, &[some], Limit::Clear);
        check(200, &[some, ("ratelimit-reset", "1")], Limit::Clear);
        check(200, &[spent, reset], Limit::Exhausted { until });
        check(429, &[("retry-after", "42"), spent, reset], wait(42));
        check(429, &[spent, reset], wait(101));
        let growing = Limit::RefusedGrowing {
            first: DEFAULT_WAIT,
        };
        check(429, &[some, reset], growing);
        check(429, &[], growing);
        check(403, &[], Limit::Clear);
    }

    #[test]
    fn texts_of_any_shape() {
        #[track_caller]
        fn check(body: &str, want: bool) {
            let body: wire::Refusal = serde_json::from_str(body).unwrap_or_default();
            assert_eq!(says(&body, "already exists"), want);
        }
        check(r#"{"message":"Branch already exists"}"#, true);
        check(r#"{"message":{"name":["already exists"]}}"#, true);
        check(r#"{"error":"Tag already exists"}"#, true);
        check(r#"{"message":"Branch name is invalid"}"#, false);
        check("nonsense", false);
    }
}
