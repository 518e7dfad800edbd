//! GET of one small document at an address that the operator configured, which is no code host.
//!
//! - The client is that of the hosts: no redirects, no proxy, no repetition, and addresses of
//!   metadata services and the like are never dialled. Private ones are, for the address is the
//!   operator's own.
//! - No error names the address, or anything of the answer but its status.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use url::Url;

use super::{
    Client, Endpoint, TransportSettings,
    failure::{self, Phase},
};
use crate::{ProviderError, egress::Egress};

/// The largest document, in bytes.
const MAX: usize = 512 * 1024;

/// Why there is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is one that is never dialled.
    #[error("the address lies in a network that is never called")]
    Denied,
    /// There was no whole answer.
    #[error("there was no answer ({0})")]
    NoAnswer(
        /// A stable word for what happened.
        &'static str,
    ),
    /// The answer is another one than 200.
    #[error("the answer has the status {0}")]
    Status(
        /// The status.
        StatusCode,
    ),
    /// The answer is larger than such a document is.
    #[error("the answer is larger than 512 KiB")]
    TooLarge,
}

/// Fetches the document at one address.
pub struct Fetcher {
    client: Client,
    url: Url,
    settings: TransportSettings,
}

impl Fetcher {
    /// Opens nothing; the HTTP client is made for the first request. Fails if the URL holds an
    /// address that is never dialled; names are looked at when they are resolved.
    pub fn new(url: Url, settings: TransportSettings) -> Result<Self, FetchError> {
        let egress = Egress {
            allow_private: true,
        };
        if !egress.admits_literal(&url) {
            return Err(FetchError::Denied);
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

    /// The document. It takes no longer than [`TransportSettings::request_timeout`].
    pub async fn get(&self) -> Result<Bytes, FetchError> {
        let client = self.client.get().await.map_err(|error| told(&error))?;
        let request = client
            .get(self.url.clone())
            .timeout(self.settings.request_timeout);
        let answer = request.send().await;
        let mut answer = answer.map_err(|error| told(&failure::classify(&error, Phase::Head)))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let mut document = BytesMut::new();
        loop {
            let chunk = answer.chunk().await;
            match chunk.map_err(|error| told(&failure::classify(&error, Phase::Body)))? {
                Some(chunk) if document.len() + chunk.len() > MAX => {
                    return Err(FetchError::TooLarge);
                }
                Some(chunk) => document.extend_from_slice(&chunk),
                None => return Ok(document.freeze()),
            }
        }
    }
}

fn told(error: &ProviderError) -> FetchError {
    match error {
        ProviderError::EgressDenied => FetchError::Denied,
        ProviderError::Unavailable { outage, .. } => FetchError::NoAnswer(outage.as_str()),
        _ => FetchError::NoAnswer("unreachable"),
    }
}
