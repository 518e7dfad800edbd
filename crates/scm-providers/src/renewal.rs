//! New credentials for old ones: OAuth refresh, tokens of an App's installation, rotation of access
//! tokens.
//!
//! - Each of these is sent exactly once. A refresh token works once, and a repeated rotation revokes
//!   every token of its family: whether to try again is decided by whoever keeps the credential.
//! - A definite "no" is told apart from an answer that never came, and what the tenant gave from what
//!   the operator has configured.

mod oauth;

use std::fmt;

use scm_types::{AccessToken, ClientSecret, HostKind, RefreshToken, RepoUrl, Timestamp};
use zeroize::Zeroizing;

use crate::{ProviderError, Registry, gitlab, transport::Failure};

/// This system as an OAuth client of a host.
#[derive(Clone)]
pub struct OauthClient {
    /// Its public name there.
    pub client_id: String,
    /// What it proves itself with.
    pub client_secret: ClientSecret,
    /// Where its users were sent back to when they agreed, if the host wants to be told again.
    pub redirect_uri: Option<String>,
}

impl fmt::Debug for OauthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OauthClient")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}

/// This system as a GitHub App.
#[derive(Clone)]
pub struct GithubApp {
    /// The App's id.
    pub id: u64,
    /// Its private key, PEM.
    pub private_key: Zeroizing<String>,
}

impl fmt::Debug for GithubApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GithubApp")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A new credential.
#[derive(Clone)]
pub struct FreshTokens {
    /// What is presented from now on.
    pub access_token: AccessToken,
    /// What it is renewed with; `None` if the old one stays good.
    pub refresh_token: Option<RefreshToken>,
    /// When it ends, if the host told.
    pub expires_at: Option<Timestamp>,
}

/// Why there is no new credential.
#[derive(Debug, thiserror::Error)]
pub enum RenewalError {
    /// The host said no, for good: somebody has to connect the repository again.
    #[error("{reason}")]
    Refused {
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The host does not renew this credential, which is as good as it was.
    #[error("{reason}")]
    NotPossible {
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The operator has not configured what it takes for this host.
    #[error("This server is not set up to renew credentials of the repository's host")]
    NotConfigured,
    /// Nothing was sent, or the host said that it did nothing: trying again later is safe.
    #[error(transparent)]
    NotDone(ProviderError),
    /// It was sent and no clear answer came: the old credential may be used up.
    #[error(
        "{}. Whether the credential was renewed is not known; if it is refused from now on, connect \
         the repository again",
        Trouble(.0)
    )]
    Unknown(#[source] ProviderError),
}

impl From<Failure> for RenewalError {
    fn from(failure: Failure) -> Self {
        if failure.may_be_done {
            Self::Unknown(failure.error)
        } else {
            Self::NotDone(failure.error)
        }
    }
}

/// What went wrong, without the advice to try again.
struct Trouble<'a>(&'a ProviderError);

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ProviderError::Unavailable { outage, .. } => outage.fmt(f),
            error => error.fmt(f),
        }
    }
}

impl Registry {
    /// A new OAuth token for the refresh token, which is used up by it on most hosts.
    pub async fn refresh(
        &self,
        repository: &RepoUrl,
        refresh_token: &RefreshToken,
    ) -> Result<FreshTokens, RenewalError> {
        let (host, transport, _) = self.reach(repository).map_err(RenewalError::NotDone)?;
        let client = host.oauth.as_ref().ok_or(RenewalError::NotConfigured)?;
        let kind = repository.kind();
        // A request's future is large, and these are part of the callers' own.
        Box::pin(oauth::refresh(transport, kind, client, refresh_token)).await
    }

    /// A token of the operator's App for one repository of an installation; GitHub only.
    /// `repository_id` is the host's id of the repository, if it is stored.
    pub async fn installation_token(
        &self,
        repository: &RepoUrl,
        installation_id: &str,
        repository_id: Option<&str>,
    ) -> Result<FreshTokens, ProviderError> {
        let (_, transport, app) = self.reach(repository)?;
        let app = app.ok_or(ProviderError::AppNotConfigured)?;
        let made = app.installation_token(transport, repository, installation_id, repository_id);
        Box::pin(made).await
    }

    /// A new access token in place of `token`, which is revoked by it; GitLab only. Without
    /// `expires_at` the host decides how long the new one lasts.
    pub async fn rotate(
        &self,
        repository: &RepoUrl,
        token: &AccessToken,
        expires_at: Option<Timestamp>,
    ) -> Result<FreshTokens, RenewalError> {
        let (_, transport, _) = self.reach(repository).map_err(RenewalError::NotDone)?;
        match repository.kind() {
            HostKind::Gitlab => Box::pin(gitlab::rotate(transport, token, expires_at)).await,
            HostKind::Github | HostKind::Bitbucket | HostKind::BitbucketDataCenter => {
                Err(RenewalError::NotConfigured)
            }
        }
    }

    /// Whether OAuth tokens of a repository's host can be refreshed.
    #[must_use]
    pub fn can_refresh(&self, repository: &RepoUrl) -> bool {
        self.hosts()
            .iter()
            .any(|host| host.web == *repository.host() && host.oauth.is_some())
    }

    /// Whether the operator has configured an App for any host.
    #[must_use]
    pub fn any_app(&self) -> bool {
        self.hosts().iter().any(|host| host.app.is_some())
    }

    /// Whether a repository can be read with an App's installation.
    #[must_use]
    pub fn has_app(&self, repository: &RepoUrl) -> bool {
        self.hosts()
            .iter()
            .any(|host| host.web == *repository.host() && host.app.is_some())
    }
}
