//! What every code host can be asked and told, and what is composed of it.
//!
//! - The trait is sealed: a new question is no breaking change.
//! - A handle belongs to one repository, one credential and one operation, whose time starts when
//!   it is opened. It must be used inside a tokio runtime.
//! - What is done here is the same sequence for all products; [`crate::host`] holds the single
//!   questions. [`Provider::check`]: who am I, the repository, then webhooks and branches; the
//!   first definite "no" ends it.
//! - The work on a repository takes its [`RepositoryInfo`], so that nobody can begin without having
//!   asked for the repository: it tells whether it was renamed, archived or replaced.

use async_trait::async_trait;
use scm_types::{
    AccountRef, BranchInfo, BranchName, CommitSha, Comparison, ConnectionReport, Ensured,
    HookAccess, NewRelease, NewTag, OperationReport, Permission, RefKind, RefSpec, ReleaseInfo,
    RepositoryInfo, ScmType, TagInfo, TagName, TokenReport,
};

use crate::{
    ListRequest, Listing, Missing, Outage, ProviderError, TagList, ensure,
    host::{Connection, Host},
    list,
    resolve::{self, Resolved},
    tags,
};

mod sealed {
    /// Keeps [`super::Provider`] to this crate's clients.
    pub trait Sealed {}

    impl<H: super::Host> Sealed for H {}
}

/// The credential and who it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What is known of the credential.
    pub token: TokenReport,
    /// The account behind it; access tokens of a repository or an App's installation have none.
    pub account: Option<AccountRef>,
}

/// The repository and what the credential may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryAccess {
    /// The repository as its host describes it.
    pub info: RepositoryInfo,
    /// The role on it, as far as the host tells.
    pub permission: Permission,
    /// Why nothing can be written to it, whoever asks; `None` if it takes writes.
    pub read_only: Option<&'static str>,
}

/// What a look at the list of webhooks told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookReport {
    /// Whether webhooks can be managed.
    pub access: HookAccess,
    /// Whether there is any; `None` if the list could not be read.
    pub any: Option<bool>,
    /// The scope, permission or role that is missing, if access is refused.
    pub missing: Option<String>,
}

impl HookReport {
    /// Nothing is known.
    pub(crate) const UNKNOWN: Self = Self {
        access: HookAccess::Unknown,
        any: None,
        missing: None,
    };
}

/// One repository on one code host, seen with one credential.
#[async_trait]
pub trait Provider: sealed::Sealed + Send + Sync {
    /// The product.
    fn scm_type(&self) -> ScmType;

    /// Whether the product has releases. Where it has none, the message of an annotated tag is the
    /// place for release notes.
    fn has_releases(&self) -> bool;

    /// Whether the product can mark a release as not ready for everybody. Where it cannot, the mark
    /// is left out.
    fn marks_prereleases(&self) -> bool;

    /// Asks who the credential belongs to and what it is.
    async fn identity(&self) -> Result<Identity, ProviderError>;

    /// Asks for the repository and nothing else. One that was renamed or moved is found at its new
    /// place, which [`RepositoryInfo::moved_to`] then names.
    async fn info(&self) -> Result<RepositoryInfo, ProviderError>;

    /// Asks for the repository and what the credential may do with it.
    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError>;

    /// Looks at the list of webhooks. Only a failure to ask is an error; a refusal is
    /// [`HookAccess::No`].
    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError>;

    /// What the answers so far say about each operation of the platform. Asks nobody.
    fn operations(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
        hooks: &HookReport,
    ) -> Vec<OperationReport>;

    /// The whole check, within the transport's time for one operation. An error that
    /// [is definite](ProviderError::is_definite) says that the connection does not work; any other
    /// says that it is not known.
    async fn check(&self) -> Result<ConnectionReport, ProviderError>;

    /// A part of the branches, in the host's order.
    async fn branches(
        &self,
        info: &RepositoryInfo,
        request: &ListRequest,
    ) -> Result<Listing<BranchInfo>, ProviderError>;

    /// One branch; [`ProviderError::RefNotFound`] if there is none of that name.
    async fn branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<BranchInfo, ProviderError>;

    /// A branch at a commit. [`ProviderError::RefConflict`] if it is elsewhere.
    async fn ensure_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<Ensured<BranchInfo>, ProviderError>;

    /// All tags whose names begin with `prefix`, newest first.
    async fn tags(&self, info: &RepositoryInfo, prefix: &str) -> Result<TagList, ProviderError>;

    /// The newest tag whose name begins with `prefix`, alone in its list, or an empty list.
    async fn latest_tag(
        &self,
        info: &RepositoryInfo,
        prefix: &str,
    ) -> Result<TagList, ProviderError>;

    /// One tag; [`ProviderError::RefNotFound`] if there is none of that name.
    async fn tag(&self, info: &RepositoryInfo, name: &TagName) -> Result<TagInfo, ProviderError>;

    /// The newest other tag that a tag descends from; tags of the same commit do not count.
    /// [`ProviderError::PreviousTagUndecided`] if that would take too many questions.
    async fn previous_tag(
        &self,
        info: &RepositoryInfo,
        current: &TagName,
        commit: &CommitSha,
    ) -> Result<Option<TagInfo>, ProviderError>;

    /// An annotated tag at a commit. A lightweight one there will do; one elsewhere is
    /// [`ProviderError::RefConflict`].
    async fn ensure_tag(
        &self,
        info: &RepositoryInfo,
        tag: &NewTag,
    ) -> Result<Ensured<TagInfo>, ProviderError>;

    /// The commit that a ref stands for. [`ProviderError::RefNotFound`] names what is missing;
    /// [`ProviderError::RefAmbiguous`] if a branch and a tag of that name are different commits.
    async fn resolve(
        &self,
        info: &RepositoryInfo,
        spec: &RefSpec,
    ) -> Result<Resolved, ProviderError>;

    /// The commits of `head` that `base` does not have, newest first; without `base` all of them.
    async fn compare(
        &self,
        info: &RepositoryInfo,
        base: Option<&CommitSha>,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError>;

    /// A release of a tag that is there. [`ProviderError::ReleaseConflict`] if there is another one,
    /// [`ProviderError::NoReleases`] if the product has none.
    async fn ensure_release(
        &self,
        info: &RepositoryInfo,
        release: &NewRelease,
    ) -> Result<Ensured<ReleaseInfo>, ProviderError>;
}

#[async_trait]
impl<H: Host> Provider for H {
    fn scm_type(&self) -> ScmType {
        H::TRAITS.scm_type
    }

    fn has_releases(&self) -> bool {
        H::TRAITS.releases
    }

    fn marks_prereleases(&self) -> bool {
        H::TRAITS.prereleases
    }

    async fn identity(&self) -> Result<Identity, ProviderError> {
        Connection::identity(self).await
    }

    async fn info(&self) -> Result<RepositoryInfo, ProviderError> {
        Connection::info(self).await
    }

    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        Connection::repository(self, identity).await
    }

    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        Connection::hooks(self, identity, repository).await
    }

    fn operations(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
        hooks: &HookReport,
    ) -> Vec<OperationReport> {
        Connection::operations(self, identity, repository, hooks)
    }

    async fn check(&self) -> Result<ConnectionReport, ProviderError> {
        let late = || ProviderError::outage(Outage::Timeout);
        tokio::time::timeout(self.context().budget(), check(self))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    async fn branches(
        &self,
        info: &RepositoryInfo,
        request: &ListRequest,
    ) -> Result<Listing<BranchInfo>, ProviderError> {
        let search = request.search.as_ref();
        let fetch = |at| async move { self.branch_page(info, search, Option::as_ref(&at)).await };
        list::part(fetch, request, search.is_some() && !H::TRAITS.searches).await
    }

    async fn branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<BranchInfo, ProviderError> {
        let found = self.find_branch(info, name).await?;
        found.ok_or_else(|| ProviderError::no_ref(RefKind::Branch, name.as_str()))
    }

    async fn ensure_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<Ensured<BranchInfo>, ProviderError> {
        match ensure::branch(self, info, name, at).await {
            // It was moved a moment ago: once more at its new place.
            Err(ProviderError::Moved) => {
                ensure::branch(self, &Connection::info(self).await?, name, at).await
            }
            other => other,
        }
    }

    async fn tags(&self, info: &RepositoryInfo, prefix: &str) -> Result<TagList, ProviderError> {
        tags::all(self, info, prefix).await
    }

    async fn latest_tag(
        &self,
        info: &RepositoryInfo,
        prefix: &str,
    ) -> Result<TagList, ProviderError> {
        tags::latest(self, info, prefix).await
    }

    async fn tag(&self, info: &RepositoryInfo, name: &TagName) -> Result<TagInfo, ProviderError> {
        let found = self.find_tag(info, name).await?;
        found.ok_or_else(|| ProviderError::no_ref(RefKind::Tag, name.as_str()))
    }

    async fn previous_tag(
        &self,
        info: &RepositoryInfo,
        current: &TagName,
        commit: &CommitSha,
    ) -> Result<Option<TagInfo>, ProviderError> {
        tags::previous(self, info, current, commit).await
    }

    async fn ensure_tag(
        &self,
        info: &RepositoryInfo,
        tag: &NewTag,
    ) -> Result<Ensured<TagInfo>, ProviderError> {
        match ensure::tag(self, info, tag).await {
            Err(ProviderError::Moved) => {
                ensure::tag(self, &Connection::info(self).await?, tag).await
            }
            other => other,
        }
    }

    async fn resolve(
        &self,
        info: &RepositoryInfo,
        spec: &RefSpec,
    ) -> Result<Resolved, ProviderError> {
        resolve::resolve(self, info, spec).await
    }

    async fn compare(
        &self,
        info: &RepositoryInfo,
        base: Option<&CommitSha>,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError> {
        if base == Some(head) {
            return Ok(Comparison::empty());
        }
        self.commits(info, base, head).await
    }

    async fn ensure_release(
        &self,
        info: &RepositoryInfo,
        release: &NewRelease,
    ) -> Result<Ensured<ReleaseInfo>, ProviderError> {
        if !H::TRAITS.releases {
            return Err(ProviderError::NoReleases);
        }
        match ensure::release(self, info, release).await {
            Err(ProviderError::Moved) => {
                ensure::release(self, &Connection::info(self).await?, release).await
            }
            other => other,
        }
    }
}

async fn check<H: Host>(provider: &H) -> Result<ConnectionReport, ProviderError> {
    let identity = Connection::identity(provider).await?;
    let mut repository = Connection::repository(provider, &identity).await?;
    let (hooks, branches) = tokio::join!(
        Connection::hooks(provider, &identity, &repository),
        provider.branch_page(&repository.info, None, None),
    );
    let branches = match branches {
        Ok(page) => page.items,
        Err(ProviderError::NotFound {
            what: Missing::Part,
        }) => return Err(without_branches(provider, &identity).await),
        Err(error) => return Err(error),
    };
    let hooks = match hooks {
        Ok(hooks) => hooks,
        Err(error) if error.is_definite() => return Err(error),
        // The connection itself is known to work by now.
        Err(error) => {
            tracing::debug!(code = error.code(), "webhooks could not be looked at");
            HookReport::UNKNOWN
        }
    };
    if branches.is_empty() {
        // GitHub names a default branch before there is one.
        repository.info.default_branch = None;
    }
    Ok(ConnectionReport {
        operations: Connection::operations(provider, &identity, &repository, &hooks),
        token: identity.token,
        account: identity.account,
        permission: repository.permission,
        hooks: hooks.access,
        has_webhooks: hooks.any,
        branches,
        repository: repository.info,
    })
}

/// What it means that a repository which was there a moment ago has no list of branches: it went
/// away meanwhile, or nothing.
async fn without_branches<H: Host>(provider: &H, identity: &Identity) -> ProviderError {
    match Connection::repository(provider, identity).await {
        Err(error) => error,
        Ok(_) => ProviderError::malformed("no list of branches in a repository that is there"),
    }
}
