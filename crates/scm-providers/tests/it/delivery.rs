//! Deliveries of webhooks: which are accepted as the host's, and what they tell.

mod corpus;
mod forgeries;
mod gitlab;
mod ids;
mod page;
mod properties;
mod recorded;
mod refusals;
mod rotation;
mod told;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use scm_providers::delivery::{SignatureError, Verified, verify};
use scm_types::{SignatureScheme, Timestamp, WebhookSecret};

use crate::support::at;

/// The secret of every delivery that is made here, a signing key and a plain text at once.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// Another one.
const OTHER: &str = "whsec_HxwdHhobGBkWFxQVEhMQEQ4PDA0KCwgJBgcEBQIDAAE=";
/// When every delivery is signed, in seconds since the Unix epoch.
const SIGNED_AT: i64 = 1_793_380_800;

fn secret(text: &str) -> WebhookSecret {
    WebhookSecret::parse(text).unwrap()
}

/// The time that [`SIGNED_AT`] is.
fn now() -> Timestamp {
    at("2026-10-30T17:20:00Z")
}

/// A delivery as a server receives it.
#[derive(Clone)]
struct Delivery {
    scheme: SignatureScheme,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Delivery {
    /// What the scheme's host sends for `event`, signed with `text`.
    fn signed_with(text: &str, scheme: SignatureScheme, event: &str, body: &[u8]) -> Self {
        let mut delivery = Self {
            scheme,
            headers: HeaderMap::new(),
            body: body.to_owned(),
        };
        delivery.set("content-type", "application/json");
        let sha256 = |key: &[u8]| sha256(key, body);
        match scheme {
            SignatureScheme::Github => {
                delivery.set("x-github-event", event);
                delivery.set("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958");
                delivery.set("x-hub-signature-256", &sha256(text.as_bytes()));
            }
            SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter => {
                let cloud = scheme == SignatureScheme::Bitbucket;
                let id = if cloud {
                    "x-request-uuid"
                } else {
                    "x-request-id"
                };
                delivery.set("x-event-key", event);
                delivery.set(id, "9d52f1e0-aaaa-4bbb-8ccc-000000000001");
                delivery.set("x-hub-signature", &sha256(text.as_bytes()));
            }
            SignatureScheme::GitlabSignature => {
                delivery.set("x-gitlab-event", event);
                delivery.set("webhook-id", "3a427872-00df-429c-9bc9-a9475de2ef01");
                delivery.set("webhook-timestamp", &SIGNED_AT.to_string());
                let signature = standard(text, &delivery);
                delivery.set("webhook-signature", &signature);
            }
            SignatureScheme::GitlabToken => {
                delivery.set("x-gitlab-event", event);
                delivery.set("idempotency-key", "3a427872-00df-429c-9bc9-a9475de2ef01");
                let token = scm_providers::plain_token(&secret(text));
                delivery.set("x-gitlab-token", &token);
            }
        }
        delivery
    }

    fn signed(scheme: SignatureScheme, event: &str, body: &[u8]) -> Self {
        Self::signed_with(SECRET, scheme, event, body)
    }

    fn set(&mut self, name: &str, value: &str) {
        let name = HeaderName::try_from(name).unwrap();
        self.headers
            .insert(name, HeaderValue::try_from(value).unwrap());
    }

    fn remove(&mut self, name: &str) {
        self.headers.remove(name).unwrap();
    }

    fn header(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    /// Verified with these secrets at [`now`].
    fn verify_with(&self, secrets: &[&str]) -> Result<Verified<'_>, SignatureError> {
        self.verify_at(secrets, now())
    }

    fn verify_at(&self, secrets: &[&str], at: Timestamp) -> Result<Verified<'_>, SignatureError> {
        let secrets: Vec<_> = secrets.iter().map(|text| secret(text)).collect();
        let secrets: Vec<_> = secrets.iter().collect();
        verify(self.scheme, &secrets, &self.headers, &self.body, at)
    }

    fn verify(&self) -> Result<Verified<'_>, SignatureError> {
        self.verify_with(&[SECRET])
    }
}

/// `sha256=` and the digits.
fn sha256(key: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), body);
    format!("sha256={}", hex(tag.as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let digits = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap());
    digits.collect()
}

/// What GitLab signs of a delivery that has its id and time.
fn standard(text: &str, delivery: &Delivery) -> String {
    let key = BASE64_STANDARD.decode(text.strip_prefix("whsec_").unwrap());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key.unwrap());
    let mut context = hmac::Context::with_key(&key);
    for part in ["webhook-id", "webhook-timestamp"] {
        context.update(delivery.headers[part].as_bytes());
        context.update(b".");
    }
    context.update(&delivery.body);
    format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
}
