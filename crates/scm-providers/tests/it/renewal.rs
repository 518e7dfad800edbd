//! Renewing credentials against hosts that issue them: what is sent, what comes back, and what each
//! kind of trouble is taken for.

mod app;
mod oauth;
mod rotation;

use std::{sync::Arc, time::Duration};

use scm_providers::{
    FreshTokens, GithubApp, Known, OauthClient, ProviderError, ProviderHost, Registry,
    RenewalError, TransportSettings,
};
use scm_testkit::{
    code_host::Reply,
    git_host::{APP_KEY, Dialect, GitHost},
};
use scm_types::{
    AccessToken, ClientSecret, ConnectionReport, FixedClock, HostKind, RefreshToken, RepoUrl,
    WebHost,
};
use serde_json::json;

use crate::support::{NOW, at, chain, git::patient, registry};

/// In every credential of these hosts, and so in no error and no line of the log.
const SECRET: &str = "0123456789";
const CLIENT_SECRET: &str = "client-0123456789";
const APP: u64 = 4711;
const INSTALLATION: u64 = 86;

/// The products whose tokens can be refreshed.
const OAUTH: [Dialect; 3] = [Dialect::Github, Dialect::Gitlab, Dialect::Bitbucket];

/// A host that issues credentials, and a registry that is set up for it.
struct Bench {
    host: GitHost,
    registry: Registry,
    url: RepoUrl,
}

impl Bench {
    async fn of(dialect: Dialect) -> Self {
        Self::with(dialect, patient(), |_| {}).await
    }

    /// One that does not wait long.
    async fn hasty(dialect: Dialect) -> Self {
        let settings = TransportSettings {
            request_timeout: Duration::from_secs(2),
            ..patient()
        };
        Self::with(dialect, settings, |_| {}).await
    }

    async fn with(
        dialect: Dialect,
        settings: TransportSettings,
        change: impl FnOnce(&mut ProviderHost),
    ) -> Self {
        let host = GitHost::start(dialect).await;
        let mut configured = configured(dialect, &host.base_url());
        change(&mut configured);
        let clock = Arc::new(FixedClock::at(at(NOW)));
        let registry = registry(configured, settings, &clock).unwrap();
        let url = RepoUrl::parse(&host.repository_url(), registry.web_hosts()).unwrap();
        if dialect != Dialect::DataCenter {
            host.set_oauth("scm", CLIENT_SECRET);
        }
        if dialect == Dialect::Github {
            host.set_app(APP);
            host.install(INSTALLATION, &["contents", "metadata", "repository_hooks"]);
        }
        Self {
            host,
            registry,
            url,
        }
    }

    async fn refresh(&self, token: &str) -> Result<FreshTokens, RenewalError> {
        let token = RefreshToken::parse(token).unwrap();
        silent(self.registry.refresh(&self.url, &token).await)
    }

    async fn rotate(&self, token: &str) -> Result<FreshTokens, RenewalError> {
        let token = AccessToken::parse(token).unwrap();
        silent(self.registry.rotate(&self.url, &token, None).await)
    }

    async fn installation_token(&self) -> Result<FreshTokens, ProviderError> {
        self.token_of(&INSTALLATION.to_string(), None).await
    }

    async fn token_of(
        &self,
        id: &str,
        repository: Option<&str>,
    ) -> Result<FreshTokens, ProviderError> {
        let asked = self.registry.installation_token(&self.url, id, repository);
        silent(asked.await)
    }

    async fn check(&self, token: &str) -> Result<ConnectionReport, ProviderError> {
        let token = AccessToken::parse(token).unwrap();
        let provider = self.registry.open(&self.url, &token, Known::default())?;
        silent(provider.check().await)
    }
}

fn configured(dialect: Dialect, base_url: &str) -> ProviderHost {
    let kind = match dialect {
        Dialect::Github => HostKind::Github,
        Dialect::Gitlab => HostKind::Gitlab,
        Dialect::Bitbucket => HostKind::Bitbucket,
        Dialect::DataCenter => HostKind::BitbucketDataCenter,
    };
    ProviderHost {
        allow_private_addresses: true,
        oauth: (dialect != Dialect::DataCenter).then(|| client(CLIENT_SECRET)),
        app: (dialect == Dialect::Github).then(|| github_app(APP, APP_KEY)),
        ..ProviderHost::default_for(WebHost::parse(kind, base_url).unwrap())
    }
}

fn client(secret: &str) -> OauthClient {
    OauthClient {
        client_id: "scm".to_owned(),
        client_secret: ClientSecret::parse(secret).unwrap(),
        redirect_uri: None,
    }
}

fn github_app(id: u64, key: &str) -> GithubApp {
    GithubApp {
        id,
        private_key: key.to_owned().into(),
    }
}

/// What came, if it would give no credential away in a log.
#[track_caller]
fn silent<T, E: std::error::Error>(result: Result<T, E>) -> Result<T, E> {
    if let Err(error) = &result {
        let text = chain(error);
        assert!(!text.contains(SECRET), "{text}");
    }
    result
}

/// What became of a renewal, in a word.
fn word(result: &Result<FreshTokens, RenewalError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(RenewalError::Refused { .. }) => "refused",
        Err(RenewalError::NotPossible { .. }) => "not possible",
        Err(RenewalError::NotConfigured) => "not configured",
        Err(RenewalError::NotDone(ProviderError::ServerRefused { .. })) => "server refused",
        Err(RenewalError::NotDone(ProviderError::RateLimited { .. })) => "limited",
        Err(RenewalError::NotDone(_)) => "not done",
        Err(RenewalError::Unknown(_)) => "unknown",
    }
}

/// Answers that leave open what was done, and some that do not.
fn answers() -> Vec<(&'static str, Reply)> {
    vec![
        ("unknown", Reply::close()),
        ("unknown", Reply::never()),
        ("unknown", Reply::json(500, &json!({"error": "x"}))),
        ("unknown", Reply::html(502)),
        ("unknown", Reply::text(503, "").header("retry-after", "7")),
        ("unknown", Reply::html(200)),
        ("unknown", Reply::html(403)),
        ("unknown", Reply::empty(200)),
        ("unknown", Reply::json(200, &json!([]))),
        ("unknown", Reply::json(200, &json!({}))),
        (
            "unknown",
            Reply::json(200, &json!({"access_token": SECRET})).truncated(),
        ),
        ("unknown", Reply::huge(9 * 1024 * 1024)),
        ("unknown", Reply::empty(303).header("location", "/")),
        (
            "not done",
            Reply::redirect(302, "https://elsewhere.example/"),
        ),
        ("not done", Reply::redirect(307, "/elsewhere")),
        (
            "not done",
            Reply::json(400, &json!({"error": "invalid_request"})),
        ),
        (
            "limited",
            Reply::json(429, &json!({})).header("retry-after", "7"),
        ),
    ]
}

/// Meets every code path that has a credential in its hands, for the test of the log.
pub(crate) async fn exercise() {
    for dialect in OAUTH {
        let bench = Bench::of(dialect).await;
        let (_, refresh) = bench.host.issue();
        bench.refresh(&refresh).await.unwrap();
        let _ = bench.refresh(&refresh).await;
        for reply in [
            Reply::close(),
            Reply::json(200, &json!({"access_token": "b0dy-t3xt\n"})),
            Reply::json(400, &json!({"error": "b0dy-t3xt"})),
        ] {
            bench.host.instead("POST", "", reply);
            assert!(bench.refresh(&refresh).await.is_err());
        }
    }
    let bench = Bench::of(Dialect::Gitlab).await;
    let token = bench.host.issue_access_token();
    bench.rotate(&token).await.unwrap();
    assert!(bench.rotate(&token).await.is_err());
    let bench = Bench::of(Dialect::Github).await;
    bench.installation_token().await.unwrap();
    assert!(bench.token_of("1", None).await.is_err());
}
