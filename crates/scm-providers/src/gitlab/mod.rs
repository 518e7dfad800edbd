//! GitLab: gitlab.com and self-managed, also below a sub-path.

mod error;
mod history;
mod hooks;
mod map;
mod refs;
mod releases;
mod rotation;
mod token;
mod wire;

use async_trait::async_trait;
use http::StatusCode;
use scm_types::{
    AccessToken, HostKind, OperationReport, RepositoryInfo, ScmType, TokenKind, TokenReport,
};
use zeroize::Zeroizing;

use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess,
    context::{Client, Context, Subject, checked_path},
    host::{Connection, Traits},
    path::api_url,
    transport::{Answer, Dialect},
};

pub(crate) use rotation::rotate;

pub(crate) static DIALECT: Dialect = Dialect {
    product: HostKind::Gitlab,
    headers: &[("accept", "application/json")],
    conditional: true,
    octocrab: false,
    paced_writes: false,
    limit: error::limit,
    doubtful: |_| false,
};

/// A project on GitLab.
pub(crate) struct Gitlab(pub(crate) Context);

/// The kind of the credential, and how it is presented: as a bearer,
/// whatever kind it is, because that is the header that HTTP clients guard.
pub(crate) fn credential(
    token: &AccessToken,
) -> Result<(TokenKind, Zeroizing<String>), ProviderError> {
    let kind = token::kind(token.expose())?;
    Ok((kind, Zeroizing::new(format!("Bearer {}", token.expose()))))
}

impl Client for Gitlab {
    fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError> {
        error::accept(&self.0, self.0.token.expose(), answer, subject)
    }
}

impl Gitlab {
    /// Scopes and expiry, as far as the token may see itself. The account was already told, so
    /// nothing that goes wrong here is held against the credential, but a plain "no longer".
    async fn describe(&self) -> Result<TokenReport, ProviderError> {
        let asked = self.0.get(&["personal_access_tokens", "self"], &[]).await;
        let Ok(answer) = asked else {
            return Ok(token::unknown(self.0.kind));
        };
        let status = answer.status.as_u16();
        if let (200, Ok(found)) = (status, answer.json::<wire::SelfToken>()) {
            if found.revoked == Some(true) {
                return Err(ProviderError::TokenInvalid {
                    hint: Some("It was revoked"),
                });
            }
            let has_ended = found.active == Some(false);
            let report = token::from_self(&found);
            let now = self.0.session.now();
            return match report.expires_at {
                Some(at) if has_ended && at <= now => {
                    Err(ProviderError::TokenExpired { at: Some(at) })
                }
                _ => Ok(report),
            };
        }
        // An OAuth token is no personal one: 401 or 404, by version.
        if matches!(status, 400 | 401 | 404) && self.0.kind == TokenKind::Unknown {
            return Ok(self.describe_oauth().await);
        }
        Ok(token::unknown(self.0.kind))
    }

    async fn describe_oauth(&self) -> TokenReport {
        let session = &self.0.session;
        let unknown = token::unknown(self.0.kind);
        let Some(base) = &session.transport().endpoint().oauth_url else {
            return unknown;
        };
        let Ok(url) = api_url(base, &["oauth", "token", "info"], &[]) else {
            return unknown;
        };
        match session.read(&url).await {
            Ok(answer) if answer.status.is_success() => answer
                .json()
                .map_or(unknown, |found| token::from_info(&found, session.now())),
            _ => unknown,
        }
    }

    /// The project as GitLab describes it.
    async fn found(&self) -> Result<wire::Project, ProviderError> {
        let path = self.0.repository.path();
        let by_id = self.0.known.number().map(|id| ["projects", id]);
        let by_id = by_id.as_ref().map(<[_; 2]>::as_slice);
        let by_path = ["projects", path.as_str()];
        let asked = self
            .0
            .repository(by_id, &by_path, |status| status == StatusCode::NOT_FOUND);
        let answer = self.accept(asked.await?, Subject::Repository)?;
        let found: wire::Project = answer.json()?;
        checked_path(&found.path_with_namespace)?;
        Ok(found)
    }
}

#[async_trait]
impl Connection for Gitlab {
    const TRAITS: Traits = Traits {
        scm_type: ScmType::Gitlab,
        searches: true,
        releases: true,
        prereleases: false,
        calls_per_tag: 1,
        hooks_take: map::HOOKS,
        lists_deliveries: true,
    };

    fn context(&self) -> &Context {
        &self.0
    }

    async fn identity(&self) -> Result<Identity, ProviderError> {
        let answer = self.0.get(&["user"], &[]).await?;
        let answer = self.accept(answer, Subject::Account)?;
        let account = map::account(&answer.json()?);
        Ok(Identity {
            token: self.describe().await?,
            account: Some(account),
        })
    }

    async fn info(&self) -> Result<RepositoryInfo, ProviderError> {
        Ok(map::repository(&self.0, &self.found().await?).info)
    }

    async fn repository(&self, _identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        Ok(map::repository(&self.0, &self.found().await?))
    }

    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        let path = ["projects", &repository.info.id, "hooks"];
        let answer = self.0.get(&path, &[("per_page", "1")]).await?;
        match self.accept(answer, Subject::Part) {
            Ok(answer) => {
                let hooks: Vec<serde::de::IgnoredAny> = answer.json()?;
                Ok(map::hooks(identity, repository, !hooks.is_empty()))
            }
            Err(error) => HookReport::unread(error, map::HOOKS),
        }
    }

    fn operations(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
        hooks: &HookReport,
    ) -> Vec<OperationReport> {
        map::operations(identity, repository, hooks)
    }
}

/// What lies below the project, which is addressed by its id.
fn within<'a>(info: &'a RepositoryInfo, below: &[&'a str]) -> Vec<&'a str> {
    [&["projects", info.id.as_str()], below].concat()
}
