//! Events as signed requests to one address, by the convention of Standard Webhooks.
//!
//! - Signed is what is sent, byte for byte, with the event's id and the time of the attempt.
//! - Neither key nor address stands in an error or in the log.

use std::{fmt::Display, sync::Arc};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use ring::hmac;
use scm_providers::{
    TransportSettings,
    transport::{PostError, Poster},
};
use scm_types::{Clock, TenantEvent};
use url::Url;
use zeroize::Zeroizing;

use super::{EventSink, SinkError};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The trace that a request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What pushed events are signed with. Cannot be printed.
pub struct PushSecret(hmac::Key);

/// The text is no such secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be whsec_ and the Base64 of 24 to 64 bytes")]
pub struct InvalidPushSecret;

impl PushSecret {
    const PREFIX: &str = "whsec_";

    /// Reads `whsec_` and the Base64 of 24 to 64 bytes.
    pub fn parse(raw: &str) -> Result<Self, InvalidPushSecret> {
        let encoded = raw.strip_prefix(Self::PREFIX).ok_or(InvalidPushSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidPushSecret)?;
        let bytes = Zeroizing::new(bytes);
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
        } else {
            Err(InvalidPushSecret)
        }
    }

    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// Posts each event, in the form of the feed, to one address. It was taken if the status is 2xx;
/// redirects are not followed, and no attempt takes longer than ten seconds.
pub struct WebhookSink {
    poster: Poster,
    secret: PushSecret,
    clock: Arc<dyn Clock>,
}

impl WebhookSink {
    /// Calls nobody. Fails if the URL holds an address of a metadata service or another one that is
    /// never dialled; loopback and private ones are.
    pub fn new(url: Url, secret: PushSecret, clock: Arc<dyn Clock>) -> Result<Self, PostError> {
        Ok(Self {
            poster: Poster::new(url, TransportSettings::default())?,
            secret,
            clock,
        })
    }

    fn headers(&self, id: &str, body: &[u8]) -> Result<HeaderMap, SinkError> {
        let timestamp = self.clock.now().as_millis().div_euclid(1_000);
        let signature = self.secret.sign(id, timestamp, body);
        let value = |text: &str| HeaderValue::from_str(text).map_err(unwritable);
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, json),
            (ID, value(id)?),
            (TIMESTAMP, value(&timestamp.to_string())?),
            (SIGNATURE, value(&signature)?),
        ]);
        if let Some(context) = scm_trace::current() {
            headers.insert(TRACEPARENT, value(&context.parent().to_string())?);
            if let Some(state) = &context.state {
                headers.insert(TRACESTATE, value(state.as_str())?);
            }
        }
        Ok(headers)
    }
}

#[async_trait]
impl EventSink for WebhookSink {
    async fn deliver(&self, event: &TenantEvent) -> Result<(), SinkError> {
        let body = serde_json::to_vec(event).map_err(unwritable)?;
        let headers = self.headers(&event.id, &body)?;
        let status = self.poster.post(headers, body).await;
        let status = status.map_err(|error| SinkError::new(error.to_string()))?;
        if status.is_success() {
            Ok(())
        } else {
            let status = status.as_u16();
            Err(SinkError::new(format!(
                "the receiver answered with status {status}"
            )))
        }
    }
}

fn unwritable(error: impl Display) -> SinkError {
    SinkError::new(format!("it cannot be written as a request: {error}"))
}

#[cfg(test)]
mod tests {
    use scm_trace::{Incoming, SpanKind, TraceParent, TraceState, Tracer};

    use super::*;

    #[test]
    fn signed_as_in_the_convention() {
        // The example of the libraries of Standard Webhooks.
        let secret = PushSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[tokio::test]
    async fn it_tells_the_trace_that_it_belongs_to() {
        let secret = PushSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let clock = Arc::new(scm_types::SystemClock);
        let url = "http://127.0.0.1:1/".parse().unwrap();
        let sink = WebhookSink::new(url, secret, clock).unwrap();
        let headers = || sink.headers("evt_1", b"{}").unwrap();
        assert!(!headers().contains_key(TRACEPARENT));
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let incoming = Incoming {
            parent: TraceParent::parse(parent).unwrap(),
            state: TraceState::parse(["a=1"]),
        };
        let tracer = Tracer::default();
        let span = tracer.begin("push", SpanKind::Producer, Some(incoming));
        let told = span.run(async { headers() }).await;
        let own = span.context().unwrap().parent().to_string();
        assert_eq!(told[TRACEPARENT], own.as_str());
        assert_ne!(own, parent);
        assert_eq!(told[TRACESTATE], "a=1");
    }

    #[test]
    fn what_is_no_secret() {
        #[track_caller]
        fn check(raw: &str, is_good: bool) {
            assert_eq!(PushSecret::parse(raw).is_ok(), is_good, "{raw}");
        }
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        check(&of(24), true);
        check(&of(64), true);
        check(&of(23), false);
        check(&of(65), false);
        check("", false);
        check("whsec_", false);
        check("whsec_not Base64", false);
        check(of(24).trim_start_matches("whsec_"), false);
    }
}
