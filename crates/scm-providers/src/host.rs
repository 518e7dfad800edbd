//! What each product's client answers: single questions and single changes, in four rooms that a
//! product furnishes in as many files. What a caller gets is composed of them in
//! [`crate::Provider`], once for all products.
//!
//! - Every operation begins with [`Connection::info`], so a 404 on something inside the repository
//!   means that it is missing there, not that the repository is gone.
//! - `find_…` answers `None` for what is missing and fails for everything else.
//! - A `create_…` sends what changes something exactly once and interprets nothing: whether it was
//!   done all the same is found out by whoever called it.

use async_trait::async_trait;
use scm_types::{
    BranchInfo, BranchName, CommitInfo, CommitSha, Comparison, NewRelease, NewTag, OperationReport,
    RefSearch, ReleaseInfo, RepositoryInfo, ScmType, TagInfo, TagName,
};

use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess,
    context::Context,
    page::{ListPage, NextPage},
};

/// What is the same for all repositories of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    /// The product, as the API names it.
    pub(crate) scm_type: ScmType,
    /// Whether the host looks for a part of a name itself.
    pub(crate) searches: bool,
    /// Whether there are releases.
    pub(crate) releases: bool,
    /// Whether a release can be marked as not ready for everybody.
    pub(crate) prereleases: bool,
    /// How many calls it takes to make a tag.
    pub(crate) calls_per_tag: u32,
}

/// A repository on a host of one product: all that can be asked and told there.
pub(crate) trait Host: Connection + Refs + History + Releases {}

impl<H: Connection + Refs + History + Releases> Host for H {}

/// Credential, repository and webhooks: what a check is made of.
#[async_trait]
pub(crate) trait Connection: Send + Sync {
    /// What is the same for all repositories of the product.
    const TRAITS: Traits;

    /// Session and repository.
    fn context(&self) -> &Context;

    /// See [`crate::Provider::identity`].
    async fn identity(&self) -> Result<Identity, ProviderError>;

    /// See [`crate::Provider::info`].
    async fn info(&self) -> Result<RepositoryInfo, ProviderError>;

    /// See [`crate::Provider::repository`].
    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError>;

    /// See [`crate::Provider::hooks`].
    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError>;

    /// See [`crate::Provider::operations`].
    fn operations(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
        hooks: &HookReport,
    ) -> Vec<OperationReport>;
}

/// Branches and tags.
#[async_trait]
pub(crate) trait Refs: Send + Sync {
    /// A page of branches, the first without `at`; empty for an empty repository. `search` is for
    /// products that look for a part of a name themselves; others ignore it.
    async fn branch_page(
        &self,
        info: &RepositoryInfo,
        search: Option<&RefSearch>,
        at: Option<&NextPage>,
    ) -> Result<ListPage<BranchInfo>, ProviderError>;

    /// A page of tags, the first without `at`, in any order; empty for an empty repository. Their
    /// messages are of no account.
    async fn tag_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<TagInfo>, ProviderError>;

    /// One branch, by its exact name.
    async fn find_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<Option<BranchInfo>, ProviderError>;

    /// One tag, by its exact name, peeled, with its message if it is annotated.
    async fn find_tag(
        &self,
        info: &RepositoryInfo,
        name: &TagName,
    ) -> Result<Option<TagInfo>, ProviderError>;

    /// Makes a branch.
    async fn create_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<(), ProviderError>;

    /// Makes an annotated tag.
    async fn create_tag(&self, info: &RepositoryInfo, tag: &NewTag) -> Result<(), ProviderError>;
}

/// Commits, and what lies between two of them.
#[async_trait]
pub(crate) trait History: Send + Sync {
    /// One commit.
    async fn find_commit(
        &self,
        info: &RepositoryInfo,
        sha: &CommitSha,
    ) -> Result<Option<CommitInfo>, ProviderError>;

    /// The commits of `head` that `base` does not have, or all of them; newest first, at most
    /// [`Comparison::CAP`].
    async fn commits(
        &self,
        info: &RepositoryInfo,
        base: Option<&CommitSha>,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError>;

    /// Whether one commit descends from another, or is it.
    async fn is_ancestor(
        &self,
        info: &RepositoryInfo,
        ancestor: &CommitSha,
        descendant: &CommitSha,
    ) -> Result<bool, ProviderError>;
}

/// Releases. What stands here is the answer of a product that has none ([`Traits::releases`]); it is
/// not even asked.
#[async_trait]
pub(crate) trait Releases: Send + Sync {
    /// The release of a tag.
    async fn find_release(
        &self,
        _info: &RepositoryInfo,
        _tag: &TagName,
    ) -> Result<Option<ReleaseInfo>, ProviderError> {
        Err(ProviderError::NoReleases)
    }

    /// Makes a release of a tag that is there.
    async fn create_release(
        &self,
        _info: &RepositoryInfo,
        _release: &NewRelease,
    ) -> Result<(), ProviderError> {
        Err(ProviderError::NoReleases)
    }
}
