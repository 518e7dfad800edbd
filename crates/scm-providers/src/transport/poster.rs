//! POST to one address that the operator configured, which is no code host.
//!
//! - The client is that of the hosts: no redirects, no proxy, no repetition, and addresses of
//!   metadata services and the like are never dialled. Private ones are, for the address is the
//!   operator's own.
//! - No error names the address.

use http::{HeaderMap, StatusCode};
use url::Url;

use super::{
    Client, Endpoint, TransportSettings,
    failure::{self, Phase},
};
use crate::{ProviderError, egress::Egress};

/// Why there is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The address is one that is never dialled.
    #[error("the address lies in a network that is never called")]
    Denied,
    /// Nobody knows whether the request has arrived.
    #[error("there was no answer ({0})")]
    NoAnswer(
        /// A stable word for what happened.
        &'static str,
    ),
}

/// Posts to one address.
pub struct Poster {
    client: Client,
    url: Url,
    settings: TransportSettings,
}

impl Poster {
    /// Opens nothing; the HTTP client is made for the first request. Fails if the URL holds an
    /// address that is never dialled; names are looked at when they are resolved.
    pub fn new(url: Url, settings: TransportSettings) -> Result<Self, PostError> {
        let egress = Egress {
            allow_private: true,
        };
        if !egress.admits_literal(&url) {
            return Err(PostError::Denied);
        }
        let endpoint = Endpoint {
            api_url: url.clone(),
            oauth_url: None,
            allow_private_addresses: true,
            authorities: Vec::new(),
        };
        Ok(Self {
            client: Client::new(&endpoint, egress, &settings),
            url,
            settings,
        })
    }

    /// Sends a request once, and gives the status of the answer; its body is not read. It takes no
    /// longer than [`TransportSettings::request_timeout`].
    pub async fn post(&self, headers: HeaderMap, body: Vec<u8>) -> Result<StatusCode, PostError> {
        let client = self.client.get().await.map_err(|error| told(&error))?;
        let request = client
            .post(self.url.clone())
            .headers(headers)
            .body(body)
            .timeout(self.settings.request_timeout);
        match request.send().await {
            Ok(response) => Ok(response.status()),
            Err(error) => Err(told(&failure::classify(&error, Phase::Head))),
        }
    }
}

fn told(error: &ProviderError) -> PostError {
    match error {
        ProviderError::EgressDenied => PostError::Denied,
        ProviderError::Unavailable { outage, .. } => PostError::NoAnswer(outage.as_str()),
        other => PostError::NoAnswer(other.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_refused_before_anything_is_sent() {
        #[track_caller]
        fn check(url: &str, want: Option<PostError>) {
            let made = Poster::new(url.parse().unwrap(), TransportSettings::default());
            assert_eq!(made.err(), want, "{url}");
        }
        check("http://169.254.169.254/latest", Some(PostError::Denied));
        check("https://[fe80::1]/", Some(PostError::Denied));
        check("https://[fd00:ec2::254]/", Some(PostError::Denied));
        check("http://127.0.0.1:1/", None);
        check("https://10.0.0.1/events", None);
        check("https://platform.example.com/events", None);
    }
}
