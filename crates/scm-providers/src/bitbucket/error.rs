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

/// The signs of a rate limit.
pub(super) fn limit(answer: &Answer, now: Timestamp) -> Limit {
    rate_limit::by_refusal(answer, now, DEFAULT_WAIT)
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
