//! Headers and body of a delivery as one text, which is what is sealed.
//!
//! One line of JSON with scheme and headers, then the body: as it came if it is text, which every
//! genuine one is, else in base64.

use base64::{Engine, engine::general_purpose::STANDARD};
use scm_types::SignatureScheme;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{InboxController, corrupt, place};
use crate::StoreError;

/// What was delivered.
pub struct DeliveryPayload {
    /// How it was signed.
    pub scheme: SignatureScheme,
    /// The headers that were kept, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte by byte.
    pub body: Vec<u8>,
}

impl InboxController {
    /// Seals headers and body for the delivery of this id.
    pub(super) fn seal(
        &self,
        id: &str,
        tenant: &str,
        payload: &DeliveryPayload,
    ) -> Result<String, StoreError> {
        let text = Zeroizing::new(written(payload));
        Ok(self.cipher.seal(&place(id, tenant), &text)?)
    }

    /// Opens what [`Self::seal`] made. Fails with [`StoreError::Unreadable`] if it does not open.
    pub(super) fn open(
        &self,
        id: &str,
        tenant: &str,
        sealed: &str,
    ) -> Result<DeliveryPayload, StoreError> {
        let place = place(id, tenant);
        let text = self.cipher.open(&place, sealed);
        let text = text.map_err(|_| StoreError::Unreadable {
            table: place.table,
            column: place.column,
            id: id.to_owned(),
        })?;
        read(&text).ok_or_else(|| corrupt(id, place.column))
    }
}

fn written(payload: &DeliveryPayload) -> String {
    let text = std::str::from_utf8(&payload.body).ok();
    let head = json!({
        "scheme": payload.scheme.as_str(),
        "headers": payload.headers,
        "base64": text.is_none(),
    });
    let mut written = head.to_string();
    written.push('\n');
    match text {
        Some(text) => written.push_str(text),
        None => STANDARD.encode_string(&payload.body, &mut written),
    }
    written
}

fn read(text: &str) -> Option<DeliveryPayload> {
    let (head, body) = text.split_once('\n')?;
    let head: Value = serde_json::from_str(head).ok()?;
    let header = |pair: &Value| {
        let text = |at: usize| pair.get(at)?.as_str().map(str::to_owned);
        Some((text(0)?, text(1)?))
    };
    let headers = head.get("headers")?.as_array()?.iter().map(header);
    Some(DeliveryPayload {
        scheme: head.get("scheme")?.as_str()?.parse().ok()?,
        headers: headers.collect::<Option<_>>()?,
        body: if head.get("base64")?.as_bool()? {
            STANDARD.decode(body).ok()?
        } else {
            body.as_bytes().to_vec()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        for body in [
            b"{}".as_slice(),
            b"",
            b"\n\n{\"a\":1}\n",
            &[0xff, 0x00, 0x0a],
            "ü\u{0}".as_bytes(),
        ] {
            let payload = DeliveryPayload {
                scheme: SignatureScheme::GitlabToken,
                headers: vec![("x-gitlab-event".to_owned(), "Push \"Hook\"\n".to_owned())],
                body: body.to_vec(),
            };
            let again = read(&written(&payload)).unwrap();
            assert_eq!(again.body, body);
            assert_eq!(again.headers, payload.headers);
            assert_eq!(again.scheme, payload.scheme);
        }
        for broken in [
            "",
            "{}",
            "{}\n",
            "{\"scheme\":\"github\",\"headers\":[[1]],\"base64\":false}\n",
        ] {
            assert!(read(broken).is_none(), "{broken}");
        }
    }
}
