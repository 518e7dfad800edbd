//! Bitbucket Cloud.

mod account;
mod error;
mod history;
mod hooks;
mod map;
mod refs;
mod token;
mod wire;

use async_trait::async_trait;
use scm_types::{AccessToken, HostKind, OperationReport, RepositoryInfo, ScmType, TokenKind};
use zeroize::Zeroizing;

use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess,
    context::{Client, Context, Subject, basic_or_bearer, checked_path},
    host::{Connection, Releases, Traits},
    transport::{Answer, Dialect},
};

/// Whether conditional requests are honoured is not documented, so none are made.
pub(crate) static DIALECT: Dialect = Dialect {
    product: HostKind::Bitbucket,
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
    Ok((kind, basic_or_bearer(token.expose())))
}

impl Client for Bitbucket {
    fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError> {
        error::accept(&self.0, self.0.token.expose(), answer, subject)
    }
}

impl Bitbucket {
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
impl Connection for Bitbucket {
    const TRAITS: Traits = Traits {
        scm_type: ScmType::Bitbucket,
        searches: true,
        releases: false,
        prereleases: false,
        calls_per_tag: 1,
        hooks_take: map::HOOKS,
        lists_deliveries: false,
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
        let path = within(&repository.info, &["hooks"]);
        let answer = self.0.get(&path, &[("pagelen", "1")]).await?;
        match self.accept(answer, Subject::Part) {
            Ok(answer) => {
                let hooks: wire::Page<serde::de::IgnoredAny> = answer.json()?;
                Ok(map::hooks(identity, repository, !hooks.values.is_empty()))
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

impl Releases for Bitbucket {}

/// What lies below the repository.
fn within<'a>(info: &'a RepositoryInfo, below: &[&'a str]) -> Vec<&'a str> {
    [
        &["repositories", info.owner.as_str(), info.name.as_str()],
        below,
    ]
    .concat()
}

/// A text in a query ("Filter and sort API objects").
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
