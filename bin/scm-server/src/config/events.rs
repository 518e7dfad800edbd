//! The section of deliveries and events.

mod nats;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use scm_service::{EventSink, PushSecret, WebhookSink};
use scm_types::{Clock, SystemClock};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{ConfigError, web_url::web_url};

/// `[events]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Events {
    retention_days: u64,
    #[serde(default)]
    push_url: Option<String>,
    #[serde(default)]
    push_secret: Option<String>,
    #[serde(default)]
    push_secret_file: Option<PathBuf>,
    #[serde(default)]
    nats_url: Option<String>,
    nats_prefix: String,
    #[serde(default)]
    nats_token: Option<String>,
    #[serde(default)]
    nats_token_file: Option<PathBuf>,
    #[serde(default)]
    nats_user: Option<String>,
    #[serde(default)]
    nats_password: Option<String>,
    #[serde(default)]
    nats_password_file: Option<PathBuf>,
    #[serde(default)]
    nats_credentials: Option<String>,
    #[serde(default)]
    nats_credentials_file: Option<PathBuf>,
    #[serde(default)]
    nats_ca_file: Option<PathBuf>,
}

impl Events {
    pub(super) fn problem(&self) -> Option<ConfigError> {
        self.sink(Arc::new(SystemClock)).err()
    }

    /// How long deliveries and events are kept.
    pub(crate) fn retention(&self) -> Duration {
        Duration::from_hours(24 * self.retention_days)
    }

    /// What events are handed to, if they are. Calls nobody.
    pub(crate) fn sink(
        &self,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Arc<dyn EventSink>>, ConfigError> {
        if self.push_url.is_some() && self.nats_url.is_some() {
            return Err(ConfigError::one(
                "events.nats_url: is given beside push_url; an event is handed to one place, give one",
            ));
        }
        let webhook = self.webhook(clock)?;
        let webhook = webhook.map(|sink| Arc::new(sink) as Arc<dyn EventSink>);
        Ok(self.nats()?.or(webhook))
    }

    fn webhook(&self, clock: Arc<dyn Clock>) -> Result<Option<WebhookSink>, ConfigError> {
        let (url, secret) = match (&self.push_url, self.push_secret()?) {
            (None, None) => return Ok(None),
            (Some(url), Some(secret)) => (web_url("events.push_url", url)?, secret),
            (Some(_), None) => {
                return Err(ConfigError::one(
                    "events.push_secret: must be given with push_url, or push_secret_file; make it \
                     with: echo whsec_$(openssl rand -base64 32)",
                ));
            }
            (None, Some(_)) => {
                return Err(ConfigError::one(
                    "events.push_url: must be given with push_secret",
                ));
            }
        };
        let sink = WebhookSink::new(url, secret, clock);
        let sink = sink.map_err(|error| ConfigError::one(format!("events.push_url: {error}")))?;
        Ok(Some(sink))
    }

    /// What is signed with, by value or by file.
    fn push_secret(&self) -> Result<Option<PushSecret>, ConfigError> {
        let file = self.push_secret_file.as_deref();
        let Some(secret) = secret("events", "push_secret", self.push_secret.as_deref(), file)?
        else {
            return Ok(None);
        };
        let secret = PushSecret::parse(&secret);
        let secret = secret.map_err(|error| format!("events.push_secret: {error}"));
        secret.map(Some).map_err(ConfigError::one)
    }
}

/// A secret that is given by value or by file, never by both; without the line's end of a file.
pub(super) fn secret(
    section: &str,
    name: &str,
    value: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<Zeroizing<String>>, ConfigError> {
    match (value, file) {
        (Some(_), Some(_)) => Err(ConfigError::one(format!(
            "{section}.{name}: is given as {name} and as {name}_file; give one"
        ))),
        (Some(value), None) => Ok(Some(Zeroizing::new(value.to_owned()))),
        (None, Some(file)) => match std::fs::read_to_string(file).map(Zeroizing::new) {
            Ok(text) => Ok(Some(Zeroizing::new(text.trim().to_owned()))),
            Err(error) => Err(ConfigError::one(format!(
                "{section}.{name}_file: {} cannot be read: {error}",
                file.display()
            ))),
        },
        (None, None) => Ok(None),
    }
}
