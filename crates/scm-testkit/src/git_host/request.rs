//! A request taken apart: decoded path, query and body.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::code_host::Recorded;

/// A request below the API's prefix.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    /// The segments of the path, each decoded: `%2F` does not part one from the next.
    pub(super) segments: Vec<String>,
    /// The same as they were sent.
    pub(super) raw: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    /// The JSON or the form that was sent, else null.
    pub(super) body: Value,
    pub(super) headers: Vec<(String, String)>,
}

impl Request {
    /// None if the path is not below the prefix.
    pub(super) fn parse(recorded: &Recorded, prefix: &str) -> Option<Self> {
        let path = recorded.path.strip_prefix(prefix)?.strip_prefix('/')?;
        let raw: Vec<String> = path.split('/').map(str::to_owned).collect();
        Some(Self {
            method: recorded.method.clone(),
            segments: raw.iter().map(|it| decode(it)).collect(),
            raw,
            query: pairs(recorded.query.as_bytes()),
            body: body(recorded),
            headers: recorded.headers.clone(),
        })
    }

    pub(super) fn is_write(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH" | "DELETE")
    }

    /// Without the first segments.
    pub(super) fn below(&self, count: usize) -> Self {
        Self {
            segments: self.segments[count..].to_vec(),
            raw: self.raw[count..].to_vec(),
            ..self.clone()
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let mut query = self.query.iter();
        query
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter.
    pub(super) fn queries(&self, name: &str) -> Vec<&str> {
        let query = self.query.iter().filter(|(known, _)| known == name);
        query.map(|(_, value)| value.as_str()).collect()
    }

    /// A number from the query, from 1 on.
    pub(super) fn number(&self, name: &str, default: usize) -> usize {
        let given = self.query(name).and_then(|it| it.parse().ok());
        given.filter(|&it| it > 0).unwrap_or(default)
    }

    /// A text of the body, empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// A parameter of the body or the query, as GitLab takes them.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.body[name].as_str().or_else(|| self.query(name))
    }

    /// The path and the query with some parameters set anew.
    pub(super) fn with_query(&self, changes: &[(&str, &str)]) -> String {
        let kept = self
            .query
            .iter()
            .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name))
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(kept).extend_pairs(changes);
        query.finish()
    }
}

/// As much of a list as there is from a place on.
pub(super) fn slice<T>(all: &[T], start: usize, size: usize) -> &[T] {
    let start = start.min(all.len());
    &all[start..all.len().min(start + size)]
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn body(recorded: &Recorded) -> Value {
    let chunked = recorded.header("transfer-encoding").is_some();
    let bytes = if chunked {
        unchunked(&recorded.body)
    } else {
        recorded.body.clone()
    };
    let form = recorded
        .header("content-type")
        .is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"));
    if form {
        let members = pairs(&bytes).into_iter();
        return members
            .map(|(name, value)| (name, Value::String(value)))
            .collect::<Map<_, _>>()
            .into();
    }
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// The data of `5\r\nhello\r\n0\r\n\r\n`.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while let Some(end) = rest.windows(2).position(|it| it == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = size.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_default();
        let Some(chunk) = rest.get(end + 2..end + 2 + size).filter(|_| size > 0) else {
            break;
        };
        data.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or_default();
    }
    data
}
