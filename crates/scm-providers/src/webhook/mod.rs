//! Webhooks at the code hosts: exactly one for each repository and URL, kept as it is wanted.
//!
//! - What is there is looked at first. A webhook with our URL is adopted, further ones with the very
//!   same URL are removed; one with another URL is never touched, unless it is the one that we made
//!   ourselves, by its id.
//! - A webhook is made by one call that is sent once. After a lost answer the list decides whether it
//!   was made; since nobody can see whose secret it then has, it is given its secret once more.
//! - No host shows a secret, so a change whose answer is lost is an error: the webhook has either
//!   secret, and whoever verifies deliveries takes both until the change went through.
//! - What was set is read back.
//! - "There is no such webhook" is said only if the list can be read: to a credential that may not
//!   manage webhooks, none exists on some hosts.

mod deliveries;
mod ensure;
mod secret;

use scm_types::{SignatureScheme, Timestamp, WebhookHealth, WebhookSecret};
use url::Url;

pub(crate) use deliveries::{Attempt, failed, redeliver};
pub use deliveries::{FailedDeliveries, FailedDelivery};
pub(crate) use ensure::{ensure, find, remove, set_secret, test};
pub use secret::{NoRandomness, new_webhook_secret, plain_token};

use crate::{Missing, ProviderError, host::Host};

/// Longest URL of a webhook that is kept.
pub(crate) const MAX_URL: usize = 4_096;

/// What a webhook of ours is called at its host.
pub(crate) const NAME: &str = "SCM integration service";

/// A webhook as it is wanted.
#[derive(Clone)]
pub struct WantedWebhook {
    /// Where deliveries go.
    pub url: Url,
    /// What they are signed with; see [`new_webhook_secret`].
    pub secret: WebhookSecret,
}

/// A webhook that is as it was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredWebhook {
    /// The host's id of it.
    pub id: String,
    /// How its deliveries are signed.
    pub scheme: SignatureScheme,
    /// Whether it was there before, and was adopted.
    pub existing: bool,
}

/// A webhook as its host tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookInfo {
    /// The host's id of it.
    pub id: String,
    /// Where its deliveries go. Not always to us: somebody may have changed it at the host, and then
    /// it is not for everybody to see.
    pub url: String,
    /// Whether it is switched on.
    pub active: bool,
    /// Whether it sends all events that we want, in the form that we want, with TLS verified.
    pub complete: bool,
    /// How its deliveries are signed.
    pub scheme: SignatureScheme,
    /// How it fares.
    pub health: WebhookHealth,
    /// The status that its last delivery was answered with, if the host tells.
    pub last_status: Option<u16>,
}

/// What a request for a test delivery came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookTest {
    /// A delivery is on its way, or has arrived.
    Sent,
    /// The host has tried, and says that its delivery failed.
    Failed,
    /// The host sends none when asked; the first change in the repository will tell.
    NotTestable,
}

/// A webhook as a product's client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) info: WebhookInfo,
    /// Whether it has a secret, if the host tells.
    pub(crate) has_secret: Option<bool>,
    /// The events that it sends, by the host's own names; for products that take them as a list.
    pub(crate) events: Vec<String>,
}

impl Hook {
    /// Whether its deliveries go to that very URL, however it is spelled.
    pub(crate) fn goes_to(&self, url: &Url) -> bool {
        Url::parse(&self.info.url).is_ok_and(|own| own == *url)
    }

    /// Whether its host has turned it off although it is switched on.
    pub(crate) fn is_spent(&self) -> bool {
        self.info.active && self.info.health == WebhookHealth::Disabled
    }
}

/// How much of a webhook is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it: it is made ours.
    Whole,
    /// Its secret and its URL; whether it is on and what it sends stays as it is.
    Secret,
}

/// A refusal to do something with webhooks, with what that takes if the host does not say so itself.
/// The repository was read before, so what does not exist for the credential is what it may not see.
pub(crate) fn refusal<H: Host>(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::InsufficientScope {
            missing: None,
            sso_url: None,
        }
        | ProviderError::NotFound {
            what: Missing::Part,
        } => ProviderError::InsufficientScope {
            missing: Some(H::TRAITS.hooks_take.to_owned()),
            sso_url: None,
        },
        other => other,
    }
}

/// Whether a delivery that was answered so has arrived.
pub(crate) fn arrived(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Whether all wanted events are among those that are sent; `*` stands for all.
pub(crate) fn sends_all(sent: &[String], wanted: &[&str]) -> bool {
    let sends = |event: &str| sent.iter().any(|sent| sent == event || sent == "*");
    wanted.iter().all(|event| sends(event))
}

/// Whether an id can be one of a webhook or a delivery: numbers, or a uuid in braces.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_{}".contains(&byte);
    (1..=64).contains(&id.len()) && id.bytes().all(plain)
}

/// Whether something is no older than that; what has no time counts as new.
fn is_since(at: Option<Timestamp>, since: Timestamp) -> bool {
    at.is_none_or(|at| at >= since)
}
