//! The one shape of a failure, in the API's own form or as RFC 9457 problem details.
//!
//! A response that tells of a failure carries its [`Failure`] in its extensions; `observe` writes
//! it again as a problem where the request asks for that, because an error does not see the
//! request it answers.

use std::borrow::Cow;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{ACCEPT, ALLOW, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use scm_service::FieldError;
use scm_types::ErrorCode;
use serde::Serialize;
use serde_json::{Map, Value};

/// The content type of the API's own form.
pub(crate) const JSON: &str = "application/json";

/// What an answer says when something was not done.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// Stable, for programs.
    pub(crate) code: Cow<'static, str>,
    /// For a person.
    pub(crate) error: String,
    pub(crate) details: Vec<FieldError>,
    /// Seconds after which trying again makes sense.
    pub(crate) retry_after: Option<u64>,
    /// The methods a resource has, for 405.
    pub(crate) allow: Option<&'static str>,
    /// Members beside the error, such as the row after a failed check.
    pub(crate) beside: Map<String, Value>,
    /// True if the same request could never get another answer.
    pub(crate) lasting: bool,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, code: ErrorCode, error: impl Into<String>) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code.as_str()),
            error: error.into(),
            details: Vec::new(),
            retry_after: None,
            allow: None,
            beside: Map::new(),
            lasting: false,
        }
    }

    /// The failure in the API's own form.
    pub(crate) fn own_text(&self) -> String {
        let form = OwnForm {
            success: false,
            error: &self.error,
            code: &self.code,
            details: &self.details,
            beside: &self.beside,
        };
        // Text keys only, here and below: writing it cannot fail.
        serde_json::to_string(&form).unwrap_or_default()
    }

    /// The failure that [`Self::own_text`] told; `None` if the text tells of none.
    pub(crate) fn of_own_text(status: StatusCode, text: &str) -> Option<Self> {
        let Ok(Value::Object(mut members)) = serde_json::from_str(text) else {
            return None;
        };
        let mut take = |name| members.shift_remove(name);
        if take("success") != Some(Value::Bool(false)) {
            return None;
        }
        let (Some(Value::String(error)), Some(Value::String(code))) = (take("error"), take("code"))
        else {
            return None;
        };
        let details = take("details").unwrap_or_default();
        let details = details.as_array().into_iter().flatten();
        let detail = |told: &Value| {
            let text = |name| told[name].as_str().map(str::to_owned);
            Some(FieldError::new(text("field")?, text("message")?))
        };
        Some(Self {
            code: Cow::Owned(code),
            details: details.map(detail).collect::<Option<_>>()?,
            beside: members,
            ..Self::new(status, ErrorCode::InternalError, error)
        })
    }

    fn problem(&self) -> Problem<'_> {
        Problem {
            kind: format!("urn:scm:error:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.error,
            code: &self.code,
            errors: &self.details,
            beside: &self.beside,
        }
    }

    /// The answer, in the form that was asked for.
    pub(crate) fn respond(self, form: Form) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            answer.insert_header((RETRY_AFTER, seconds));
        }
        if let Some(methods) = self.allow {
            answer.insert_header((ALLOW, methods));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"scm\""));
        }
        let (kind, body) = match form {
            Form::Own => (JSON, self.own_text()),
            Form::Problem => (
                "application/problem+json",
                serde_json::to_string(&self.problem()).unwrap_or_default(),
            ),
        };
        let mut response = answer.content_type(kind).body(body);
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct OwnForm<'a> {
    success: bool,
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [FieldError],
    #[serde(flatten)]
    beside: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    beside: &'a Map<String, Value>,
}

/// In which form a failure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{"success":false,…}`.
    Own,
    /// RFC 9457.
    Problem,
}

impl Form {
    /// The form that the request's `Accept` asks for.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let problem = headers
            .get_all(ACCEPT)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(asks_for_problem);
        if problem { Self::Problem } else { Self::Own }
    }

    /// The same for a request.
    pub(crate) fn asked_by(request: &HttpRequest) -> Self {
        Self::of(request.headers())
    }
}

/// True for a media range that names problem details and does not rule them out (`q=0`).
fn asks_for_problem(range: &str) -> bool {
    let range = range.to_ascii_lowercase();
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next() == Some("application/problem+json");
    let refused = |part: &str| {
        part.strip_prefix("q=")
            .is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0))
    };
    named && !parts.any(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_form_can_be_read_again() {
        let mut failure = Failure::new(
            StatusCode::CONFLICT,
            ErrorCode::RefConflict,
            "Another is there",
        );
        failure.details.push(FieldError::new("name", "is taken"));
        failure.beside.insert("conflict".into(), Value::from("x"));
        let text = failure.own_text();
        let again = Failure::of_own_text(failure.status, &text).unwrap();
        assert_eq!(again.own_text(), text);
        assert_eq!(
            serde_json::to_string(&again.problem()).unwrap(),
            serde_json::to_string(&failure.problem()).unwrap()
        );
        for other in ["", "[]", r#"{"success":true,"data":1}"#] {
            assert!(
                Failure::of_own_text(failure.status, other).is_none(),
                "{other}"
            );
        }
    }

    #[test]
    fn accept() {
        for (range, want) in [
            ("application/problem+json", true),
            (" Application/Problem+JSON ;q=0.5", true),
            ("application/problem+json;q=0", false),
            ("application/json", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(asks_for_problem(range), want, "{range:?}");
        }
    }
}
