//! Bitbucket Cloud.

mod error;
mod map;
mod token;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use scm_types::{
    AccessToken, HookAccess, OperationReport, Permission, RepositoryInfo, ScmType, TokenKind,
};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    BranchPage, HookReport, Identity, NextPage, Provider, ProviderError, RepositoryAccess,
    context::{Context, Subject, checked_path},
    provider::sealed::Sealed,
    transport::{Answer, Dialect},
};

/// Whether conditional requests are honoured is not documented, so none are made.
pub(crate) static DIALECT: Dialect = Dialect {
    headers: &[("accept", "application/json")],
    conditional: false,
    octocrab: false,
    limit: error::limit,
    doubtful: |_| false,
};

/// A repository on Bitbucket Cloud.
pub(crate) struct Bitbucket {
    context: Context,
    token: AccessToken,
    kind: TokenKind,
}

/// How the credential is presented.
pub(crate) fn authorization(token: &AccessToken) -> Result<Zeroizing<String>, ProviderError> {
    token::kind(token.expose())?;
    Ok(token::authorization(token.expose()))
}

impl Bitbucket {
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

    /// A bearer without a known prefix may be an access token as well, and what belongs to no account
    /// may be refused where accounts are asked for: the repository tells whether it is good.
    fn may_lack_an_account(&self) -> bool {
        self.kind == TokenKind::BitbucketOauth
    }

    /// The account's permission; access tokens have no account. Not being told is no failure.
    async fn permission(&self, info: &RepositoryInfo) -> Result<Permission, ProviderError> {
        if self.kind == TokenKind::BitbucketAccessToken {
            return Ok(Permission::Unknown);
        }
        let path = [
            "user",
            "workspaces",
            &info.owner,
            "permissions",
            "repositories",
        ];
        let quoted = format!("{}/{}", info.owner, info.name)
            .replace('\\', "\\\\")
            .replace('"', "\\\"");
        let query = [("q", format!("repository.full_name=\"{quoted}\""))];
        let query = query
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let asked = async {
            let answer = self.context.get(&path, &query).await?;
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
}

impl Sealed for Bitbucket {
    fn budget(&self) -> Duration {
        self.context.budget()
    }
}

#[async_trait]
impl Provider for Bitbucket {
    fn scm_type(&self) -> ScmType {
        ScmType::Bitbucket
    }

    /// An access token has no account to ask for: nothing is asked, the repository tells.
    async fn identity(&self) -> Result<Identity, ProviderError> {
        if self.kind == TokenKind::BitbucketAccessToken {
            return Ok(Identity {
                token: token::report(self.kind, None),
                account: None,
            });
        }
        let answer = self.context.get(&["user"], &[]).await?;
        let token = token::report(self.kind, Some(&answer));
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

    async fn repository(&self, _identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        let (owner, name) = (
            self.context.repository.owner(),
            self.context.repository.name(),
        );
        // By its uuid, but below the workspace of the URL: nothing tells whether a repository is
        // found there after it has moved to another one.
        let by_id = self.context.known.uuid();
        let by_id = by_id.map(|id| ["repositories", owner.as_str(), id]);
        let by_id = by_id.as_ref().map(<[_; 3]>::as_slice);
        let by_path = ["repositories", &owner, name];
        let asked = self.context.repository(by_id, &by_path, |status| {
            matches!(status.as_u16(), 403 | 404 | 410)
        });
        let answer = self.accept(asked.await?, Subject::Repository)?;
        let found: wire::Repository = answer.json()?;
        checked_path(&found.full_name)?;
        let info = map::repository(&self.context, &found);
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
        let answer = self.context.get(&path, &[("pagelen", "1")]).await?;
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

    async fn branches(
        &self,
        repository: &RepositoryInfo,
        page: Option<&NextPage>,
    ) -> Result<BranchPage, ProviderError> {
        let path = [
            "repositories",
            &repository.owner,
            &repository.name,
            "refs",
            "branches",
        ];
        let query = [("pagelen", "100"), ("sort", "name")];
        let next = page.map(|page| &page.0);
        let answer = self.context.page(next, &path, &query).await?;
        let answer = self.accept(answer, Subject::Part)?;
        let found: wire::Page<wire::Branch> = answer.json()?;
        let default = repository.default_branch.as_deref();
        Ok(BranchPage {
            next: found
                .next
                .as_deref()
                .and_then(|next| Url::parse(next).ok())
                .map(NextPage),
            branches: found
                .values
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
