//! Data Center's refusals: a list of errors, each with the name of a Java exception.
//!
//! - Status 401 means a refused credential and a missing permission alike. The exception tells them
//!   apart; where there is none, whether the answer names a user does.

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

/// Where a limit names no time.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// The signs of a rate limit, which an administrator may set.
pub(super) fn limit(answer: &Answer, now: Timestamp) -> Limit {
    rate_limit::by_refusal(answer, now, DEFAULT_WAIT)
}

/// The answer if it is a success, else what its refusal means.
pub(super) fn accept(
    context: &Context,
    answer: Answer,
    subject: Subject,
) -> Result<Answer, ProviderError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    let body = answer.refusal()?;
    let body = wire::Refusal::deserialize(Value::Object(body)).unwrap_or_default();
    let exception = body.exception();
    let is_known = token::User::of(&answer) == token::User::Named;
    Err(match (answer.status.as_u16(), subject) {
        (401, _) if !is_about_rights(exception, is_known) => {
            context.refused(token::hint(context.token.expose(), exception))
        }
        // Private, and no access to it.
        (401, Subject::Repository) => not_found(subject),
        (401 | 403, _) => ProviderError::InsufficientScope {
            missing: None,
            sso_url: None,
        },
        (404, Subject::Part) if names(exception, &["NoSuchRepository", "NoSuchProject"]) => {
            not_found(Subject::Repository)
        }
        (404, _) => not_found(subject),
        (400 | 409, _) if names(exception, &["Duplicate"]) => ProviderError::Conflict,
        (status, _) => ProviderError::BadRequest { status },
    })
}

/// True if it is the URL of a webhook that was refused.
pub(super) fn refuses_url(answer: &Answer) -> bool {
    if answer.status.as_u16() != 400 {
        return false;
    }
    let body = answer.refusal().unwrap_or_default();
    let body = wire::Refusal::deserialize(Value::Object(body)).unwrap_or_default();
    body.is_about("url")
}

/// Whether a 401 is about what a good credential may do.
fn is_about_rights(exception: &str, is_known: bool) -> bool {
    exception.ends_with("AuthorisationException") || (exception.is_empty() && is_known)
}

fn names(exception: &str, any: &[&str]) -> bool {
    any.iter().any(|name| exception.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_and_credentials() {
        assert!(is_about_rights("AuthorisationException", false));
        assert!(is_about_rights("", true));
        assert!(!is_about_rights("", false));
        assert!(!is_about_rights(
            "IncorrectPasswordAuthenticationException",
            true
        ));
    }
}
