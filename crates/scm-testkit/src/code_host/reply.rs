//! Answers, faults among them.

use std::{io::Write, time::Duration};

use serde_json::Value;

use super::fixture;

/// One scripted answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

/// What goes wrong below HTTP.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The request is read and nothing is ever sent.
    Silence,
    /// More is announced than is sent.
    Truncate,
    /// The connection is closed without an answer.
    Close,
}

impl Reply {
    /// An answer with JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json; charset=utf-8", body.to_string())
    }

    /// An answer with plain text.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::bytes(status, "text/plain", body)
    }

    /// A web page, such as a proxy or a maintenance mode answers with.
    #[must_use]
    pub fn html(status: u16) -> Self {
        let page = "<!DOCTYPE html><html><body>Sign in at http://10.1.2.3/internal</body></html>";
        Self::bytes(status, "text/html; charset=utf-8", page)
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            fault: None,
        }
    }

    /// An answer with any body.
    #[must_use]
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..Self::empty(status).header("content-type", content_type)
        }
    }

    /// A recorded answer: `github/repo_200` is `fixtures/github/repo_200.json`.
    #[must_use]
    pub fn fixture(name: &str) -> Self {
        let fixture = fixture(name);
        let response = &fixture["response"];
        let status = response["status"]
            .as_u64()
            .and_then(|it| it.try_into().ok());
        let body = match &response["body"] {
            Value::Null => Vec::new(),
            Value::String(text) => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        };
        let mut reply = Self {
            body,
            ..Self::empty(status.unwrap_or(200))
        };
        for (name, value) in response["headers"].as_object().into_iter().flatten() {
            reply = reply.header(name, value.as_str().unwrap_or_default());
        }
        reply
    }

    /// A redirect.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::text(status, "Moved").header("location", location)
    }

    /// `bytes` spaces as JSON: larger than a client should take.
    #[must_use]
    pub fn huge(bytes: usize) -> Self {
        Self::bytes(200, "application/json", vec![b' '; bytes])
    }

    /// `bytes` spaces, compressed to about a thousandth.
    #[must_use]
    pub fn gzip_bomb(bytes: usize) -> Self {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let block = vec![b' '; 64 * 1024];
        let mut left = bytes;
        while left > 0 {
            let take = left.min(block.len());
            // Writing to a vector does not fail.
            let _ = encoder.write_all(&block[..take]);
            left -= take;
        }
        let body = encoder.finish().unwrap_or_default();
        Self::bytes(200, "application/json", body).header("content-encoding", "gzip")
    }

    /// The request is read and never answered.
    #[must_use]
    pub fn never() -> Self {
        Self {
            fault: Some(Fault::Silence),
            ..Self::empty(200)
        }
    }

    /// The connection is closed without an answer.
    #[must_use]
    pub fn close() -> Self {
        Self {
            fault: Some(Fault::Close),
            ..Self::empty(200)
        }
    }

    /// Announces the whole body and sends half of it.
    #[must_use]
    pub fn truncated(self) -> Self {
        Self {
            fault: Some(Fault::Truncate),
            ..self
        }
    }

    /// Answers only after a while.
    #[must_use]
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// With a header; one of the same name is replaced.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// With members of the JSON body put in or replaced, at the top level.
    #[must_use]
    pub fn with(mut self, members: &Value) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
            for (name, value) in members {
                body.insert(name.clone(), value.clone());
            }
        }
        self.body = body.to_string().into_bytes();
        self
    }
}

/// The answers of a route, one after the other; the last stays.
#[derive(Debug, Clone)]
pub struct Replies(pub(crate) Vec<Reply>);

impl From<Reply> for Replies {
    fn from(reply: Reply) -> Self {
        Self(vec![reply])
    }
}

impl<const N: usize> From<[Reply; N]> for Replies {
    fn from(replies: [Reply; N]) -> Self {
        Self(replies.into())
    }
}
