//! The one way to a host, the same for all products.
//!
//! - A read is repeated after passing trouble, with growing pauses, inside the operation's time; a
//!   write is sent once, whatever happens to it.
//! - The time of an operation starts with its session. No write begins that leaves no time to look
//!   what became of it, and none sooner after another one of its credential than the host asks for.
//! - What cannot be looked at afterwards (the renewal of a credential) is sent once, too, and its
//!   failure tells whether the host can have acted on it.
//! - No redirect is followed by the HTTP client. A read's redirects are followed here, at most
//!   three, and only to the same scheme, host and port; a write's never are.
//! - The credential goes only to the configured API and OAuth addresses. Every URL is checked, also
//!   those that came from the host.
//! - Work that nobody waits for steps back: it leaves a fifth of a credential's limit to users and
//!   makes few calls to a host at a time. A call that somebody waits for is affected by neither.
//! - No more than the configured number of bytes is kept of an answer, counted after
//!   decompression; nothing waits longer than the configured times.
//! - Every request is a span of the trace that it belongs to, and carries `traceparent` unless that is
//!   switched off; never `tracestate`.
//! - Log lines hold method, path, status and time: no header, no query, no body.

mod answer;
mod backoff;
mod body;
mod cache;
mod call;
mod client;
mod dialect;
mod exchange;
mod failure;
mod fetcher;
mod pacer;
mod poster;
mod retry_after;
mod session;
mod settings;

use std::sync::Arc;

use scm_types::{AccessToken, Clock};
use tokio::sync::Semaphore;
use url::Url;
use zeroize::Zeroizing;

pub use answer::Answer;
pub use call::{Body, Call};
pub use dialect::Dialect;
pub(crate) use failure::Failure;
pub use fetcher::{FetchError, Fetcher};
pub use poster::{PostError, Poster};
pub use retry_after::parse_retry_after;
pub use session::Session;
pub use settings::TransportSettings;

use crate::{
    CallWatch, ProviderError,
    egress::Egress,
    rate_limit::{Budgets, CredentialKey},
};
use backoff::Backoff;
use cache::AnswerCache;
use client::Client;
use pacer::Pacer;
use session::{Manner, Who};

/// What all hosts of a registry share.
#[derive(Clone)]
pub struct Shared {
    pub(crate) settings: Arc<TransportSettings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) answers: Arc<AnswerCache>,
    pub(crate) backoff: Arc<Backoff>,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) watch: Option<Arc<dyn CallWatch>>,
}

impl Shared {
    /// Nothing is allocated for the caches until they are used.
    #[must_use]
    pub fn new(settings: TransportSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            backoff: Arc::new(Backoff::new(settings.retry_base, settings.jitter_seed)),
            pacer: Arc::new(Pacer::new(settings.write_pause)),
            settings: Arc::new(settings),
            budgets: Arc::new(Budgets::new(Arc::clone(&clock))),
            answers: Arc::new(AnswerCache::default()),
            clock,
            watch: None,
        }
    }

    /// The same, with somebody who hears of every call.
    #[must_use]
    pub fn watched_by(self, watch: Arc<dyn CallWatch>) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }
}

/// The addresses of a host and how they may be reached.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where its API is.
    pub api_url: Url,
    /// Where its OAuth endpoints are.
    pub oauth_url: Option<Url>,
    /// Whether loopback and private addresses may be dialled.
    pub allow_private_addresses: bool,
    /// Further certificate authorities.
    pub authorities: Vec<reqwest::Certificate>,
}

/// The way to one host.
#[derive(Clone)]
pub struct Transport(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    egress: Egress,
    dialect: &'static Dialect,
    shared: Shared,
    client: Client,
    /// How many more calls that nobody waits for may be made at this moment.
    background: Semaphore,
}

impl Transport {
    /// Opens nothing; the HTTP client is made for the first request.
    #[must_use]
    pub fn new(endpoint: Endpoint, dialect: &'static Dialect, shared: Shared) -> Self {
        let egress = Egress {
            allow_private: endpoint.allow_private_addresses,
        };
        Self(Arc::new(Inner {
            client: Client::new(&endpoint, egress, &shared.settings),
            background: Semaphore::new(shared.settings.background_calls()),
            endpoint,
            egress,
            dialect,
            shared,
        }))
    }

    /// A session with a credential, presented as the `Authorization` header says. It is for one
    /// operation, whose time starts now.
    pub fn session(
        &self,
        token: &AccessToken,
        authorization: &str,
    ) -> Result<Session, ProviderError> {
        let api_url = &self.endpoint().api_url;
        let who = Who {
            secret: token.expose(),
            authorization: Some(authorization),
            counted_as: CredentialKey::of(format!("{api_url}\n{authorization}").as_bytes()),
        };
        Session::new(self.clone(), &who, Manner::Api)
    }

    /// A session as the operator's GitHub App, whose statement (JWT) is another one each time; all
    /// of them are one credential where calls are counted.
    pub(crate) fn app_session(&self, id: u64, jwt: &str) -> Result<Session, ProviderError> {
        let api_url = &self.endpoint().api_url;
        let authorization = Zeroizing::new(format!("Bearer {jwt}"));
        let who = Who {
            secret: jwt,
            authorization: Some(&authorization),
            counted_as: CredentialKey::of(format!("{api_url}\napp {id}").as_bytes()),
        };
        Session::new(self.clone(), &who, Manner::Api)
    }

    /// A session with the host's OAuth endpoints as a client of it, which says who it is in the
    /// body of its calls or, if one is given, in the `Authorization` header.
    pub(crate) fn client_session(
        &self,
        client_id: &str,
        client_secret: &str,
        authorization: Option<&str>,
    ) -> Result<Session, ProviderError> {
        let api_url = &self.endpoint().api_url;
        let who = Who {
            secret: client_secret,
            authorization,
            counted_as: CredentialKey::of(format!("{api_url}\nclient {client_id}").as_bytes()),
        };
        Session::new(self.clone(), &who, Manner::Oauth)
    }

    /// The head of the API's answer to somebody without a credential; its body is not read.
    pub(crate) async fn head(&self) -> Result<http::Response<()>, ProviderError> {
        let url = &self.endpoint().api_url;
        self.admit(url)?;
        let client = self.client().get().await?;
        let request = client
            .get(url.clone())
            .timeout(self.settings().request_timeout);
        let answer = request.send().await;
        let answer = answer.map_err(|error| failure::classify(&error, failure::Phase::Head))?;
        let answer: http::Response<reqwest::Body> = answer.into();
        Ok(answer.map(drop))
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    pub(crate) fn settings(&self) -> &TransportSettings {
        &self.0.shared.settings
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    fn dialect(&self) -> &'static Dialect {
        self.0.dialect
    }

    fn background(&self) -> &Semaphore {
        &self.0.background
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    /// Refuses every URL but those of the configured addresses.
    fn admit(&self, url: &Url) -> Result<(), ProviderError> {
        let endpoint = self.endpoint();
        let configured = std::iter::once(&endpoint.api_url).chain(&endpoint.oauth_url);
        let mut origins = configured.map(Url::origin);
        if !origins.any(|origin| origin == url.origin()) {
            return Err(ProviderError::outage(crate::Outage::Redirected));
        }
        if self.0.egress.admits_literal(url) {
            Ok(())
        } else {
            Err(ProviderError::EgressDenied)
        }
    }
}
