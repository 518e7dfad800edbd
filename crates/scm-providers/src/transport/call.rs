//! What is sent to a host besides questions.

use bytes::Bytes;
use http::Method;
use serde_json::Value;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

/// A request that changes something.
pub struct Call {
    /// `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// What to send.
    pub body: Option<Body>,
}

/// The body of a request.
pub enum Body {
    /// JSON.
    Json(Value),
    /// A form, as OAuth wants it (RFC 6749 appendix B). Wiped from memory when it is dropped.
    Form(Zeroizing<String>),
}

impl Body {
    /// A form of these members.
    #[must_use]
    pub fn form(members: &[(&str, &str)]) -> Self {
        // With room for the longest encoding: a text that grows leaves copies behind.
        let room = |text: &str| 3 * text.len() + 1;
        let size = members.iter().map(|(name, value)| room(name) + room(value));
        let text = String::with_capacity(size.sum());
        let mut form = form_urlencoded::Serializer::new(text);
        form.extend_pairs(members);
        Self::Form(Zeroizing::new(form.finish()))
    }

    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Json(json) => json.to_string().into(),
            Self::Form(text) => Bytes::from_owner(text),
        }
    }
}

impl From<Value> for Body {
    fn from(json: Value) -> Self {
        Self::Json(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded() {
        let body = Body::form(&[("grant_type", "refresh_token"), ("a", "b&c=d é%")]);
        assert_eq!(body.content_type(), "application/x-www-form-urlencoded");
        let want = "grant_type=refresh_token&a=b%26c%3Dd+%C3%A9%25";
        assert_eq!(body.into_bytes(), want);
    }
}
