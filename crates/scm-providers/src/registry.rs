//! The operator's hosts, and the way from a repository and a credential to its client.
//!
//! - Only configured hosts are ever called; a repository elsewhere is refused.
//! - Nothing is opened or loaded until the first call to a host: no client, no trust store.

use std::sync::Arc;

use scm_types::{AccessToken, Clock, HostKind, InvalidHost, RepoUrl, WebHost, WebHosts};
use url::Url;

use crate::{
    GithubApp, OauthClient, Provider, ProviderDescription, ProviderError, TransportSettings,
    bitbucket::{self, Bitbucket},
    context::{Context, Known},
    data_center::{self, DataCenter},
    github::{self, Github, app::App},
    gitlab::{self, Gitlab},
    transport::{Dialect, Endpoint, Shared, Transport},
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

/// A list of hosts that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The same host twice.
    #[error("the list of hosts is not usable: {0}")]
    Hosts(#[from] InvalidHost),
    /// An API or OAuth address that cannot be one.
    #[error("{host}: {member} must be an http or https URL without user, query and fragment")]
    BadUrl {
        /// The host as configured.
        host: String,
        /// Which address.
        member: &'static str,
    },
    /// A certificate file that holds none.
    #[error("{host}: the certificate authorities could not be read as PEM")]
    BadCertificate {
        /// The host as configured.
        host: String,
        /// The cause.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// Something that is configured for a product without it.
    #[error("{host}: {member} is of no use to a host of this kind")]
    NotForProduct {
        /// The host as configured.
        host: String,
        /// What is configured.
        member: &'static str,
    },
    /// A private key of an App that cannot sign.
    #[error(
        "{host}: app.private_key must be the App's RSA key of 2048 to 4096 bits in PEM, as GitHub \
         makes it"
    )]
    BadPrivateKey {
        /// The host as configured.
        host: String,
    },
    /// A user agent that cannot be a header.
    #[error("the user agent must be printable ASCII")]
    BadUserAgent,
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
        let web_hosts = WebHosts::new(hosts.iter().map(|host| host.web.clone()).collect())?;
        if !settings
            .user_agent
            .bytes()
            .all(|byte| (0x20..0x7f).contains(&byte))
        {
            return Err(RegistryError::BadUserAgent);
        }
        let shared = Shared::new(settings, clock);
        let transports = hosts
            .iter()
            .map(|host| {
                let dialect = dialect(host.web.kind());
                Ok(Transport::new(endpoint(host)?, dialect, shared.clone()))
            })
            .collect::<Result<_, RegistryError>>()?;
        let apps = hosts.iter().map(app).collect::<Result<_, _>>()?;
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
        let (_, transport, _) = self.reach(repository)?;
        let (kind, authorization) = match repository.kind() {
            HostKind::Github => github::credential(token)?,
            HostKind::Gitlab => gitlab::credential(token)?,
            HostKind::Bitbucket => bitbucket::credential(token)?,
            HostKind::BitbucketDataCenter => data_center::credential(token),
        };
        let context = Context {
            session: transport.session(token, &authorization)?,
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

/// What the host's product has no use for is an oversight of the operator's.
fn app(host: &ProviderHost) -> Result<Option<App>, RegistryError> {
    let kind = host.web.kind();
    let unfit = [
        ("app", host.app.is_some() && kind != HostKind::Github),
        (
            "oauth",
            host.oauth.is_some() && kind == HostKind::BitbucketDataCenter,
        ),
    ];
    if let Some((member, _)) = unfit.into_iter().find(|(_, unfit)| *unfit) {
        return Err(RegistryError::NotForProduct {
            host: host.web.as_str().to_owned(),
            member,
        });
    }
    let app = host.app.as_ref().map(App::new).transpose();
    app.map_err(|_| RegistryError::BadPrivateKey {
        host: host.web.as_str().to_owned(),
    })
}

fn dialect(kind: HostKind) -> &'static Dialect {
    match kind {
        HostKind::Github => &github::DIALECT,
        HostKind::Gitlab => &gitlab::DIALECT,
        HostKind::Bitbucket => &bitbucket::DIALECT,
        HostKind::BitbucketDataCenter => &data_center::DIALECT,
    }
}

fn endpoint(host: &ProviderHost) -> Result<Endpoint, RegistryError> {
    let name = || host.web.as_str().to_owned();
    let members = std::iter::once(("api_url", &host.api_url))
        .chain(host.oauth_url.iter().map(|url| ("oauth_url", url)));
    for (member, url) in members {
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_plain {
            return Err(RegistryError::BadUrl {
                host: name(),
                member,
            });
        }
    }
    let authorities = match &host.ca_pem {
        None => Vec::new(),
        Some(pem) => match reqwest::Certificate::from_pem_bundle(pem) {
            Ok(found) if !found.is_empty() => found,
            Ok(_) => {
                return Err(RegistryError::BadCertificate {
                    host: name(),
                    source: None,
                });
            }
            Err(error) => {
                return Err(RegistryError::BadCertificate {
                    host: name(),
                    source: Some(error),
                });
            }
        },
    };
    Ok(Endpoint {
        api_url: host.api_url.clone(),
        oauth_url: host.oauth_url.clone(),
        allow_private_addresses: host.allow_private_addresses,
        authorities,
    })
}
