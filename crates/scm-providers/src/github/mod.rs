//! GitHub: github.com, GHE.com and Enterprise Server, through octocrab over our transport.

mod error;
mod map;
mod token;
mod wire;

use async_trait::async_trait;
use http::StatusCode;
use scm_types::{
    AccessToken, BranchInfo, BranchName, CommitInfo, CommitSha, Comparison, HookAccess, NewRelease,
    NewTag, OperationReport, RefSearch, ReleaseInfo, RepositoryInfo, ScmType, TagInfo, TagName,
    TokenKind, TokenReport,
};
use zeroize::Zeroizing;

use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess,
    context::{Context, Subject, checked_path},
    host::{Host, Traits},
    page::{ListPage, NextPage, link_of},
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
impl Host for Github {
    const TRAITS: Traits = Traits {
        scm_type: ScmType::Github,
        searches: false,
        releases: true,
        calls_per_tag: 2,
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
        let path = ["repos", &info.owner, &info.name, "hooks"];
        let answer = self.0.get(&path, &[("per_page", "1")]).await?;
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

    async fn branch_page(
        &self,
        info: &RepositoryInfo,
        _search: Option<&RefSearch>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<BranchInfo>, ProviderError> {
        let path = ["repos", &info.owner, &info.name, "branches"];
        let answer = self.0.page(at, &path, &[("per_page", "100")]).await?;
        if answer.status == StatusCode::CONFLICT && answer.refusal().is_ok() {
            return Ok(ListPage::EMPTY); // "Git Repository is empty."
        }
        let answer = self.accept(answer, Subject::Part).await?;
        let branches: Vec<wire::Branch> = answer.json()?;
        let default = info.default_branch.as_deref();
        let items = branches.iter().map(|found| map::branch(found, default));
        Ok(ListPage {
            items: items.collect::<Result<_, _>>()?,
            next: link_of(&answer, "next"),
            rest: None,
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
    async fn tag_page(
        &self,
        _info: &RepositoryInfo,
        _at: Option<&NextPage>,
    ) -> Result<ListPage<TagInfo>, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn find_branch(
        &self,
        _info: &RepositoryInfo,
        _name: &BranchName,
    ) -> Result<Option<BranchInfo>, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn find_tag(
        &self,
        _info: &RepositoryInfo,
        _name: &TagName,
    ) -> Result<Option<TagInfo>, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn find_commit(
        &self,
        _info: &RepositoryInfo,
        _sha: &CommitSha,
    ) -> Result<Option<CommitInfo>, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn commits(
        &self,
        _info: &RepositoryInfo,
        _base: Option<&CommitSha>,
        _head: &CommitSha,
    ) -> Result<Comparison, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn is_ancestor(
        &self,
        _info: &RepositoryInfo,
        _ancestor: &CommitSha,
        _descendant: &CommitSha,
    ) -> Result<bool, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn create_branch(
        &self,
        _info: &RepositoryInfo,
        _name: &BranchName,
        _at: &CommitSha,
    ) -> Result<(), ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn create_tag(&self, _info: &RepositoryInfo, _tag: &NewTag) -> Result<(), ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn find_release(
        &self,
        _info: &RepositoryInfo,
        _tag: &TagName,
    ) -> Result<Option<ReleaseInfo>, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    async fn create_release(
        &self,
        _info: &RepositoryInfo,
        _release: &NewRelease,
    ) -> Result<(), ProviderError> {
        Err(ProviderError::NoReleases)
    }
}
