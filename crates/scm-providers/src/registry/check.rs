//! Whether the operator's hosts can be served: told when they are read, not when they are needed.

use scm_types::{HostKind, InvalidHost};

use super::ProviderHost;
use crate::{github::app::App, transport::Endpoint};

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

/// The addresses of a host, if they can be some.
pub(super) fn endpoint(host: &ProviderHost) -> Result<Endpoint, RegistryError> {
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

/// The App of a host, ready to sign. What the host's product has no use for is an oversight of the operator's.
pub(super) fn app(host: &ProviderHost) -> Result<Option<App>, RegistryError> {
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
