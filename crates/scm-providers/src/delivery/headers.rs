//! The headers of deliveries.

use http::HeaderMap;

use super::SignatureError;

pub(super) const GITHUB_SIGNATURE: &str = "x-hub-signature-256";
pub(super) const GITHUB_DELIVERY: &str = "x-github-delivery";
pub(super) const GITHUB_EVENT: &str = "x-github-event";
pub(super) const BITBUCKET_SIGNATURE: &str = "x-hub-signature";
pub(super) const BITBUCKET_DELIVERY: &str = "x-request-uuid";
pub(super) const DATA_CENTER_DELIVERY: &str = "x-request-id";
pub(super) const BITBUCKET_EVENT: &str = "x-event-key";
pub(super) const GITLAB_TOKEN: &str = "x-gitlab-token";
pub(super) const GITLAB_EVENT: &str = "x-gitlab-event";
pub(super) const GITLAB_EVENT_UUID: &str = "x-gitlab-event-uuid";
pub(super) const GITLAB_IDEMPOTENCY_KEY: &str = "idempotency-key";
pub(super) const WEBHOOK_ID: &str = "webhook-id";
pub(super) const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
pub(super) const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// The value of a header that has to be there once.
pub(super) fn required<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h [u8], SignatureError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(SignatureError::Missing),
        (Some(value), None) => Ok(value.as_bytes()),
        // Which of the two would count is a matter of taste, and tastes differ on the way here.
        (Some(_), Some(_)) => Err(SignatureError::Malformed),
    }
}

/// The text of a header that may be there; `None` if it is there twice or is no ASCII.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    std::str::from_utf8(required(headers, name).ok()?).ok()
}
