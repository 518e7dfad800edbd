//! Bitbucket Data Center, self-hosted: another API than Cloud.
//!
//! - A repository has no address by its id, so it is always asked for by its path. That another one
//!   has taken over the name is seen by its id, which [`RepositoryInfo::id`] tells; comparing it
//!   with the one that is stored is for the caller.
//! - Nothing but a header of the answers tells whom a credential belongs to, and nothing at all what
//!   it may do: who can read the webhooks is an administrator, for everybody else only trying tells.
//! - A public repository is shown to everybody: an answer given to nobody refuses the credential, one
//!   that does not say to whom proves nothing.

mod error;
mod history;
mod hooks;
mod map;
mod refs;
mod token;
mod wire;

use async_trait::async_trait;
use http::{Method, StatusCode};
use scm_types::{
    AccessToken, HookAccess, HostKind, OperationReport, Permission, RepositoryInfo, ScmType,
    TokenKind,
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess,
    context::{Client, Context, Subject, basic_or_bearer, checked_path, if_there},
    host::{Connection, Releases, Traits},
    page::{ListPage, NextPage},
    text::label,
    transport::{Answer, Dialect},
};

/// Whether conditional requests are honoured is not documented, so none are made.
pub(crate) static DIALECT: Dialect = Dialect {
    product: HostKind::BitbucketDataCenter,
    headers: &[("accept", "application/json")],
    conditional: false,
    octocrab: false,
    paced_writes: false,
    limit: error::limit,
    doubtful: |_| false,
};

/// A repository on Bitbucket Data Center.
pub(crate) struct DataCenter(pub(crate) Context);

/// The kind of the credential, and how it is presented.
pub(crate) fn credential(token: &AccessToken) -> (TokenKind, Zeroizing<String>) {
    let token = token.expose();
    (token::kind(token), basic_or_bearer(token))
}

impl Client for DataCenter {
    fn accept(&self, answer: Answer, subject: Subject) -> Result<Answer, ProviderError> {
        error::accept(&self.0, answer, subject)
    }

    /// Missing rights are another status, so with 404 it is the commit that is missing.
    async fn make<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: serde_json::Value,
    ) -> Result<T, ProviderError> {
        let answer = self.0.send(Method::POST, path, body).await?;
        let missing = ProviderError::BadRequest { status: 404 };
        if_there(self.accept(answer, Subject::Part))?
            .ok_or(missing)?
            .json()
    }
}

impl DataCenter {
    /// A page of a list inside the repository. `query` is that of the first page, without `start`.
    async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        at: Option<&NextPage>,
    ) -> Result<ListPage<T>, ProviderError> {
        let answer = self.0.page(at, path, query).await?;
        let found: wire::Page<T> = self.accept(answer, Subject::Part)?.json()?;
        let start = found.next().map(|start| start.to_string());
        let next = start.and_then(|start| {
            let start = [("start", start.as_str())];
            NextPage::of_pairs(&[query, &start].concat())
        });
        Ok(ListPage {
            items: found.values,
            next,
            rest: None,
        })
    }

    async fn asked(&self) -> Result<Answer, ProviderError> {
        let (key, slug) = (self.0.repository.owner(), self.0.repository.name());
        let answer = self.0.get(&repository(&key, slug), &[]).await?;
        self.accept(answer, Subject::Repository)
    }

    /// None in an empty repository, and where the configured one does not exist.
    async fn default_branch(&self, key: &str, slug: &str) -> Result<Option<String>, ProviderError> {
        let path = [&repository(key, slug)[..], &["default-branch"]].concat();
        let answer = self.0.get(&path, &[]).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let Some(answer) = if_there(self.accept(answer, Subject::Part))? else {
            return Ok(None);
        };
        let found: wire::Branch = answer.json()?;
        Ok(Some(label(&found.display_id, 255)))
    }
}

#[async_trait]
impl Connection for DataCenter {
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

    /// There is nothing to ask for the account itself. The repository is what every kind of
    /// credential that is of use here can read.
    async fn identity(&self) -> Result<Identity, ProviderError> {
        let answer = self.asked().await?;
        if token::User::of(&answer) == token::User::Nobody {
            return Err(self.0.refused(token::hint(self.0.token.expose(), "")));
        }
        Ok(Identity {
            token: token::report(self.0.kind),
            account: token::account(&answer),
        })
    }

    async fn info(&self) -> Result<RepositoryInfo, ProviderError> {
        let found: wire::Repository = self.asked().await?.json()?;
        let (key, slug) = (&found.project.key, &found.slug);
        checked_path(&format!("{key}/{slug}"))?;
        let default_branch = self.default_branch(key, slug).await?;
        Ok(map::repository(&self.0, &found, default_branch))
    }

    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        let info = self.info().await?;
        let mut found = RepositoryAccess {
            permission: Permission::Unknown,
            read_only: info.archived.then_some("the repository is archived"),
            info,
        };
        match self.hooks(identity, &found).await {
            Ok(hooks) if hooks.access == HookAccess::Yes => found.permission = Permission::Admin,
            Ok(_) => {}
            Err(error) if error.is_definite() => return Err(error),
            Err(error) => {
                tracing::debug!(code = error.code(), "the permission could not be asked for");
            }
        }
        Ok(found)
    }

    async fn hooks(
        &self,
        _identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        let path = within(&repository.info, &["webhooks"]);
        let found = self.list(&path, &[("limit", "1")], None).await;
        let found: Result<ListPage<serde::de::IgnoredAny>, _> = found;
        match found {
            // Only administrators can read the list.
            Ok(page) => Ok(HookReport::read(
                !page.items.is_empty(),
                HookAccess::Yes,
                None,
            )),
            Err(error) => HookReport::unread(error, map::HOOKS),
        }
    }

    fn operations(
        &self,
        _identity: &Identity,
        repository: &RepositoryAccess,
        hooks: &HookReport,
    ) -> Vec<OperationReport> {
        map::operations(repository, hooks)
    }
}

impl Releases for DataCenter {}

/// The path of a repository.
fn repository<'a>(key: &'a str, slug: &'a str) -> [&'a str; 6] {
    ["api", "latest", "projects", key, "repos", slug]
}

/// What lies below the repository.
fn within<'a>(info: &'a RepositoryInfo, below: &[&'a str]) -> Vec<&'a str> {
    [&repository(&info.owner, &info.name)[..], below].concat()
}
