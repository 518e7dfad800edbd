//! Bitbucket Cloud.

mod error;
mod map;
mod token;
mod wire;

use async_trait::async_trait;
use scm_types::{
    AccessToken, BranchInfo, BranchName, CommitInfo, CommitSha, Comparison, HookAccess, NewRelease,
    NewTag, OperationReport, Permission, RefSearch, ReleaseInfo, RepositoryInfo, ScmType, TagInfo,
    TagName, TokenKind,
};
use zeroize::Zeroizing;

use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess,
    context::{Context, Subject, checked_path},
    host::{Host, Traits},
    page::{ListPage, NextPage},
    transport::{Answer, Dialect},
};

/// Whether conditional requests are honoured is not documented, so none are made.
pub(crate) static DIALECT: Dialect = Dialect {
    headers: &[("accept", "application/json")],
    conditional: false,
    octocrab: false,
    paced_writes: false,
    limit: error::limit,
    doubtful: |_| false,
};

/// A repository on Bitbucket Cloud.
pub(crate) struct Bitbucket(pub(crate) Context);

/// The kind of the credential, and how it is presented.
pub(crate) fn credential(
    token: &AccessToken,
) -> Result<(TokenKind, Zeroizing<String>), ProviderError> {
    let kind = token::kind(token.expose())?;
    Ok((kind, token::authorization(token.expose())))
}

impl Bitbucket {
    fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError> {
        error::accept(&self.0, self.0.token.expose(), answer, subject)
    }

    /// A bearer without a known prefix may be an access token as well, and what belongs to no account
    /// may be refused where accounts are asked for: the repository tells whether it is good.
    fn may_lack_an_account(&self) -> bool {
        self.0.kind == TokenKind::BitbucketOauth
    }

    /// The account's permission; access tokens have no account. Not being told is no failure.
    async fn permission(&self, info: &RepositoryInfo) -> Result<Permission, ProviderError> {
        if self.0.kind == TokenKind::BitbucketAccessToken {
            return Ok(Permission::Unknown);
        }
        let path = [
            "user",
            "workspaces",
            &info.owner,
            "permissions",
            "repositories",
        ];
        let full_name = quoted(&format!("{}/{}", info.owner, info.name));
        let query = [("q", format!("repository.full_name={full_name}"))];
        let query = query
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let asked = async {
            let answer = self.0.get(&path, &query).await?;
            self.accept(answer, Subject::Part)?.json()
        };
        match asked.await {
            Ok(found) => Ok(map::permission(&found, info.visibility)),
            Err(
                error @ (ProviderError::TokenInvalid { .. } | ProviderError::TokenExpired { .. }),
            ) if !self.may_lack_an_account() => Err(error),
            Err(error) => {
                tracing::debug!(code = error.code(), "the permission could not be asked for");
                Ok(Permission::Unknown)
            }
        }
    }

    /// The repository as Bitbucket describes it.
    async fn found(&self) -> Result<wire::Repository, ProviderError> {
        let (owner, name) = (self.0.repository.owner(), self.0.repository.name());
        // By its uuid, but below the workspace of the URL: nothing tells whether a repository is
        // found there after it has moved to another one.
        let by_id = self.0.known.uuid();
        let by_id = by_id.map(|id| ["repositories", owner.as_str(), id]);
        let by_id = by_id.as_ref().map(<[_; 3]>::as_slice);
        let by_path = ["repositories", &owner, name];
        let asked = self.0.repository(by_id, &by_path, |status| {
            matches!(status.as_u16(), 403 | 404 | 410)
        });
        let answer = self.accept(asked.await?, Subject::Repository)?;
        let found: wire::Repository = answer.json()?;
        checked_path(&found.full_name)?;
        Ok(found)
    }
}

#[async_trait]
impl Host for Bitbucket {
    const TRAITS: Traits = Traits {
        scm_type: ScmType::Bitbucket,
        searches: true,
        releases: false,
        calls_per_tag: 1,
    };

    fn context(&self) -> &Context {
        &self.0
    }

    /// An access token has no account to ask for: nothing is asked, the repository tells.
    async fn identity(&self) -> Result<Identity, ProviderError> {
        if self.0.kind == TokenKind::BitbucketAccessToken {
            return Ok(Identity {
                token: token::report(self.0.kind, None),
                account: None,
            });
        }
        let answer = self.0.get(&["user"], &[]).await?;
        let token = token::report(self.0.kind, Some(&answer));
        match self.accept(answer, Subject::Account) {
            Ok(answer) => Ok(Identity {
                account: Some(map::account(&answer.json()?)),
                token,
            }),
            // Reading the account is a scope of its own that nothing else needs.
            Err(ProviderError::InsufficientScope { .. }) => Ok(Identity {
                account: None,
                token,
            }),
            Err(ProviderError::TokenInvalid { .. } | ProviderError::TokenExpired { .. })
                if self.may_lack_an_account() =>
            {
                Ok(Identity {
                    account: None,
                    token,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn info(&self) -> Result<RepositoryInfo, ProviderError> {
        Ok(map::repository(&self.0, &self.found().await?))
    }

    async fn repository(&self, _identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        let info = map::repository(&self.0, &self.found().await?);
        Ok(RepositoryAccess {
            permission: self.permission(&info).await?,
            read_only: None,
            info,
        })
    }

    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        let info = &repository.info;
        let path = ["repositories", &info.owner, &info.name, "hooks"];
        let answer = self.0.get(&path, &[("pagelen", "1")]).await?;
        match self.accept(answer, Subject::Part) {
            Ok(answer) => {
                let hooks: wire::Page<serde::de::IgnoredAny> = answer.json()?;
                Ok(map::hooks(identity, repository, !hooks.values.is_empty()))
            }
            Err(ProviderError::InsufficientScope { missing, .. }) => Ok(HookReport {
                access: HookAccess::No,
                any: None,
                missing: missing.or(Some("the permission admin on the repository".to_owned())),
            }),
            Err(ProviderError::NotFound { .. }) => Ok(HookReport {
                access: HookAccess::No,
                any: None,
                missing: Some("the permission admin on the repository".to_owned()),
            }),
            Err(error) => Err(error),
        }
    }

    async fn branch_page(
        &self,
        info: &RepositoryInfo,
        search: Option<&RefSearch>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<BranchInfo>, ProviderError> {
        let path = ["repositories", &info.owner, &info.name, "refs", "branches"];
        let search = search.map(|search| format!("name ~ {}", quoted(search.as_str())));
        let mut query = vec![("pagelen", "100"), ("sort", "name")];
        query.extend(search.as_deref().map(|search| ("q", search)));
        let answer = self.0.page(at, &path, &query).await?;
        let answer = self.accept(answer, Subject::Part)?;
        let found: wire::Page<wire::Branch> = answer.json()?;
        let default = info.default_branch.as_deref();
        let items = found.values.iter();
        let items = items.map(|found| map::branch(found, default));
        Ok(ListPage {
            items: items.collect::<Result<_, _>>()?,
            next: found.next.as_deref().and_then(NextPage::of_url),
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

/// A text in a query ("Filter and sort API objects").
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
