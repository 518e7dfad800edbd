//! The webhook of an integration at its code host.
//!
//! - There is one change at a time for each integration, over all replicas: who comes meanwhile is
//!   told to come back.
//! - A new secret is stored before the host learns it. Where the answer is lost, the same secret is
//!   given to the host once more by the next call, until it is known that the host has it.
//! - Both secrets are accepted until a delivery is signed with the new one; see
//!   [`ScmIntegrationController`](scm_store::ScmIntegrationController).
//! - Everything here needs the role owner.

mod change;
mod look;

use std::sync::Arc;

use scm_types::{IntegrationId, SignatureScheme, Timestamp, WebhookHealth};
use serde::Serialize;
use url::Url;

pub use look::WebhookTested;

/// Where code hosts deliver to: the public address of the receiver, without the integration's id.
#[derive(Clone)]
pub(crate) struct Receiver(Option<Arc<Url>>);

impl Receiver {
    pub(crate) fn new(base: Option<Url>) -> Self {
        Self(base.map(Arc::new))
    }

    /// The address for one integration, if there is a public one.
    fn url(&self, id: &IntegrationId) -> Option<Url> {
        let mut url = Url::clone(self.0.as_ref()?);
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .push(id.as_str());
        Some(url)
    }
}

/// The webhook of an integration, as it is stored and as its host tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WebhookReport {
    /// The host's id of it.
    pub webhook_id: String,
    /// Where its deliveries go.
    pub webhook_url: String,
    /// How its deliveries are signed.
    pub scheme: SignatureScheme,
    /// False if the host has it no longer: registering makes it anew.
    pub exists_at_host: bool,
    /// Whether it is switched on, goes to our address and sends everything that we want.
    pub is_complete: bool,
    /// How it fares at the host.
    pub health: WebhookHealth,
    /// The status that its last delivery was answered with, if the host tells.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last_status: Option<u16>,
    /// While a new secret is not confirmed by a delivery: how long the one before is accepted.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub previous_secret_until: Option<Timestamp>,
}

/// What registering a webhook came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRegistered {
    /// The webhook.
    pub webhook: WebhookReport,
    /// Whether it was there before.
    pub existing: bool,
}

/// What a new secret came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct WebhookRotated {
    /// The webhook.
    #[serde(flatten)]
    pub webhook: WebhookReport,
    /// Whether a delivery was signed with the new secret already. If not, the one before is accepted
    /// until one is, or until its time is over.
    pub confirmed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let id = IntegrationId::parse("V1StGXR8_Z5jdHi6B-myT").unwrap();
        for base in [
            "https://scm.example.com/api/hooks",
            "https://scm.example.com/api/hooks/",
        ] {
            let receiver = Receiver::new(Some(Url::parse(base).unwrap()));
            let url = receiver.url(&id).unwrap();
            assert_eq!(
                url.as_str(),
                "https://scm.example.com/api/hooks/V1StGXR8_Z5jdHi6B-myT"
            );
        }
        assert!(Receiver::new(None).url(&id).is_none());
    }
}
