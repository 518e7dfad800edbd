//! What the fuzz targets do with their input.

use http::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use scm_providers::delivery::{Verified, parse, verify};
use scm_types::{ScmEvent, SignatureScheme, Timestamp, WebhookSecret};

/// What the seeds are signed with.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What nothing is signed with.
const OTHER: &str = "whsec_HxwdHhobGBkWFxQVEhMQEQ4PDA0KCwgJBgcEBQIDAAE=";
/// When the seeds are signed, in milliseconds since the Unix epoch.
const NOW: i64 = 1_793_380_800_000;

/// Headers and body as they came. True if they are accepted.
#[must_use]
pub fn signature(input: &[u8]) -> bool {
    let Some((scheme, rest)) = scheme(input) else {
        return false;
    };
    let mut headers = HeaderMap::new();
    let mut body = rest;
    while let Some((line, rest)) = split(body, b"\n") {
        body = rest;
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = split(line, b": ") else {
            continue;
        };
        let name = HeaderName::from_bytes(name).ok();
        if let Some((name, value)) = name.zip(HeaderValue::from_bytes(value).ok()) {
            headers.append(name, value);
        }
    }
    let accepted = judge(scheme, SECRET, &headers, body).is_some();
    let forged = judge(scheme, OTHER, &headers, body).is_some();
    assert!(!forged, "accepted for a secret that signed nothing");
    accepted
}

/// A payload, as if its host had sent it. Its events, if it can be read.
#[must_use]
pub fn payload(input: &[u8]) -> Option<Vec<ScmEvent>> {
    let (scheme, rest) = scheme(input)?;
    let (event, body) = split(rest, b"\n")?;
    let headers = signed(scheme, event, body)?;
    let verified = judge(scheme, SECRET, &headers, body);
    let events = verified.and_then(|verified| parse(&verified).ok())?;
    for event in &events {
        let json = serde_json::to_string(event).ok();
        let back = json.and_then(|json| serde_json::from_str(&json).ok());
        assert_eq!(
            back.as_ref(),
            Some(event),
            "does not come back from its JSON"
        );
    }
    Some(events)
}

fn judge<'a>(
    scheme: SignatureScheme,
    secret: &str,
    headers: &HeaderMap,
    body: &'a [u8],
) -> Option<Verified<'a>> {
    let secret = WebhookSecret::parse(secret).ok()?;
    let now = Timestamp::from_millis(NOW)?;
    verify(scheme, &[&secret], headers, body, now).ok()
}

/// What a host sends with a body. GitLab's payloads come with its plain token: they are the same.
fn signed(scheme: SignatureScheme, event: &[u8], body: &[u8]) -> Option<HeaderMap> {
    let (event_name, proof_name) = match scheme {
        SignatureScheme::Github => ("x-github-event", "x-hub-signature-256"),
        SignatureScheme::GitlabToken => ("x-gitlab-event", "x-gitlab-token"),
        SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter => {
            ("x-event-key", "x-hub-signature")
        }
        SignatureScheme::GitlabSignature => return None,
    };
    let proof = if scheme == SignatureScheme::GitlabToken {
        let secret = WebhookSecret::parse(SECRET).ok()?;
        scm_providers::plain_token(&secret).to_string()
    } else {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), body);
        let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        format!("sha256={}", digits.collect::<String>())
    };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert(event_name, HeaderValue::from_bytes(event).ok()?);
    headers.insert(proof_name, HeaderValue::try_from(proof).ok()?);
    Some(headers)
}

/// The scheme that the first line counts out.
fn scheme(input: &[u8]) -> Option<(SignatureScheme, &[u8])> {
    let (line, rest) = split(input, b"\n")?;
    let [digit @ b'0'..=b'4'] = line else {
        return None;
    };
    let scheme = SignatureScheme::ALL.get(usize::from(digit - b'0'))?;
    Some((*scheme, rest))
}

/// What stands before and after the first `by`.
fn split<'i>(input: &'i [u8], by: &[u8]) -> Option<(&'i [u8], &'i [u8])> {
    let at = input.windows(by.len()).position(|window| window == by)?;
    Some((&input[..at], &input[at + by.len()..]))
}
