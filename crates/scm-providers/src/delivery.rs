//! Deliveries of webhooks: proved to be the host's own, then read into events.
//!
//! - The scheme of the stored integration says how a delivery must be signed. The headers that it
//!   came with are only ever judged by it.
//! - Nothing is parsed before it is proved: [`parse`] takes a [`Verified`], and [`verify`] alone makes
//!   one. [`parse_kept`] is for what was verified before it was stored, sealed.
//! - Where a host signs only the body, what its headers say (the event's name, the id) is less
//!   certain than the body: whoever has seen a delivery can send it again with other headers.
//!   [`Verified::digest`] is of what was signed, and stays the same.
//! - A refusal costs the same whichever way it comes: every call authenticates the whole body under
//!   two keys, made-up ones in the place of those that are missing, and compares in constant time.
//!   [`verify_nothing`] does the same for a webhook that nobody knows.
//! - No error holds anything of a header, a body or a secret.
//! - Payloads are somebody else's: bounded in depth and in length of what is kept, without control
//!   characters. Members that are not needed are ignored, and what is not known is told as
//!   [`EventKind::Unknown`](scm_types::EventKind::Unknown).
//!
//! ```
//! use scm_providers::delivery::{parse, verify};
//! use scm_types::{SignatureScheme, Timestamp, WebhookSecret};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = WebhookSecret::parse("example-secret")?;
//! let body = br#"{"test":true}"#;
//! # let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.expose().as_bytes());
//! # let hex: String = ring::hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
//! let mut headers = http::HeaderMap::new();
//! headers.insert("content-type", "application/json".parse()?);
//! headers.insert("x-event-key", "diagnostics:ping".parse()?);
//! headers.insert("x-hub-signature", format!("sha256={hex}").parse()?);
//!
//! let scheme = SignatureScheme::BitbucketDataCenter;
//! let verified = verify(scheme, &[&secret], &headers, body, Timestamp::EPOCH)?;
//! assert_eq!(parse(&verified)?[0].kind, scm_types::EventKind::Ping);
//! # Ok(())
//! # }
//! ```
//! What was not verified cannot be parsed:
//! ```compile_fail,E0308
//! let body: &[u8] = br#"{"test":true}"#;
//! let events = scm_providers::delivery::parse(body);
//! ```
//! and nothing but a verification makes a `Verified`:
//! ```compile_fail,E0423
//! let body: &[u8] = br#"{"test":true}"#;
//! let verified = scm_providers::delivery::Verified(body);
//! ```

mod error;
mod headers;
mod keys;
mod payload;
mod proof;
mod signature;
mod verified;

use scm_types::SignatureScheme;

pub use error::{PayloadError, SignatureError};
pub use keys::MAX_SECRETS;
pub use payload::{parse, parse_kept};
pub use signature::{verify, verify_nothing};
pub use verified::Verified;

const MIB: usize = 1024 * 1024;

/// The largest body that can be a delivery, in bytes; a longer one need not be read to its end.
///
/// - GitHub does not send payloads over 25 MB ("Webhook events and payloads").
/// - GitLab sends at most 25 MB ("Webhooks", limits of the instance).
/// - Bitbucket Cloud drops deliveries over 256 KB ("Manage webhooks"); four times that leaves room
///   for how it counts.
/// - Bitbucket Data Center names no limit; it lists every changed ref, so it gets what GitHub gets.
#[must_use]
pub fn body_cap(scheme: SignatureScheme) -> usize {
    match scheme {
        SignatureScheme::Github
        | SignatureScheme::GitlabSignature
        | SignatureScheme::GitlabToken
        | SignatureScheme::BitbucketDataCenter => 25 * MIB,
        SignatureScheme::Bitbucket => MIB,
    }
}
