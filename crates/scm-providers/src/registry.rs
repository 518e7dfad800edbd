//! The operator's hosts, and the way from a repository and a credential to its client.
//!
//! - Only configured hosts are ever called; a repository elsewhere is refused.
//! - Nothing is opened or loaded until the first call to a host: no client, no trust store.

mod check;

use std::sync::Arc;

use scm_types::{AccessToken, Clock, HostKind, RepoUrl, WebHost, WebHosts};
use url::Url;

pub use check::RegistryError;

use crate::{
    CallWatch, GithubApp, OauthClient, Provider, ProviderDescription, ProviderError,
    TransportSettings,
    bitbucket::{self, Bitbucket},
    context::{Context, Known},
    data_center::{self, DataCenter},
    github::{self, Github, app::App},
    gitlab::{self, Gitlab},
    transport::{Dialect, Session, Shared, Transport},
};

/// A host that the operator lists.
#[derive(Debug, Clone)]
pub struct ProviderHost {
    /// The host as it stands in repository URLs.
    pub web: WebHost,
    /// Where its API is, without a trailing slash.
    pub api_url: Url,
    /// Where OAuth tokens are asked about and renewed.
    pub oauth_url: Option<Url>,
    /// True for a host inside the network: loopback and private addresses may be dialled.
    pub allow_private_addresses: bool,
    /// Further certificate authorities, PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// What OAuth tokens are refreshed with.
    pub oauth: Option<OauthClient>,
    /// The GitHub App that installations are read with; GitHub only.
    pub app: Option<GithubApp>,
}

impl ProviderHost {
    /// A host with the API and OAuth addresses of its product.
    ///
    /// - GitHub: `github.com` has `api.github.com`, `SUB.ghe.com` has `api.SUB.ghe.com`, any other
    ///   is an Enterprise Server with `/api/v3`.
    /// - GitLab: `/api/v4` below the host and its sub-path.
    /// - Bitbucket Cloud: `api.bitbucket.org/2.0`; any other host `/2.0` below it.
    /// - Bitbucket Data Center: `/rest` below the host and its context path.
    #[must_use]
    pub fn default_for(web: WebHost) -> Self {
        let base = base_url(&web);
        let host = base.host_str().unwrap_or_default().to_owned();
        let api_url = match web.kind() {
            HostKind::Github if host == "github.com" || host.ends_with(".ghe.com") => {
                at_host(&base, &format!("api.{host}"))
            }
            HostKind::Github => below(&base, "api/v3"),
            HostKind::Gitlab => below(&base, "api/v4"),
            HostKind::Bitbucket if host == "bitbucket.org" => {
                below(&at_host(&base, "api.bitbucket.org"), "2.0")
            }
            HostKind::Bitbucket => below(&base, "2.0"),
            HostKind::BitbucketDataCenter => below(&base, "rest"),
        };
        Self {
            web,
            api_url,
            oauth_url: Some(base),
            allow_private_addresses: false,
            ca_pem: None,
            oauth: None,
            app: None,
        }
    }

    /// github.com, gitlab.com and bitbucket.org.
    #[must_use]
    pub fn public() -> Vec<Self> {
        WebHosts::public()
            .iter()
            .cloned()
            .map(Self::default_for)
            .collect()
    }
}

#[expect(
    clippy::expect_used,
    reason = "a WebHost was made from a checked scheme, host, port and path"
)]
fn base_url(web: &WebHost) -> Url {
    Url::parse(web.base_url()).expect("a WebHost is a URL")
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

fn at_host(base: &Url, host: &str) -> Url {
    let mut url = base.clone();
    // The names given here are ASCII host names; a refusal would leave the base as it is.
    let _ = url.set_host(Some(host));
    url
}

/// All configured hosts.
pub struct Registry {
    web_hosts: WebHosts,
    hosts: Vec<ProviderHost>,
    // In the order of `hosts`.
    transports: Vec<Transport>,
    apps: Vec<Option<App>>,
}

impl Registry {
    /// Checks the list; opens nothing.
    pub fn new(
        hosts: Vec<ProviderHost>,
        settings: TransportSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RegistryError> {
        Self::of(hosts, &Shared::new(settings, clock))
    }

    /// The same, with somebody who hears of every call.
    pub fn watched_by(
        watch: Arc<dyn CallWatch>,
        hosts: Vec<ProviderHost>,
        settings: TransportSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RegistryError> {
        Self::of(hosts, &Shared::new(settings, clock).watched_by(watch))
    }

    fn of(hosts: Vec<ProviderHost>, shared: &Shared) -> Result<Self, RegistryError> {
        let web_hosts = WebHosts::new(hosts.iter().map(|host| host.web.clone()).collect())?;
        if !shared
            .settings
            .user_agent
            .bytes()
            .all(|byte| (0x20..0x7f).contains(&byte))
        {
            return Err(RegistryError::BadUserAgent);
        }
        let transports = hosts
            .iter()
            .map(|host| {
                let dialect = dialect(host.web.kind());
                Ok(Transport::new(
                    check::endpoint(host)?,
                    dialect,
                    shared.clone(),
                ))
            })
            .collect::<Result<_, RegistryError>>()?;
        let apps = hosts.iter().map(check::app).collect::<Result<_, _>>()?;
        Ok(Self {
            web_hosts,
            hosts,
            transports,
            apps,
        })
    }

    /// The hosts as repository URLs name them.
    #[must_use]
    pub fn web_hosts(&self) -> &WebHosts {
        &self.web_hosts
    }

    /// The hosts as configured.
    #[must_use]
    pub fn hosts(&self) -> &[ProviderHost] {
        &self.hosts
    }

    /// What each host accepts and can do, for people and their tools.
    #[must_use]
    pub fn describe(&self) -> Vec<ProviderDescription> {
        self.hosts
            .iter()
            .map(|host| ProviderDescription::of(&host.web))
            .collect()
    }

    /// A client for one repository and one credential. Asks nobody; a credential that can be seen
    /// to be of no use is refused at once. `known` is what is stored about the connection from
    /// before.
    pub fn open(
        &self,
        repository: &RepoUrl,
        token: &AccessToken,
        known: Known,
    ) -> Result<Box<dyn Provider>, ProviderError> {
        self.open_as(repository, token, known, |session| session)
    }

    /// The same for work that nobody waits for. It steps back behind users: where the host tells
    /// what is left of the credential's limit, a call fails with [`ProviderError::RateLimited`] when
    /// less than a fifth is, and no more than [`TransportSettings::background_per_host`] calls are
    /// made to a host at a time; further ones wait within the operation's time.
    pub fn open_in_background(
        &self,
        repository: &RepoUrl,
        token: &AccessToken,
        known: Known,
    ) -> Result<Box<dyn Provider>, ProviderError> {
        self.open_as(repository, token, known, Session::in_background)
    }

    fn open_as(
        &self,
        repository: &RepoUrl,
        token: &AccessToken,
        known: Known,
        session: fn(Session) -> Session,
    ) -> Result<Box<dyn Provider>, ProviderError> {
        let (_, transport, _) = self.reach(repository)?;
        let (kind, authorization) = match repository.kind() {
            HostKind::Github => github::credential(token)?,
            HostKind::Gitlab => gitlab::credential(token)?,
            HostKind::Bitbucket => bitbucket::credential(token)?,
            HostKind::BitbucketDataCenter => data_center::credential(token),
        };
        let context = Context {
            session: session(transport.session(token, &authorization)?),
            repository: repository.clone(),
            token: token.clone(),
            kind,
            known,
        };
        Ok(match repository.kind() {
            HostKind::Github => Box::new(Github(context)),
            HostKind::Gitlab => Box::new(Gitlab(context)),
            HostKind::Bitbucket => Box::new(Bitbucket(context)),
            HostKind::BitbucketDataCenter => Box::new(DataCenter(context)),
        })
    }
}

impl Registry {
    /// The host of a repository, the way to it, and the operator's App there.
    pub(crate) fn reach(
        &self,
        repository: &RepoUrl,
    ) -> Result<(&ProviderHost, &Transport, Option<&App>), ProviderError> {
        let hosts = self.hosts.iter().zip(&self.transports).zip(&self.apps);
        hosts
            .map(|((host, transport), app)| (host, transport, app.as_ref()))
            .find(|(host, ..)| host.web == *repository.host())
            .ok_or(ProviderError::HostNotConfigured)
    }
}

impl Registry {
    /// Every host with the way to it.
    pub(crate) fn transports(&self) -> impl Iterator<Item = (&ProviderHost, &Transport)> {
        self.hosts.iter().zip(&self.transports)
    }
}

fn dialect(kind: HostKind) -> &'static Dialect {
    match kind {
        HostKind::Github => &github::DIALECT,
        HostKind::Gitlab => &gitlab::DIALECT,
        HostKind::Bitbucket => &bitbucket::DIALECT,
        HostKind::BitbucketDataCenter => &data_center::DIALECT,
    }
}
