//! Events as messages of a stream of NATS JetStream.
//!
//! - Taken is what a stream has acknowledged, and nothing else.
//! - The event's id is the message's, so that a stream keeps a repetition once, as long as it looks
//!   for duplicates.
//! - While the connection is down nothing is published: what waited in memory could come behind what
//!   another server has published since.
//! - No stream is made here: how long messages are kept, and where, is for those who run NATS.
//! - No secret stands in an error, or in the log of this crate.

mod login;
mod servers;
mod subject;

pub use login::{InvalidNatsLogin, NatsLogin};
pub use servers::{InvalidNatsServers, NatsServers};
pub use subject::{InvalidNatsPrefix, NatsPrefix};

use std::{
    fmt::Display,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event,
    connection::State,
    jetstream::{
        self,
        context::{PublishError, PublishErrorKind},
        message::PublishMessage,
    },
    rustls::pki_types::{CertificateDer, pem::PemObject as _},
};
use async_trait::async_trait;
use scm_types::TenantEvent;
use tokio::sync::OnceCell;

use super::{EventSink, SinkError};

/// How long one server may take to let this one in.
const TO_CONNECT: Duration = Duration::from_secs(5);

/// How long the stream may take to acknowledge a message.
const TO_ACKNOWLEDGE: Duration = Duration::from_secs(5);

/// What this process is called in the lists of NATS.
const NAME: &str = "scm-integration-service";

/// Where and as whom events are published.
pub struct NatsSettings {
    /// The servers of one NATS system.
    pub servers: NatsServers,
    /// What the subjects begin with.
    pub prefix: NatsPrefix,
    /// How this process proves who it is.
    pub login: NatsLogin,
    /// PEM file of the authority that the servers' certificates are from; those of the system if it
    /// is not given. It is read with each connection.
    pub ca_file: Option<PathBuf>,
}

/// The file holds no certificate that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must hold certificates as PEM")]
pub struct InvalidNatsAuthority;

impl NatsSettings {
    /// Looks whether the content of a [`Self::ca_file`] can be used.
    pub fn check_authority(pem: &[u8]) -> Result<(), InvalidNatsAuthority> {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Ok(()),
            _ => Err(InvalidNatsAuthority),
        }
    }
}

/// Publishes each event, in the form of the feed, to a stream of NATS JetStream.
///
/// The subject is `{prefix}.{tenant}.{kind}`; see [`NatsPrefix::subject`]. The stream that takes
/// `{prefix}.>` has to be there. The connection is made with the first event, and again whenever it
/// is lost.
///
/// An embedding process keeps `async_nats` from logging at TRACE: there that crate shows what it
/// presents to the server.
pub struct NatsSink {
    settings: NatsSettings,
    client: OnceCell<Client>,
    /// What the connection that is lost last said.
    trouble: Arc<Mutex<Option<String>>>,
}

impl NatsSink {
    /// Calls nobody.
    #[must_use]
    pub fn new(settings: NatsSettings) -> Self {
        Self {
            settings,
            client: OnceCell::new(),
            trouble: Arc::default(),
        }
    }

    /// The connection, made now if there never was one.
    async fn client(&self) -> Result<&Client, SinkError> {
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        if client.connection_state() == State::Connected {
            return Ok(client);
        }
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = trouble.as_deref().unwrap_or("it was closed");
        Err(SinkError::new(format!(
            "the connection to NATS is lost ({trouble}) and being made again"
        )))
    }

    async fn connect(&self) -> Result<Client, SinkError> {
        let NatsSettings {
            servers,
            login,
            ca_file,
            ..
        } = &self.settings;
        let trouble = Arc::clone(&self.trouble);
        let options = login
            .apply(ConnectOptions::new())
            .map_err(|error| SinkError::new(error.to_string()))?
            .name(NAME)
            .require_tls(servers.are_tls())
            .connection_timeout(TO_CONNECT)
            .event_callback(move |event| {
                note(&trouble, &event);
                std::future::ready(())
            });
        let options = match ca_file {
            Some(file) => options.add_root_certificates(file.clone()),
            None => options,
        };
        let connected = options.connect(servers.addresses()).await;
        connected.map_err(|error| {
            SinkError::new(match error.kind() {
                ConnectErrorKind::AuthorizationViolation => {
                    "NATS lets nobody in with this login".to_owned()
                }
                _ => format!("NATS cannot be reached: {}", chain(&error)),
            })
        })
    }

    fn refused(&self, error: &PublishError) -> SinkError {
        SinkError::new(match error.kind() {
            PublishErrorKind::StreamNotFound => {
                let all = self.settings.prefix.all();
                format!(
                    "no stream of NATS JetStream takes {all}; make one, such as with: nats stream \
                     add SCM_EVENTS --subjects '{all}'"
                )
            }
            PublishErrorKind::TimedOut => "no stream of NATS JetStream acknowledged it in time; \
                 does the login have the right to publish there, and to subscribe to _INBOX.>?"
                .to_owned(),
            _ => format!("NATS JetStream did not take it: {}", chain(error)),
        })
    }
}

#[async_trait]
impl EventSink for NatsSink {
    async fn deliver(&self, event: &TenantEvent) -> Result<(), SinkError> {
        let body = serde_json::to_vec(event)
            .map_err(|error| SinkError::new(format!("it cannot be written as JSON: {error}")))?;
        let subject = self.settings.prefix.subject(event);
        let client = self.client().await?.clone();
        let stream = jetstream::ContextBuilder::new()
            .timeout(TO_ACKNOWLEDGE)
            .build(client);
        let mut message = PublishMessage::build()
            .message_id(&event.id)
            .payload(body.into());
        if let Some(context) = scm_trace::current() {
            message = message.header("traceparent", context.parent().to_string());
            if let Some(state) = &context.state {
                message = message.header("tracestate", state.as_str());
            }
        }
        let sent = stream.send_publish(subject, message).await;
        let sent = sent.map_err(|error| self.refused(&error))?;
        let acknowledged = sent.await.map_err(|error| self.refused(&error))?;
        tracing::debug!(
            event = event.id,
            stream = acknowledged.stream,
            sequence = acknowledged.sequence,
            repeated = acknowledged.duplicate,
            "an event was published"
        );
        Ok(())
    }
}

/// Keeps what a lost connection says, which nobody is there to be told.
fn note(trouble: &Mutex<Option<String>>, event: &Event) {
    let told = match event {
        Event::Connected => {
            tracing::info!("connected to NATS");
            None
        }
        Event::Disconnected => {
            tracing::warn!("the connection to NATS is lost; it is made again");
            return;
        }
        Event::ServerError(error) => Some(error.to_string()),
        Event::ClientError(error) => Some(error.to_string()),
        _ => return,
    };
    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = told;
}

/// An error with its causes, unless it tells them itself.
fn chain(error: &(dyn std::error::Error + 'static)) -> impl Display {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
