//! What a delivery shows to prove itself: the headers of each scheme, read in the exact form that
//! the host writes. Nothing here is secret, and nothing here is believed.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderMap;
use scm_types::{SignatureScheme, Timestamp};

use super::{
    SignatureError,
    headers::{
        BITBUCKET_SIGNATURE, GITHUB_SIGNATURE, GITLAB_TOKEN, WEBHOOK_ID, WEBHOOK_SIGNATURE,
        WEBHOOK_TIMESTAMP, required,
    },
};

/// Bytes of an HMAC-SHA256.
const TAG: usize = 32;
/// How far the time of a signature may be from ours, either way.
const TOLERANCE: Duration = Duration::from_mins(5);
/// The most signatures in one header; a host that changes keys sends two.
const MAX_SIGNATURES: usize = 8;
/// The longest id that is signed along.
const MAX_ID: usize = 256;

/// What has to be right for a delivery to be the host's.
pub(super) enum Proof<'h> {
    /// One of these is the HMAC-SHA256 of body under the text of a secret.
    Body([u8; TAG]),
    /// One of these is the HMAC-SHA256 of prefix and body under a signing key.
    Standard {
        /// Id and time, as they stand before the body.
        prefix: Vec<u8>,
        /// The signatures.
        tags: Vec<[u8; TAG]>,
    },
    /// This is the token that the host was given.
    Token(&'h [u8]),
}

impl<'h> Proof<'h> {
    /// What the scheme asks for, of these headers.
    pub(super) fn read(
        scheme: SignatureScheme,
        headers: &'h HeaderMap,
        now: Timestamp,
    ) -> Result<Self, SignatureError> {
        match scheme {
            SignatureScheme::Github => hex(required(headers, GITHUB_SIGNATURE)?),
            SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter => {
                hex(required(headers, BITBUCKET_SIGNATURE)?)
            }
            SignatureScheme::GitlabSignature => standard(headers, now),
            // An instance that has learned to sign since the webhook was registered: its signature
            // counts, and a plain token does not make a wrong one right.
            SignatureScheme::GitlabToken if headers.contains_key(WEBHOOK_SIGNATURE) => {
                standard(headers, now)
            }
            SignatureScheme::GitlabToken => required(headers, GITLAB_TOKEN).map(Proof::Token),
        }
    }

    /// What is signed before the body.
    pub(super) fn prefix(&self) -> &[u8] {
        match self {
            Self::Standard { prefix, .. } => prefix,
            Self::Body(_) | Self::Token(_) => &[],
        }
    }
}

/// `sha256=` and 64 lower-case digits: no host writes others, so others are not the host's.
fn hex<'h>(value: &[u8]) -> Result<Proof<'h>, SignatureError> {
    let digits = value
        .strip_prefix(b"sha256=")
        .filter(|digits| digits.len() == 2 * TAG)
        .ok_or(SignatureError::Malformed)?;
    let mut tag = [0; TAG];
    for (byte, pair) in tag.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(Proof::Body(tag))
}

fn digit(char: u8) -> Result<u8, SignatureError> {
    match char {
        b'0'..=b'9' => Ok(char - b'0'),
        b'a'..=b'f' => Ok(char - b'a' + 10),
        _ => Err(SignatureError::Malformed),
    }
}

/// The three headers of the Standard Webhooks convention.
fn standard<'h>(headers: &HeaderMap, now: Timestamp) -> Result<Proof<'h>, SignatureError> {
    let signatures = required(headers, WEBHOOK_SIGNATURE)?;
    let id = required(headers, WEBHOOK_ID)?;
    let time = required(headers, WEBHOOK_TIMESTAMP)?;
    if id.is_empty() || id.len() > MAX_ID || !id.iter().all(u8::is_ascii_graphic) {
        return Err(SignatureError::Malformed);
    }
    let signed_at = seconds(time)?;
    if now.until(signed_at).max(signed_at.until(now)) > TOLERANCE {
        return Err(SignatureError::Stale);
    }
    Ok(Proof::Standard {
        prefix: [id, b".", time, b"."].concat(),
        tags: versioned(signatures)?,
    })
}

/// Seconds since the Unix epoch.
fn seconds(value: &[u8]) -> Result<Timestamp, SignatureError> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|text| text.parse::<i64>().ok())
        .and_then(|seconds| seconds.checked_mul(1_000))
        .and_then(Timestamp::from_millis)
        .ok_or(SignatureError::Malformed)
}

/// `v1,` and base64, several of them parted by spaces. Signatures of other versions are passed over,
/// for a host that learns a new one sends both.
fn versioned(value: &[u8]) -> Result<Vec<[u8; TAG]>, SignatureError> {
    let mut tags = Vec::new();
    for (index, part) in value.split(|byte| *byte == b' ').enumerate() {
        if index >= MAX_SIGNATURES {
            return Err(SignatureError::Malformed);
        }
        if let Some(encoded) = part.strip_prefix(b"v1,") {
            let tag = BASE64_STANDARD.decode(encoded).ok();
            let tag = tag.and_then(|bytes| bytes.try_into().ok());
            tags.push(tag.ok_or(SignatureError::Malformed)?);
        }
    }
    if tags.is_empty() {
        return Err(SignatureError::Malformed);
    }
    Ok(tags)
}
