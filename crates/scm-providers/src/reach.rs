//! Whether the configured hosts can be reached at all, for whoever looks for what is wrong.
//!
//! - One request without a credential for each host, to its API's address, by the way that every
//!   call goes: the same client, the same rules for addresses, the same authorities.
//! - Any answer counts, a refusal too. Nothing of it is kept but its status and its `Date`.
//! - All hosts are asked at the same time; none takes longer than
//!   [`TransportSettings::request_timeout`](crate::TransportSettings::request_timeout).

use std::time::Duration;

use futures_util::future::join_all;
use scm_types::Timestamp;
use tokio::time::Instant;

use crate::{ProviderError, ProviderHost, Registry, transport::Transport};

/// What came of asking a host.
#[derive(Debug)]
pub struct HostReach {
    /// The host as it stands in repository URLs.
    pub host: String,
    /// True if the way to its API is encrypted.
    pub encrypted: bool,
    /// Its answer, or why there was none.
    pub answer: Result<HostAnswer, ProviderError>,
}

/// An answer, whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostAnswer {
    /// Its status.
    pub status: u16,
    /// How long it took, with the connection's making.
    pub took: Duration,
    /// The host's clock as the answer tells it, in whole seconds; `None` if it does not.
    pub date: Option<Timestamp>,
    /// Our clock when the answer came.
    pub seen: Timestamp,
}

impl Registry {
    /// Asks every host for an answer, in the order in which they are configured.
    pub async fn reach_all(&self) -> Vec<HostReach> {
        join_all(self.transports().map(|(host, way)| ask(host, way))).await
    }
}

async fn ask(host: &ProviderHost, way: &Transport) -> HostReach {
    HostReach {
        host: host.web.as_str().to_owned(),
        encrypted: host.api_url.scheme() == "https",
        answer: answer(way).await,
    }
}

async fn answer(way: &Transport) -> Result<HostAnswer, ProviderError> {
    let begun = Instant::now();
    let head = way.head().await?;
    Ok(HostAnswer {
        status: head.status().as_u16(),
        took: begun.elapsed(),
        date: date(head.headers()),
        seen: way.shared().clock.now(),
    })
}

/// The time that the host's clock showed.
fn date(headers: &http::HeaderMap) -> Option<Timestamp> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let date = httpdate::parse_http_date(date).ok()?;
    let since_epoch = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).ok()?)
}
