//! A registry of one scripted host, a clock that stands still, and short times.

pub(crate) mod git;

use std::{sync::Arc, time::Duration};

use scm_providers::{
    Known, Provider, ProviderError, ProviderHost, Registry, RegistryError, TransportSettings,
};
use scm_testkit::code_host::{CodeHost, Standard};
use scm_types::{
    AccessToken, Clock, ConnectionReport, FixedClock, HostKind, RepoUrl, Timestamp, WebHost,
};

/// The moment at which every test starts.
pub(crate) const NOW: &str = "2026-10-30T15:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Nothing here takes longer than it must.
pub(crate) fn settings() -> TransportSettings {
    TransportSettings {
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
        operation_budget: Duration::from_secs(30),
        write_pause: Duration::ZERO,
        max_body: 256 * 1024,
        max_retries: 2,
        retry_base: Duration::from_millis(2),
        jitter_seed: Some(1),
        ..TransportSettings::default()
    }
}

pub(crate) fn kind(standard: Standard) -> HostKind {
    match standard {
        Standard::Github => HostKind::Github,
        Standard::Gitlab => HostKind::Gitlab,
        Standard::Bitbucket => HostKind::Bitbucket,
    }
}

/// One product with its scripted host.
pub(crate) struct Bench {
    pub(crate) standard: Standard,
    pub(crate) host: CodeHost,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) registry: Registry,
}

impl Bench {
    pub(crate) async fn of(standard: Standard) -> Self {
        Self::with(standard, settings()).await
    }

    pub(crate) async fn with(standard: Standard, settings: TransportSettings) -> Self {
        let host = CodeHost::of(standard).await;
        let clock = Arc::new(FixedClock::at(at(NOW)));
        let configured = provider_host(kind(standard), &host.base_url());
        Self {
            standard,
            host,
            registry: registry(configured, settings, &clock).unwrap(),
            clock,
        }
    }

    pub(crate) fn open(
        &self,
        path: &str,
        token: &str,
        known_expiry: Option<Timestamp>,
    ) -> Result<Box<dyn Provider>, ProviderError> {
        let url = self.host.repository_url(path);
        let url = RepoUrl::parse(&url, self.registry.web_hosts()).unwrap();
        let token = AccessToken::parse(token).unwrap();
        let known = Known {
            expires_at: known_expiry,
            ..Known::default()
        };
        self.registry.open(&url, &token, known)
    }

    /// The standard repository with a stored id, below any path.
    pub(crate) async fn check_known(
        &self,
        path: &str,
        id: &str,
    ) -> Result<ConnectionReport, ProviderError> {
        let url = self.host.repository_url(path);
        let url = RepoUrl::parse(&url, self.registry.web_hosts()).unwrap();
        let token = AccessToken::parse(self.standard.token()).unwrap();
        let known = Known {
            repository_id: Some(id.to_owned()),
            ..Known::default()
        };
        self.registry.open(&url, &token, known)?.check().await
    }

    pub(crate) fn standard(&self) -> Box<dyn Provider> {
        self.open(self.standard.repository(), self.standard.token(), None)
            .unwrap()
    }

    pub(crate) async fn check(&self) -> Result<ConnectionReport, ProviderError> {
        self.standard().check().await
    }

    pub(crate) async fn check_as(&self, token: &str) -> Result<ConnectionReport, ProviderError> {
        self.open(self.standard.repository(), token, None)?
            .check()
            .await
    }
}

/// A host on the loopback interface.
pub(crate) fn provider_host(kind: HostKind, base_url: &str) -> ProviderHost {
    let web = WebHost::parse(kind, base_url).unwrap();
    ProviderHost {
        allow_private_addresses: true,
        ..ProviderHost::default_for(web)
    }
}

pub(crate) fn registry(
    host: ProviderHost,
    settings: TransportSettings,
    clock: &Arc<FixedClock>,
) -> Result<Registry, RegistryError> {
    Registry::new(vec![host], settings, Arc::clone(clock) as Arc<dyn Clock>)
}

/// A repository on a host that is set up in a way of its own.
pub(crate) fn opened(
    host: ProviderHost,
    settings: TransportSettings,
    url: &str,
    token: &str,
) -> Box<dyn Provider> {
    let clock = FixedClock::at(at(NOW)).into();
    let registry = registry(host, settings, &clock).unwrap();
    let url = RepoUrl::parse(url, registry.web_hosts()).unwrap();
    let token = AccessToken::parse(token).unwrap();
    registry.open(&url, &token, Known::default()).unwrap()
}

/// The error and all its causes, as a log would show them.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.extend([" ", &format!("{error:?}"), " ", &error.to_string()]);
        cause = error.source();
    }
    text
}
