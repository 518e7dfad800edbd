//! Reading a JSON body: capped, timed, typed by name, with every wrong field told at once.

use std::{
    fmt::{self, Display},
    future::Future,
    time::Duration,
};

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
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::{
    ApiError,
    gate::Place,
    room::{Full, Room, Rooms, Taken},
    unknown::{TOLD, printable, refused},
};

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
    let (place, rooms) = (Place::of(request), Rooms::of(request));
    async move {
        if too_large {
            return Err(ApiError::BodyTooLarge);
        }
        place
            .outside(timeout(MAX_WAIT, read(payload, &rooms.requests)))
            .await?
            .map_err(|_| ApiError::BodySlow)?
    }
}

async fn read(mut payload: Payload, room: &Room) -> Result<Bytes, ApiError> {
    let (mut body, mut taken) = (BytesMut::new(), Taken::default());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::BodyLost)?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(ApiError::BodyTooLarge);
        }
        let room = room.hold(&mut taken, body.len() + chunk.len());
        room.map_err(|Full| ApiError::Overloaded)?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The members of a JSON object that a request carries, taken out one by one; what was wrong with any
/// of them is told at the end, all at once.
///
/// ```
/// use scm_http::{ApiError, Fields};
///
/// let mut fields = Fields::parse(br#"{"branch":"main","version":3}"#)?;
/// let branch = fields.text("branch", Ok::<_, String>);
/// assert_eq!(branch.as_deref(), Some("main"));
/// let told = fields.finish(&[]).unwrap_err().to_string();
/// assert_eq!(told, "version is not known here; known are branch");
/// # Ok::<(), ApiError>(())
/// ```
pub struct Fields {
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
            Self::parse(&body.await?)
        })
    }
}

/// A request that takes no body: none, or an object without members. Whoever sends one thinks that it
/// does something.
pub(crate) struct NoBody;

impl FromRequest for NoBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = whole(request, payload.take());
        Box::pin(async move {
            let body = body.await?;
            if !body.is_empty() {
                Fields::parse(&body)?.finish(&[])?;
            }
            Ok(Self)
        })
    }
}

/// The object that a body is.
fn object(body: &[u8]) -> Result<Object, ApiError> {
    // serde_json's own text can quote the body.
    let malformed = |error: serde_json::Error| ApiError::MalformedJson {
        line: error.line(),
        column: error.column(),
    };
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            // It begins as something else; whether it ends well is another question.
            let value = serde_json::from_slice::<Value>(body);
            value.map_or_else(malformed, |_| ApiError::NotAnObject)
        } else {
            malformed(error)
        }
    })
}

/// An object as it was sent. A map alone would take the last of two members of one name for both.
#[derive(Debug)]
struct Object {
    members: Map<String, Value>,
    /// Names that stand there more than once, a handful at the most.
    repeated: Vec<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut members, mut repeated) = (Map::new(), Vec::new());
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    let known = members.contains_key(&name);
                    if known && repeated.len() < TOLD && !repeated.contains(&name) {
                        repeated.push(name.clone());
                    }
                    members.insert(name, value);
                }
                Ok(Object { members, repeated })
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl Fields {
    /// Reads a JSON object. Its members must have different names.
    pub fn parse(json: &[u8]) -> Result<Self, ApiError> {
        object(json).map(Self::new)
    }

    fn new(object: Object) -> Self {
        let once = |name: &String| FieldError::new(printable(name), "must be given once");
        Self {
            members: object.members,
            known: Vec::new(),
            errors: object.repeated.iter().map(once).collect(),
        }
    }

    /// Notes a problem with a field.
    pub fn refuse(&mut self, field: impl Into<String>, message: impl ToString) {
        self.errors.push(FieldError::new(field, message));
    }

    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.known.push(field);
        // Keeps what is left in the order it was sent.
        self.members.shift_remove(field)
    }

    /// True if the field is absent, null or an empty string: the original's idea of missing.
    #[must_use]
    pub fn is_missing(&self, field: &str) -> bool {
        match self.members.get(field) {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        }
    }

    /// A text field turned into what it means; `None` if it is absent, null or wrong.
    pub fn text<T, E: Display>(
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
    pub fn required_text<T, E: Display>(
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
    pub fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
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
    pub fn boolean(&mut self, field: &'static str) -> Option<bool> {
        match self.bool_patch(field) {
            Patch::Value(value) => Some(value),
            Patch::Null | Patch::Absent => None,
        }
    }

    /// True if the field was sent with anything but null.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.members
            .get(field)
            .is_some_and(|value| !value.is_null())
    }

    /// A text field of a PATCH.
    pub fn text_patch<T, E: Display>(
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
    pub fn bool_patch(&mut self, field: &'static str) -> Patch<bool> {
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
    pub fn finish(mut self, immutable: &[&str]) -> Result<(), ApiError> {
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

    fn fields(value: &Value) -> Fields {
        Fields::new(object(value.to_string().as_bytes()).unwrap())
    }

    fn told(fields: Fields, immutable: &[&str]) -> Vec<String> {
        let Err(ApiError::Service(scm_service::ServiceError::Invalid(errors))) =
            fields.finish(immutable)
        else {
            panic!("an error")
        };
        let told = errors.iter();
        told.map(|error| format!("{} {}", error.field, error.message))
            .collect()
    }

    #[test]
    fn a_member_is_given_once() {
        let body =
            br#"{"a":"1","b":{"x":1,"x":2},"a":"2","c":null,"a":"3","c\u0001":1,"c\u0001":1}"#;
        let mut fields = Fields::new(object(body).unwrap());
        fields.text("a", Ok::<_, String>);
        for known in ["b", "c", "c\u{1}"] {
            fields.take(known);
        }
        assert_eq!(
            told(fields, &[]),
            ["a must be given once", "c must be given once"]
        );
        let many: Vec<_> = (0..50).map(|n| format!("\"{n}\":0,\"{n}\":0")).collect();
        let many = object(format!("{{{}}}", many.join(",")).as_bytes()).unwrap();
        assert_eq!(many.repeated.len(), TOLD);
    }

    #[test]
    fn what_is_no_object() {
        for (body, want) in [
            ("[]", "The body must be a JSON object"),
            (" null ", "The body must be a JSON object"),
            ("1", "The body must be a JSON object"),
            ("[1", "The body is not valid JSON (line 1, column 2)"),
            ("\"a\" x", "The body is not valid JSON (line 1, column 5)"),
            ("{\"a\":1", "The body is not valid JSON (line 1, column 6)"),
            ("{} x", "The body is not valid JSON (line 1, column 4)"),
            ("", "The body is not valid JSON (line 1, column 0)"),
        ] {
            assert_eq!(
                object(body.as_bytes()).unwrap_err().to_string(),
                want,
                "{body}"
            );
        }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut fields = fields(&json!({"a": 1, "b": "no", "id": "x", "zz\u{1}": null}));
        let a = fields.text("a", Ok::<_, String>);
        let b = fields.text("b", |_| Err::<String, _>("must be yes"));
        assert_eq!((a, b), (None, None));
        assert_eq!(
            told(fields, &["id"]),
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
        let mut fields = fields(&json!({"null": null, "value": "v"}));
        assert_eq!(fields.text_patch("absent", Ok::<_, String>), Patch::Absent);
        assert_eq!(fields.text_patch("null", Ok::<_, String>), Patch::Null);
        assert_eq!(
            fields.text_patch("value", Ok::<_, String>),
            Patch::Value("v".to_owned())
        );
        assert!(fields.finish(&[]).is_ok());
    }
}
