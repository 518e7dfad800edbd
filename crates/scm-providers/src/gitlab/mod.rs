//! GitLab: gitlab.com and self-managed, also below a sub-path.

mod error;
mod map;
mod token;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use scm_types::{
    AccessToken, HookAccess, OperationReport, RepositoryInfo, ScmType, TokenKind, TokenReport,
};
use zeroize::Zeroizing;

use crate::{
    BranchPage, HookReport, Identity, NextPage, Provider, ProviderError, RepositoryAccess,
    context::{Context, Subject, checked_path},
    page::next_of,
    path::api_url,
    provider::sealed::Sealed,
    transport::{Answer, Dialect},
};

pub(crate) static DIALECT: Dialect = Dialect {
    headers: &[("accept", "application/json")],
    conditional: true,
    octocrab: false,
    limit: error::limit,
    doubtful: |_| false,
};

/// A project on GitLab.
pub(crate) struct Gitlab {
    context: Context,
    token: AccessToken,
    kind: TokenKind,
}

/// How the credential is presented: as a bearer, whatever kind it is, because that is the header
/// that HTTP clients guard.
pub(crate) fn authorization(token: &AccessToken) -> Result<Zeroizing<String>, ProviderError> {
    token::kind(token.expose())?;
    Ok(Zeroizing::new(format!("Bearer {}", token.expose())))
}

impl Gitlab {
    pub(crate) fn new(context: Context, token: AccessToken) -> Result<Self, ProviderError> {
        Ok(Self {
            kind: token::kind(token.expose())?,
            context,
            token,
        })
    }

    fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError> {
        error::accept(&self.context, self.token.expose(), answer, subject)
    }

    /// Scopes and expiry, as far as the token may see itself. The account was already told, so
    /// nothing that goes wrong here is held against the credential, but a plain "no longer".
    async fn describe(&self) -> Result<TokenReport, ProviderError> {
        let asked = self
            .context
            .get(&["personal_access_tokens", "self"], &[])
            .await;
        let Ok(answer) = asked else {
            return Ok(token::unknown(self.kind));
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
            let now = self.context.session.now();
            return match report.expires_at {
                Some(at) if has_ended && at <= now => {
                    Err(ProviderError::TokenExpired { at: Some(at) })
                }
                _ => Ok(report),
            };
        }
        // An OAuth token is no personal one: 401 or 404, by version.
        if matches!(status, 400 | 401 | 404) && self.kind == TokenKind::Unknown {
            return Ok(self.describe_oauth().await);
        }
        Ok(token::unknown(self.kind))
    }

    async fn describe_oauth(&self) -> TokenReport {
        let session = &self.context.session;
        let unknown = token::unknown(self.kind);
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
}

impl Sealed for Gitlab {
    fn budget(&self) -> Duration {
        self.context.budget()
    }
}

#[async_trait]
impl Provider for Gitlab {
    fn scm_type(&self) -> ScmType {
        ScmType::Gitlab
    }

    async fn identity(&self) -> Result<Identity, ProviderError> {
        let answer = self.context.get(&["user"], &[]).await?;
        let answer = self.accept(answer, Subject::Account)?;
        let account = map::account(&answer.json()?);
        Ok(Identity {
            token: self.describe().await?,
            account: Some(account),
        })
    }

    async fn repository(&self, _identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        let path = self.context.repository.path();
        let by_id = self.context.known.number().map(|id| ["projects", id]);
        let by_id = by_id.as_ref().map(<[_; 2]>::as_slice);
        let by_path = ["projects", path.as_str()];
        let asked = self
            .context
            .repository(by_id, &by_path, |status| status == StatusCode::NOT_FOUND);
        let answer = self.accept(asked.await?, Subject::Repository)?;
        let found: wire::Project = answer.json()?;
        checked_path(&found.path_with_namespace)?;
        Ok(map::repository(&self.context, &found))
    }

    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        let path = ["projects", &repository.info.id, "hooks"];
        let answer = self.context.get(&path, &[("per_page", "1")]).await?;
        match self.accept(answer, Subject::Part) {
            Ok(answer) => {
                let hooks: Vec<serde::de::IgnoredAny> = answer.json()?;
                Ok(map::hooks(identity, repository, !hooks.is_empty()))
            }
            Err(ProviderError::InsufficientScope { missing, .. }) => Ok(HookReport {
                access: HookAccess::No,
                any: None,
                missing: missing.or(Some("the role Maintainer on the project".to_owned())),
            }),
            Err(ProviderError::NotFound { .. }) => Ok(HookReport {
                access: HookAccess::No,
                any: None,
                missing: Some("the role Maintainer on the project".to_owned()),
            }),
            Err(error) => Err(error),
        }
    }

    async fn branches(
        &self,
        repository: &RepositoryInfo,
        page: Option<&NextPage>,
    ) -> Result<BranchPage, ProviderError> {
        let path = ["projects", &repository.id, "repository", "branches"];
        let query = [("pagination", "keyset"), ("per_page", "100")];
        let next = page.map(|page| &page.0);
        let answer = self.context.page(next, &path, &query).await?;
        // A project without any commit may have no repository behind it yet.
        let is_missing = answer.status.as_u16() == 404 && answer.refusal().is_ok();
        if is_missing && repository.default_branch.is_none() {
            return Ok(BranchPage::EMPTY);
        }
        let answer = self.accept(answer, Subject::Part)?;
        let branches: Vec<wire::Branch> = answer.json()?;
        let default = repository.default_branch.as_deref();
        Ok(BranchPage {
            // A full page announces another even if that is empty.
            next: next_of(&answer).filter(|_| !branches.is_empty()),
            branches: branches
                .iter()
                .map(|found| map::branch(found, default))
                .collect(),
        })
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
