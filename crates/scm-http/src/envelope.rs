//! The one shape of a good answer: `{"success":true,"data":…}` with what belongs beside the data.

use scm_types::VerificationResult;
use serde::Serialize;

/// A good answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<T> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verification: Option<VerificationResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<&'static str>,
    /// Of a write: whether the wanted state was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) existing: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// Of tags: whether there are more than were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) truncated: Option<bool>,
    /// Of tags: whether every one stands where it belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exact: Option<bool>,
}

impl<T> Envelope<T> {
    /// An answer with a result.
    pub(crate) fn of(data: T) -> Self {
        Self {
            data: Some(data),
            ..Self::empty()
        }
    }

    /// An answer without one.
    pub(crate) fn empty() -> Self {
        Self {
            success: true,
            data: None,
            verification: None,
            message: None,
            existing: None,
            count: None,
            next_cursor: None,
            truncated: None,
            exact: None,
        }
    }

    /// The same with a sentence for a person.
    pub(crate) fn message(self, message: &'static str) -> Self {
        Self {
            message: Some(message),
            ..self
        }
    }
}
