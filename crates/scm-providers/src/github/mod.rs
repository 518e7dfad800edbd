//! GitHub: github.com, GHE.com and Enterprise Server, through octocrab over our transport.

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
    provider::sealed::Sealed,
    transport::{Answer, Dialect},
};

/// A version that Enterprise Server knows, too; an unknown one is refused.
pub(crate) static DIALECT: Dialect = Dialect {
    headers: &[
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ],
    conditional: true,
    octocrab: true,
    limit: error::limit,
    doubtful: error::doubtful,
};

/// A repository on GitHub.
pub(crate) struct Github {
    context: Context,
    token: AccessToken,
    kind: TokenKind,
}

/// How the credential is presented.
pub(crate) fn authorization(token: &AccessToken) -> Result<Zeroizing<String>, ProviderError> {
    token::kind(token.expose())?;
    Ok(Zeroizing::new(format!("Bearer {}", token.expose())))
}

impl Github {
    pub(crate) fn new(context: Context, token: AccessToken) -> Result<Self, ProviderError> {
        Ok(Self {
            kind: token::kind(token.expose())?,
            context,
            token,
        })
    }

    async fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError> {
        error::accept(&self.context, self.token.expose(), answer, subject).await
    }
}

impl Sealed for Github {
    fn budget(&self) -> Duration {
        self.context.budget()
    }
}

#[async_trait]
impl Provider for Github {
    fn scm_type(&self) -> ScmType {
        ScmType::Github
    }

    async fn identity(&self) -> Result<Identity, ProviderError> {
        let answer = self.context.get(&["user"], &[]).await?;
        // An App's installation is no user. Its token was taken, or the answer were 401.
        let is_installation = answer.status == StatusCode::FORBIDDEN
            && (self.kind == TokenKind::GithubInstallation
                || String::from_utf8_lossy(&answer.body).contains("accessible by integration"));
        if is_installation && answer.refusal().is_ok() {
            return Ok(Identity {
                token: TokenReport {
                    kind: TokenKind::GithubInstallation,
                    ..token::report(self.kind, &answer)
                },
                account: None,
            });
        }
        let answer = self.accept(answer, Subject::Account).await?;
        Ok(Identity {
            token: token::report(self.kind, &answer),
            account: Some(map::account(&answer.json()?)),
        })
    }

    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        let (owner, name) = (
            self.context.repository.owner(),
            self.context.repository.name(),
        );
        let by_id = self.context.known.number().map(|id| ["repositories", id]);
        let by_id = by_id.as_ref().map(<[_; 2]>::as_slice);
        let by_path = ["repos", &owner, name];
        let asked = self
            .context
            .repository(by_id, &by_path, |status| status == StatusCode::NOT_FOUND);
        let answer = asked.await?;
        let answer = self.accept(answer, Subject::Repository).await?;
        let found: wire::Repository = answer.json()?;
        checked_path(&found.full_name)?;
        Ok(map::repository(&self.context, identity, &found))
    }

    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        let info = &repository.info;
        let path = ["repos", &info.owner, &info.name, "hooks"];
        let answer = self.context.get(&path, &[("per_page", "1")]).await?;
        match self.accept(answer, Subject::Part).await {
            Ok(answer) => {
                let hooks: Vec<serde::de::IgnoredAny> = answer.json()?;
                Ok(map::hooks(identity, repository, !hooks.is_empty()))
            }
            Err(ProviderError::InsufficientScope { missing, .. }) => Ok(HookReport {
                access: HookAccess::No,
                any: None,
                missing,
            }),
            // What the credential may not see does not exist for it.
            Err(ProviderError::NotFound { .. }) => Ok(HookReport {
                access: HookAccess::No,
                any: None,
                missing: Some("the role admin on the repository and admin:repo_hook".to_owned()),
            }),
            Err(error) => Err(error),
        }
    }

    async fn branches(
        &self,
        repository: &RepositoryInfo,
        page: Option<&NextPage>,
    ) -> Result<BranchPage, ProviderError> {
        let path = ["repos", &repository.owner, &repository.name, "branches"];
        let next = page.map(|page| &page.0);
        let answer = self
            .context
            .page(next, &path, &[("per_page", "100")])
            .await?;
        if answer.status == StatusCode::CONFLICT && answer.refusal().is_ok() {
            return Ok(BranchPage::EMPTY); // "Git Repository is empty."
        }
        let answer = self.accept(answer, Subject::Part).await?;
        let branches: Vec<wire::Branch> = answer.json()?;
        let default = repository.default_branch.as_deref();
        Ok(BranchPage {
            branches: branches
                .iter()
                .map(|found| map::branch(found, default))
                .collect(),
            next: next_of(&answer),
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
