//! What a host answered, read to its end.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ProviderError;

/// A complete answer of any status below 500.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// True if it came from another address than the one asked, on the same host.
    pub moved: bool,
}

impl Answer {
    /// A header as text, if there is one that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A header that is a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.header(name)?.trim().parse().ok()
    }

    /// True for a web page: something in between has answered, not the API.
    #[must_use]
    pub fn is_html(&self) -> bool {
        let named = self
            .header(header::CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
        named || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The body of a refusal. All the APIs here refuse with a JSON object, so an answer without one
    /// comes from something in between (a guard, a proxy, a login page) and says nothing about
    /// credential or repository, whatever its status.
    pub fn refusal(&self) -> Result<Map<String, Value>, ProviderError> {
        self.json()
    }

    /// The body as JSON of the wanted shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ProviderError> {
        if self.is_html() {
            return Err(ProviderError::malformed("a web page instead of JSON"));
        }
        // The parser's own text can quote the body.
        serde_json::from_slice(&self.body).map_err(|error| {
            ProviderError::malformed(format!(
                "{:?} error in JSON at line {}, column {}",
                error.classify(),
                error.line(),
                error.column()
            ))
        })
    }
}
