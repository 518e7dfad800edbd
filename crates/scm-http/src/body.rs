//! Reading a JSON body: capped, timed, typed by name, with every wrong field told at once.

use std::{fmt::Display, future::Future, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH},
    rt::time::timeout,
    web::{Bytes, BytesMut},
};
use futures_util::{StreamExt as _, future::LocalBoxFuture};
use scm_service::FieldError;
use scm_types::Patch;
use serde_json::{Map, Value};

use crate::{ApiError, unknown::refused};

/// The largest accepted body, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The longest that a body may take to arrive.
const MAX_WAIT: Duration = Duration::from_secs(15);

/// True for JSON in UTF-8, not compressed, as the headers say.
fn is_json(request: &HttpRequest) -> bool {
    let json = request
        .content_type()
        .eq_ignore_ascii_case("application/json");
    let utf8 = request
        .encoding()
        .is_ok_and(|encoding| encoding.name() == "UTF-8");
    let plain = request
        .headers()
        .get_all(CONTENT_ENCODING)
        .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    json && utf8 && plain
}

/// True if the headers announce a body that is too large.
fn is_too_large(request: &HttpRequest) -> bool {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > MAX_BODY as u64)
}

/// The whole body, of whatever kind.
pub(crate) fn whole(
    request: &HttpRequest,
    payload: Payload,
) -> impl Future<Output = Result<Bytes, ApiError>> + use<> {
    let too_large = is_too_large(request);
    async move {
        if too_large {
            return Err(ApiError::BodyTooLarge);
        }
        timeout(MAX_WAIT, read(payload))
            .await
            .map_err(|_| ApiError::BodySlow)?
    }
}

async fn read(mut payload: Payload) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::BodyLost)?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(ApiError::BodyTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The members of a JSON object that a request carries, taken out one by one.
pub(crate) struct Fields {
    members: Map<String, Value>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl FromRequest for Fields {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = is_json(request);
        let body = whole(request, payload.take());
        Box::pin(async move {
            if !is_json {
                return Err(ApiError::ContentType);
            }
            match serde_json::from_slice(&body.await?) {
                Ok(Value::Object(members)) => Ok(Self::new(members)),
                Ok(_) => Err(ApiError::NotAnObject),
                // serde_json's own text can quote the body.
                Err(error) => Err(ApiError::MalformedJson {
                    line: error.line(),
                    column: error.column(),
                }),
            }
        })
    }
}

impl Fields {
    fn new(members: Map<String, Value>) -> Self {
        Self {
            members,
            known: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Notes a problem with a field.
    pub(crate) fn refuse(&mut self, field: impl Into<String>, message: impl ToString) {
        self.errors.push(FieldError::new(field, message));
    }

    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.known.push(field);
        // Keeps what is left in the order it was sent.
        self.members.shift_remove(field)
    }

    /// True if the field is absent, null or an empty string: the original's idea of missing.
    pub(crate) fn is_missing(&self, field: &str) -> bool {
        match self.members.get(field) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        }
    }

    /// A text field turned into what it means; `None` if it is absent, null or wrong.
    pub(crate) fn text<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        match self.take(field)? {
            Value::Null => None,
            value => self.parsed(field, value, parse),
        }
    }

    fn parsed<T, E: Display>(
        &mut self,
        field: &'static str,
        value: Value,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let Value::String(text) = value else {
            self.refuse(field, "must be a string");
            return None;
        };
        parse(text).map_err(|error| self.refuse(field, error)).ok()
    }

    /// The same for a field that has to be there.
    pub(crate) fn required_text<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        if self.is_missing(field) {
            self.refuse(field, "is required");
            self.take(field);
            return None;
        }
        self.text(field, parse)
    }

    /// A list of texts; `None` if it is absent, null or wrong.
    pub(crate) fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        let Value::Array(items) = self.take(field).filter(|value| !value.is_null())? else {
            self.refuse(field, "must be a list of strings");
            return None;
        };
        let texts = items.into_iter().map(|item| match item {
            Value::String(text) => Some(text),
            _ => None,
        });
        let texts: Option<Vec<_>> = texts.collect();
        if texts.is_none() {
            self.refuse(field, "must be a list of strings");
        }
        texts
    }

    /// A boolean field; `None` if it is absent, null or wrong.
    pub(crate) fn boolean(&mut self, field: &'static str) -> Option<bool> {
        match self.bool_patch(field) {
            Patch::Value(value) => Some(value),
            Patch::Null | Patch::Absent => None,
        }
    }

    /// True if the field was sent with anything but null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.members
            .get(field)
            .is_some_and(|value| !value.is_null())
    }

    /// A text field of a PATCH.
    pub(crate) fn text_patch<T, E: Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Patch<T> {
        match self.take(field) {
            None => Patch::Absent,
            Some(Value::Null) => Patch::Null,
            // A wrong value is noted, so what stands here is never used.
            Some(value) => self
                .parsed(field, value, parse)
                .map_or(Patch::Absent, Patch::Value),
        }
    }

    /// A boolean field of a PATCH.
    pub(crate) fn bool_patch(&mut self, field: &'static str) -> Patch<bool> {
        match self.take(field) {
            None => Patch::Absent,
            Some(Value::Null) => Patch::Null,
            Some(Value::Bool(value)) => Patch::Value(value),
            Some(_) => {
                self.refuse(field, "must be true or false");
                Patch::Absent
            }
        }
    }

    /// Names what was left over, and fails if anything was wrong.
    pub(crate) fn finish(mut self, immutable: &[&str]) -> Result<(), ApiError> {
        let names = self.members.keys().map(String::as_str);
        self.errors.extend(refused(names, &self.known, immutable));
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::invalid(self.errors))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        let Value::Object(members) = value else {
            panic!("an object")
        };
        Fields::new(members)
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut fields = fields(json!({"a": 1, "b": "no", "id": "x", "zz\u{1}": null}));
        let a = fields.text("a", Ok::<_, String>);
        let b = fields.text("b", |_| Err::<String, _>("must be yes"));
        assert_eq!((a, b), (None, None));
        let Err(ApiError::Service(scm_service::ServiceError::Invalid(errors))) =
            fields.finish(&["id"])
        else {
            panic!("an error")
        };
        let told: Vec<_> = errors
            .iter()
            .map(|error| format!("{} {}", error.field, error.message))
            .collect();
        assert_eq!(
            told,
            [
                "a must be a string",
                "b must be yes",
                "id cannot be changed",
                "zz is not known here; known are a, b",
            ]
        );
    }

    #[test]
    fn absent_null_and_value_differ() {
        let mut fields = fields(json!({"null": null, "value": "v"}));
        assert_eq!(fields.text_patch("absent", Ok::<_, String>), Patch::Absent);
        assert_eq!(fields.text_patch("null", Ok::<_, String>), Patch::Null);
        assert_eq!(
            fields.text_patch("value", Ok::<_, String>),
            Patch::Value("v".to_owned())
        );
        assert!(fields.finish(&[]).is_ok());
    }
}
