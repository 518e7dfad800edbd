//! Bitbucket Cloud's refusals ("API request limits", and the error schema of its API description).

use std::time::Duration;

use scm_types::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{token, wire};
use crate::{
    ProviderError,
    context::{Context, Subject, not_found},
    rate_limit::{self, Limit},
    transport::Answer,
};

/// The limits are rolling hours, and nothing tells when there is room again.
const DEFAULT_WAIT: Duration = Duration::from_mins(5);

/// The signs of a rate limit. Access tokens are told when less than a fifth is left, and nothing
/// more ("Scaled rate limits").
pub(super) fn limit(answer: &Answer, now: Timestamp) -> Limit {
    let is_near = answer
        .header("x-ratelimit-nearlimit")
        .is_some_and(|near| near.trim().eq_ignore_ascii_case("true"));
    match rate_limit::by_refusal(answer, now, DEFAULT_WAIT) {
        Limit::Clear if is_near => Limit::Near { wait: DEFAULT_WAIT },
        limit => limit,
    }
}

/// The answer if it is a success, else what its refusal means.
pub(super) fn accept(
    context: &Context,
    credential: &str,
    answer: Answer,
    subject: Subject,
) -> Result<Answer, ProviderError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let body = answer.refusal()?;
    let body = wire::Refusal::deserialize(Value::Object(body)).unwrap_or_default();
    let required = scopes(context, &body.error.detail["required"]);
    Err(match (answer.status.as_u16(), subject) {
        (401, _) => context.refused(token::hint(credential)),
        (403, Subject::Repository) if body.error.detail["required"].is_null() => {
            // Private, and no access to it.
            not_found(subject)
        }
        (403, _) => ProviderError::InsufficientScope {
            missing: required,
            sso_url: None,
        },
        // A workspace that its host has closed.
        (410, Subject::Repository) | (404, _) => not_found(subject),
        (400, _) if names_existing(&body.error.data) => ProviderError::Conflict,
        (status, _) => ProviderError::BadRequest { status },
    })
}

/// True if it is the URL of a webhook that was refused: it must resolve to a public address. The
/// member that names the field is not documented, so the text is asked, too.
pub(super) fn refuses_url(answer: &Answer) -> bool {
    if answer.status.as_u16() != 400 {
        return false;
    }
    let body = answer.refusal().unwrap_or_default();
    let body = wire::Refusal::deserialize(Value::Object(body)).unwrap_or_default();
    let message = body.error.message.to_ascii_lowercase();
    !body.error.fields["url"].is_null()
        || message
            .split(|c: char| !c.is_ascii_alphabetic())
            .any(|word| word == "url")
}

/// The scopes of a refusal: a list, all of them needed.
pub(super) fn scopes(context: &Context, list: &Value) -> Option<String> {
    let words: Vec<_> = list.as_array()?.iter().filter_map(Value::as_str).collect();
    context.session.fact(&words.join(", "))
}

fn names_existing(data: &Value) -> bool {
    data["key"]
        .as_str()
        .is_some_and(|key| key.ends_with("_ALREADY_EXISTS"))
}
