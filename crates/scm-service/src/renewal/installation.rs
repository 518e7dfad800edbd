//! Tokens of the operator's GitHub App for one repository of an installation.
//!
//! - They are kept in memory, bounded, and never stored: another can be made at any time.
//! - One is used until five minutes before its end. Of any number of callers one has the next one
//!   made, and all of them get it, or its failure.

use std::{future::ready, sync::Arc, time::Duration};

use moka::{future::Cache, ops::compute::Op};
use scm_providers::{Outage, ProviderError};
use scm_types::{AccessToken, RepoUrl, TenantScmIntegration, Timestamp};

use super::Ready;
use crate::{ServiceError, Services};

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_mins(5);

/// GitHub's tokens live for an hour; nothing is kept longer, whatever its clock says.
const LIFE: Duration = Duration::from_hours(1);

const TOKENS: u64 = 10_000;

/// What a token is good for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    host: String,
    installation: String,
    repository: String,
}

impl Place {
    fn of(row: &TenantScmIntegration, installation: &str, url: &RepoUrl) -> Self {
        Self {
            host: url.host().base_url().to_owned(),
            installation: installation.to_owned(),
            // The id survives a rename; a name that changed hands has another one.
            repository: match &row.provider_repository_id {
                Some(id) => id.clone(),
                None => url.key(),
            },
        }
    }
}

/// A token that was made. Wiped when the last copy of it is dropped.
#[derive(Clone)]
struct Made {
    token: AccessToken,
    ends: Timestamp,
}

impl Made {
    fn is_good(&self, now: Timestamp) -> bool {
        now.plus(MARGIN) < self.ends
    }
}

/// The tokens that were made.
pub(super) struct Installations(Cache<Place, Arc<Made>>);

impl Installations {
    pub(super) fn new() -> Self {
        let tokens = Cache::builder().max_capacity(TOKENS).time_to_live(LIFE);
        Self(tokens.build())
    }

    /// Drops what is kept for a place, if it is as `unwanted` says: somebody else may have put a
    /// better one there.
    async fn drop_if(&self, place: &Place, unwanted: impl Fn(&Made) -> bool) {
        let entry = self.0.entry_by_ref(place);
        let removal = entry.and_compute_with(|kept| {
            ready(match kept {
                Some(kept) if unwanted(kept.value()) => Op::Remove,
                _ => Op::Nop,
            })
        });
        removal.await;
    }
}

impl Services {
    /// The integration with a token of its installation.
    pub(super) async fn of_installation(
        &self,
        row: TenantScmIntegration,
        url: &RepoUrl,
    ) -> Result<Ready, ServiceError> {
        let Some(installation) = of(&row) else {
            return Err(ServiceError::NoCredential);
        };
        let place = Place::of(&row, installation, url);
        let kept = &self.renewals.installations;
        let now = self.clock.now();
        kept.drop_if(&place, |made| !made.is_good(now)).await;
        let repository_id = row.provider_repository_id.as_deref();
        let make = async {
            let made = self
                .registry
                .installation_token(url, installation, repository_id)
                .await?;
            Ok::<_, ProviderError>(Arc::new(Made {
                token: made.access_token,
                ends: made.expires_at.unwrap_or(now),
            }))
        };
        let token = kept.0.try_get_with(place, make).await;
        let token = token.map_err(|error| shared(&error))?;
        Ok(Ready {
            token: token.token.clone(),
            is_stored: false,
            expires_at: Some(token.ends),
            row,
        })
    }

    /// Forgets the token that the host has refused.
    pub(super) async fn forget_installation(&self, refused: &Ready, url: &RepoUrl) {
        if let Some(installation) = of(&refused.row) {
            let place = Place::of(&refused.row, installation, url);
            let kept = &self.renewals.installations;
            let same = |made: &Made| made.token.expose() == refused.token.expose();
            kept.drop_if(&place, same).await;
        }
    }
}

/// The installation that stands in for a stored token. A deleted connection has none any more.
pub(super) fn of(row: &TenantScmIntegration) -> Option<&str> {
    let installation = row.integration.github_installation_id.as_deref();
    installation.filter(|_| row.access_token.is_none() && !row.is_deleted)
}

/// The failure that all get who waited for the same token. Its cause is in the log of the one who
/// asked the host.
fn shared(error: &ProviderError) -> ProviderError {
    match error {
        ProviderError::TokenInvalid { hint } => ProviderError::TokenInvalid { hint: *hint },
        ProviderError::TokenExpired { at } => ProviderError::TokenExpired { at: *at },
        ProviderError::InsufficientScope { missing, sso_url } => ProviderError::InsufficientScope {
            missing: missing.clone(),
            sso_url: sso_url.clone(),
        },
        ProviderError::NotFound { what } => ProviderError::NotFound { what: *what },
        ProviderError::UnsupportedCredential { reason } => {
            ProviderError::UnsupportedCredential { reason }
        }
        ProviderError::Moved => ProviderError::Moved,
        ProviderError::RateLimited { retry_after } => ProviderError::RateLimited {
            retry_after: *retry_after,
        },
        ProviderError::BadRequest { status } => ProviderError::BadRequest { status: *status },
        ProviderError::Unavailable {
            outage,
            retry_after,
            ..
        } => ProviderError::Unavailable {
            outage: *outage,
            retry_after: *retry_after,
            source: None,
        },
        ProviderError::EgressDenied => ProviderError::EgressDenied,
        ProviderError::InstallationGone => ProviderError::InstallationGone,
        ProviderError::InstallationSuspended => ProviderError::InstallationSuspended,
        ProviderError::AppNotConfigured => ProviderError::AppNotConfigured,
        ProviderError::ServerRefused { what } => ProviderError::ServerRefused { what },
        ProviderError::HostNotConfigured => ProviderError::HostNotConfigured,
        // The others are about work on a repository and do not come from here.
        _ => ProviderError::Unavailable {
            outage: Outage::Malformed,
            retry_after: None,
            source: None,
        },
    }
}
