//! GitHub: github.com, GHE.com and Enterprise Server, through octocrab over our transport.

pub(crate) mod app;
mod error;
mod history;
mod hooks;
mod limit;
mod map;
mod refs;
mod releases;
mod token;
mod wire;

use async_trait::async_trait;
use http::{Method, StatusCode};
use scm_types::{
    AccessToken, HostKind, OperationReport, RepositoryInfo, ScmType, TokenKind, TokenReport,
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{
    HookReport, Identity, Missing, ProviderError, RepositoryAccess,
    context::{Context, Subject, checked_path},
    host::{Connection, Traits},
    page::{ListPage, NextPage, link_of},
    transport::{Answer, Dialect},
};

/// A version that Enterprise Server knows, too; an unknown one is refused.
pub(crate) static DIALECT: Dialect = Dialect {
    product: HostKind::Github,
    headers: &[
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ],
    conditional: true,
    octocrab: true,
    paced_writes: true,
    limit: limit::limit,
    doubtful: limit::doubtful,
};

/// A repository on GitHub.
pub(crate) struct Github(pub(crate) Context);

/// The kind of the credential, and how it is presented.
pub(crate) fn credential(
    token: &AccessToken,
) -> Result<(TokenKind, Zeroizing<String>), ProviderError> {
    let kind = token::kind(token.expose())?;
    Ok((kind, Zeroizing::new(format!("Bearer {}", token.expose()))))
}

impl Github {
    async fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError> {
        error::accept(&self.0, self.0.token.expose(), answer, subject).await
    }

    /// Something inside the repository; `None` if it is not there, or nothing is.
    async fn part<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, ProviderError> {
        let answer = self.0.get(path, query).await?;
        if error::is_empty(&answer) {
            return Ok(None);
        }
        match self.accept(answer, Subject::Part).await {
            Ok(answer) => answer.json().map(Some),
            Err(ProviderError::NotFound {
                what: Missing::Part,
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A page of a list inside the repository, with those that come after it: GitHub numbers them.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        at: Option<&NextPage>,
    ) -> Result<ListPage<T>, ProviderError> {
        let answer = self.0.page(at, path, query).await?;
        if error::is_empty(&answer) {
            return Ok(ListPage::EMPTY);
        }
        let answer = self.accept(answer, Subject::Part).await?;
        let next = link_of(&answer, "next");
        let last = link_of(&answer, "last").and_then(|last| last.number());
        Ok(ListPage {
            items: answer.json()?,
            rest: next
                .as_ref()
                .zip(last)
                .and_then(|(next, last)| next.up_to(last)),
            next,
        })
    }

    /// Sends a change, once, and reads what was made.
    async fn make<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: serde_json::Value,
    ) -> Result<T, ProviderError> {
        let answer = self.0.send(Method::POST, path, body).await?;
        error::accept_write(&self.0, self.0.token.expose(), answer)
            .await?
            .json()
    }

    /// The repository as GitHub describes it.
    async fn found(&self) -> Result<wire::Repository, ProviderError> {
        let (owner, name) = (self.0.repository.owner(), self.0.repository.name());
        let by_id = self.0.known.number().map(|id| ["repositories", id]);
        let by_id = by_id.as_ref().map(<[_; 2]>::as_slice);
        let by_path = ["repos", &owner, name];
        let asked = self
            .0
            .repository(by_id, &by_path, |status| status == StatusCode::NOT_FOUND);
        let answer = self.accept(asked.await?, Subject::Repository).await?;
        let found: wire::Repository = answer.json()?;
        checked_path(&found.full_name)?;
        Ok(found)
    }
}

#[async_trait]
impl Connection for Github {
    const TRAITS: Traits = Traits {
        scm_type: ScmType::Github,
        searches: false,
        releases: true,
        prereleases: true,
        calls_per_tag: 2,
        hooks_take: map::HOOKS,
        lists_deliveries: true,
    };

    fn context(&self) -> &Context {
        &self.0
    }

    async fn identity(&self) -> Result<Identity, ProviderError> {
        let answer = self.0.get(&["user"], &[]).await?;
        // An App's installation is no user. Its token was taken, or the answer were 401.
        let is_installation = answer.status == StatusCode::FORBIDDEN
            && (self.0.kind == TokenKind::GithubInstallation
                || String::from_utf8_lossy(&answer.body).contains("accessible by integration"));
        if is_installation && answer.refusal().is_ok() {
            return Ok(Identity {
                token: TokenReport {
                    kind: TokenKind::GithubInstallation,
                    ..token::report(self.0.kind, &answer)
                },
                account: None,
            });
        }
        let answer = self.accept(answer, Subject::Account).await?;
        Ok(Identity {
            token: token::report(self.0.kind, &answer),
            account: Some(map::account(&answer.json()?)),
        })
    }

    async fn info(&self) -> Result<RepositoryInfo, ProviderError> {
        Ok(map::info(&self.0, &self.found().await?))
    }

    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        Ok(map::repository(&self.0, identity, &self.found().await?))
    }

    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        let info = &repository.info;
        let path = within(info, &["hooks"]);
        let answer = self.0.get(&path, &[("per_page", "1")]).await?;
        match self.accept(answer, Subject::Part).await {
            Ok(answer) => {
                let hooks: Vec<serde::de::IgnoredAny> = answer.json()?;
                Ok(map::hooks(identity, repository, !hooks.is_empty()))
            }
            // An organisation's rule may be in the way, so that what is missing is not always known.
            Err(ProviderError::InsufficientScope { missing, .. }) => {
                Ok(HookReport::refused(missing))
            }
            // What the credential may not see does not exist for it.
            Err(ProviderError::NotFound { .. }) => {
                Ok(HookReport::refused(Some(map::HOOKS.to_owned())))
            }
            Err(error) => Err(error),
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

/// The path of something inside a repository.
fn within<'a>(info: &'a RepositoryInfo, parts: &[&'a str]) -> Vec<&'a str> {
    let repository = ["repos", info.owner.as_str(), info.name.as_str()];
    repository
        .into_iter()
        .chain(parts.iter().copied())
        .collect()
}

/// The path of something named by a ref, whose slashes part segments ("Git references").
fn named<'a>(info: &'a RepositoryInfo, parts: &[&'a str], name: &'a str) -> Vec<&'a str> {
    let mut path = within(info, parts);
    path.extend(name.split('/'));
    path
}
