//! The HTTP client of a host: made for its first request, then kept.
//!
//! - No redirects, no proxy from the environment, no referer, no repetition of its own.
//! - TLS is rustls with ring. Roots come from the system, and the operator's file if one is given;
//!   a host without TLS loads none.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use octocrab::{
    AuthState, Octocrab, OctocrabBuilder, service::middleware::reqwest_connector::ReqwestConnector,
};
use tokio::sync::OnceCell;

use super::{
    Endpoint, TransportSettings,
    body::AnyBody,
    failure::{self, Failure, Phase},
};
use crate::{
    Outage, ProviderError,
    egress::{Egress, GuardedResolver},
};

/// Idle connections go soon: checks are rare, and their memory is not.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 4;

pub(crate) struct Client {
    cell: OnceCell<reqwest::Client>,
    config: Config,
}

#[derive(Clone)]
struct Config {
    authorities: Vec<reqwest::Certificate>,
    has_tls: bool,
    egress: Egress,
    connect_timeout: Duration,
    user_agent: String,
}

impl Client {
    pub(crate) fn new(endpoint: &Endpoint, egress: Egress, settings: &TransportSettings) -> Self {
        let has_tls = std::iter::once(&endpoint.api_url)
            .chain(&endpoint.oauth_url)
            .any(|url| url.scheme() == "https");
        Self {
            cell: OnceCell::new(),
            config: Config {
                authorities: endpoint.authorities.clone(),
                has_tls,
                egress,
                connect_timeout: settings.connect_timeout,
                user_agent: settings.user_agent.clone(),
            },
        }
    }

    pub(crate) async fn get(&self) -> Result<&reqwest::Client, ProviderError> {
        self.cell
            .get_or_try_init(|| async {
                let config = self.config.clone();
                // Reading the system's certificates blocks.
                let built = tokio::task::spawn_blocking(move || build(config)).await;
                match built {
                    Ok(Ok(client)) => Ok(client),
                    Ok(Err(error)) => Err(failure::classify(&error, Phase::Head)),
                    Err(error) => Err(ProviderError::Unavailable {
                        outage: Outage::Tls,
                        retry_after: None,
                        source: Some(error.into()),
                    }),
                }
            })
            .await
    }
}

fn build(config: Config) -> Result<reqwest::Client, reqwest::Error> {
    // An embedding program may have installed its own; then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver(config.egress)))
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .user_agent(config.user_agent);
    let builder = if config.has_tls {
        builder.tls_certs_merge(config.authorities)
    } else {
        builder.tls_certs_only(std::iter::empty())
    };
    builder.build()
}

/// Sends a request through reqwest itself.
pub(crate) async fn send(
    client: &reqwest::Client,
    request: http::Request<Bytes>,
) -> Result<http::Response<AnyBody>, Failure> {
    let failed = |error: reqwest::Error| Failure::before_head(&error);
    let request = reqwest::Request::try_from(request).map_err(failed)?;
    let response = client.execute(request).await.map_err(failed)?;
    let response: http::Response<reqwest::Body> = response.into();
    Ok(response.map(|body| body.map_err(Into::into).boxed()))
}

/// octocrab over our client, as `build_with_reqwest` does it, but without the layers that it puts
/// in between: they would send octocrab's name as a second user agent, and all else that they do
/// (credential, base URL, cache) is done by the session.
pub(crate) fn octocrab(client: &reqwest::Client) -> Octocrab {
    let built = OctocrabBuilder::new_empty()
        .with_service(ReqwestConnector::new(client.clone()))
        .with_auth(AuthState::None)
        .build();
    match built {
        Ok(octocrab) => octocrab,
    }
}

/// Sends a request through octocrab.
pub(crate) async fn send_octocrab(
    octocrab: &Octocrab,
    request: http::Request<Bytes>,
) -> Result<http::Response<AnyBody>, Failure> {
    let response = octocrab
        .execute(request)
        .await
        .map_err(|error| Failure::before_head(&error))?;
    Ok(response.map(|body| body.map_err(Into::into).boxed()))
}
