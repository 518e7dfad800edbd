//! Taking a delivery in.
//!
//! - Unknown, deleted, without a secret, wrongly signed: the answer is the same and so is the work
//!   that it takes, a look for the keys and the authentication of the whole body.
//! - A paused integration's deliveries are stored like others. A refusal would make the host switch
//!   the webhook off, and what they say of the repository counts all the same; no events are told.
//! - Nothing of a delivery is logged.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use scm_providers::delivery::{self, SignatureError, body_cap, verify, verify_nothing};
use scm_store::{DeliveryPayload, NewDelivery, StoreError, Stored, WebhookKeys};
use scm_types::{DeliveryId, IntegrationId, SignatureScheme, Timestamp, WebhookSecret};

use super::{keys::Kept, step::DeliveryStep};
use crate::{ServiceError, Services};

/// What stands in the place of a header's value that proves something.
pub(super) const MASK: &str = "***";

/// Bodies from this size on are not looked at on a thread that serves others.
const LARGE: usize = 256 * 1024;

/// A delivery that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It will be processed.
    Accepted,
    /// It came before.
    Repeated,
}

/// What a verification has found, without the delivery.
struct Proved {
    id: DeliveryId,
    digest: String,
    event: String,
    matched: usize,
}

impl Services {
    /// The largest body of a delivery of any kind, in bytes. More need not be read.
    #[must_use]
    pub fn largest_delivery() -> usize {
        let caps = SignatureScheme::ALL.into_iter().map(body_cap);
        caps.max().unwrap_or_default()
    }

    /// True if so much waits to be stored that [`Self::receive`] takes nothing more in.
    #[must_use]
    pub fn is_receiver_full(&self) -> bool {
        self.webhooks.inbox.is_full()
    }

    /// Takes in what was delivered to an integration: when this returns, it is stored.
    ///
    /// Fails with [`ServiceError::UnknownWebhook`] for everything that is not proved to come from
    /// the webhook's host, with [`ServiceError::DeliveryTooLarge`] for what is proved and larger
    /// than the host sends, with [`ServiceError::ReceiverFull`] if too much waits to be stored, and
    /// with [`ServiceError::Store`] if it could not be.
    pub async fn receive<'h>(
        &self,
        id: &IntegrationId,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        body: Vec<u8>,
    ) -> Result<Received, ServiceError> {
        let received = self.take_in(id, headers, body).await;
        self.metrics.received(match &received {
            Ok(Received::Accepted) => "accepted",
            Ok(Received::Repeated) => "repeated",
            Err(ServiceError::UnknownWebhook) => "refused",
            Err(ServiceError::DeliveryTooLarge) => "too_large",
            Err(ServiceError::ReceiverFull) => "full",
            Err(_) => "failed",
        });
        if matches!(
            received,
            Err(ServiceError::Store(_) | ServiceError::ReceiverFull)
        ) {
            self.note_refused(id);
        }
        received
    }

    /// Remembers that a delivery to an integration was refused though it may be genuine: it is looked
    /// for what it would have told.
    pub fn note_refused(&self, id: &IntegrationId) {
        self.webhooks.refused.note(id);
    }

    async fn take_in<'h>(
        &self,
        id: &IntegrationId,
        headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
        body: Vec<u8>,
    ) -> Result<Received, ServiceError> {
        let headers = Arc::new(header_map(headers));
        let body: Arc<[u8]> = body.into();
        let now = self.clock.now();
        let mut kept = self
            .keys_of(id)
            .await
            .map_err(|error| stored_error(&error))?;
        let mut proof = prove(&kept, &headers, &body, now).await;
        if proof.is_err()
            && let Some(newer) = self
                .newer_keys(id, &kept)
                .await
                .map_err(|error| stored_error(&error))?
        {
            kept = newer;
            proof = prove(&kept, &headers, &body, now).await;
        }
        let (proved, Some(keys)) = (proof.map_err(|why| refusal(id, why))?, &kept.keys) else {
            return Err(ServiceError::UnknownWebhook);
        };
        if body.len() > body_cap(keys.scheme) {
            return Err(ServiceError::DeliveryTooLarge);
        }
        let is_newest = proved.matched == 0;
        let new = new_delivery(id, keys, proved, &headers, &body);
        let received = match self.webhooks.inbox.keep(&new).await? {
            Stored::New(_) | Stored::Repeat { revived: true, .. } => Received::Accepted,
            Stored::Repeat { revived: false, .. } => Received::Repeated,
        };
        self.webhooks.watcher.pass(DeliveryStep::Stored);
        if received == Received::Accepted {
            self.webhooks.arrived.notify_one();
        }
        if is_newest && keys.secrets.len() > 1 {
            self.confirm(id, keys).await;
        }
        Ok(received)
    }

    /// Refuses what was delivered to something that cannot be an integration's id, with as much work
    /// as [`Self::receive`] has with one that is unknown.
    #[must_use]
    pub fn refuse_delivery(body: &[u8]) -> ServiceError {
        verify_nothing(body);
        ServiceError::UnknownWebhook
    }

    /// Forgets what is kept in memory of an integration's webhook, after it was changed here.
    pub(crate) async fn webhook_changed(&self, id: &IntegrationId) {
        self.webhooks.keys.forget(id).await;
    }

    /// The host signs with the new secret: the one before counts no more. What goes wrong here goes
    /// better with the next delivery.
    async fn confirm(&self, id: &IntegrationId, keys: &WebhookKeys) {
        if let Err(error) = self.integrations.confirm_webhook_secret(id, keys).await {
            tracing::warn!(integration = id.as_str(), %error, "a new secret could not be confirmed");
        }
        self.webhook_changed(id).await;
    }
}

/// Verifies a delivery with the keys, if there are any; takes as long if there are none.
async fn prove(
    kept: &Arc<Kept>,
    headers: &Arc<HeaderMap>,
    body: &Arc<[u8]>,
    now: Timestamp,
) -> Result<Proved, SignatureError> {
    if body.len() < LARGE {
        return proved(kept, headers, body, now);
    }
    let (kept, headers, body) = (Arc::clone(kept), Arc::clone(headers), Arc::clone(body));
    tokio::task::spawn_blocking(move || proved(&kept, &headers, &body, now))
        .await
        // Cut off with the runtime.
        .unwrap_or(Err(SignatureError::Secrets))
}

fn proved(
    kept: &Kept,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Proved, SignatureError> {
    let Some(keys) = &kept.keys else {
        verify_nothing(body);
        return Err(SignatureError::Missing);
    };
    let secrets: Vec<&WebhookSecret> = keys.secrets.iter().take(delivery::MAX_SECRETS).collect();
    let verified = verify(keys.scheme, &secrets, headers, body, now)?;
    Ok(Proved {
        id: verified.id().clone(),
        digest: verified.digest().to_owned(),
        event: verified.event().unwrap_or_default().to_owned(),
        matched: verified.matched(),
    })
}

/// One answer for all. What is wrong with the stored secret is told to the operator.
fn refusal(id: &IntegrationId, why: SignatureError) -> ServiceError {
    if why.is_configuration() {
        tracing::error!(integration = id.as_str(), reason = %why, "deliveries cannot be verified");
    }
    ServiceError::UnknownWebhook
}

/// A failure that several callers met.
fn stored_error(error: &StoreError) -> ServiceError {
    match error {
        StoreError::Unavailable { source } => ServiceError::Store(StoreError::Unavailable {
            source: source.clone(),
        }),
        StoreError::Database { source } => ServiceError::Store(StoreError::Database {
            source: source.clone(),
        }),
        // Reading keys meets no others.
        _ => ServiceError::UnknownWebhook,
    }
}

fn header_map<'h>(headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value),
        ) {
            map.append(name, value);
        }
    }
    map
}

fn new_delivery(
    id: &IntegrationId,
    keys: &WebhookKeys,
    proved: Proved,
    headers: &HeaderMap,
    body: &[u8],
) -> NewDelivery {
    NewDelivery {
        tenant_id: keys.tenant_id.clone(),
        integration_id: id.clone(),
        delivery_id: proved.id,
        digest: proved.digest,
        event: proved.event,
        payload: DeliveryPayload {
            scheme: keys.scheme,
            headers: kept_headers(headers),
            body: body.to_vec(),
        },
    }
}

/// The headers that say something of the delivery. What is none of the hosts' own, such as what a
/// proxy adds, is not kept; what proves something is masked before it is stored.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let name = name.as_str();
        let value = if proves(name) {
            MASK.to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        is_of_a_host(name).then(|| (name.to_owned(), value))
    };
    headers.iter().filter_map(text).collect()
}

fn is_of_a_host(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "content-type",
        "idempotency-key",
        "user-agent",
        "x-attempt-number",
        "x-event-key",
        "x-event-time",
        "x-hook-uuid",
        "x-request-uuid",
    ];
    const BEGINNINGS: [&str; 5] = [
        "webhook-",
        "x-github-",
        "x-gitlab-",
        "x-hub-signature",
        "x-request-id",
    ];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|begin| name.starts_with(begin))
}

fn proves(name: &str) -> bool {
    name.contains("signature") || name.contains("token") || name.contains("secret")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_of_hosts_are_kept_and_no_proofs() {
        let headers = header_map([
            ("X-GitHub-Event", b"push".as_slice()),
            ("X-Hub-Signature-256", b"sha256=aa"),
            ("X-Gitlab-Token", b"secret"),
            ("Webhook-Signature", b"v1,aa"),
            ("Authorization", b"Bearer x"),
            ("Cookie", b"a=b"),
            ("X-Forwarded-For", b"192.0.2.1"),
        ]);
        let kept = kept_headers(&headers);
        let mut kept: Vec<_> = kept.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        kept.sort_unstable();
        assert_eq!(
            kept,
            [
                ("webhook-signature", MASK),
                ("x-github-event", "push"),
                ("x-gitlab-token", MASK),
                ("x-hub-signature-256", MASK),
            ]
        );
    }

    #[test]
    fn the_largest_is_that_of_any_host() {
        assert_eq!(Services::largest_delivery(), 25 * 1024 * 1024);
    }
}
