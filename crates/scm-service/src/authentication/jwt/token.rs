//! A token as it is written: three parts in base64url, the first two JSON objects (RFC 7515).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::JwtAlgorithm;

/// The longest token, in characters.
const MAX: usize = 16 * 1024;

/// A token that was read. Nothing in it is known to be true before its signature is verified.
pub(super) struct Unverified<'a> {
    pub(super) algorithm: JwtAlgorithm,
    pub(super) key_id: Option<String>,
    /// What is signed.
    pub(super) message: &'a str,
    pub(super) signature: Vec<u8>,
    payload: &'a str,
}

impl<'a> Unverified<'a> {
    /// Reads a token; fails with the reason.
    pub(super) fn read(token: &'a str) -> Result<Self, &'static str> {
        if token.len() > MAX {
            return Err("the token is longer than 16 KiB");
        }
        let malformed = "it is no signed token of three parts";
        let (message, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = message.split_once('.').ok_or(malformed)?;
        if payload.contains('.') {
            return Err(malformed);
        }
        let header = object(header).ok_or("the token's header is no JSON object")?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err("the token's header has extensions that are not known here");
        }
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.and_then(|word| word.parse().ok());
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err("the token's key id is no text"),
        };
        Ok(Self {
            algorithm: algorithm.ok_or("the token's algorithm is none that is known here")?,
            key_id,
            message,
            signature: URL_SAFE_NO_PAD
                .decode(signature)
                .map_err(|_| "the token's signature is no base64url")?,
            payload,
        })
    }

    /// What the token says, after its signature was verified.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, &'static str> {
        object(self.payload).ok_or("the token's claims are no JSON object")
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
