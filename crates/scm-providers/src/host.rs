//! What each product's client answers: single questions and single changes, in five rooms that a
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
    webhook::{Attempt, Extent, Hook, WantedWebhook, WebhookTest},
};

/// What is the same for all repositories of a product.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether a product has one thing"
)]
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
    /// What managing webhooks takes, where the host does not say what is missing.
    pub(crate) hooks_take: &'static str,
    /// Whether there is a list of deliveries, and a way to send one of them again.
    pub(crate) lists_deliveries: bool,
}

/// A repository on a host of one product: all that can be asked and told there.
pub(crate) trait Host: Connection + Refs + History + Releases + Hooks {}

impl<H: Connection + Refs + History + Releases + Hooks> Host for H {}

/// Credential, repository and whether webhooks can be managed: what a check is made of.
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

/// Webhooks. A 404 comes to "no such part", whatever hides behind it: [`crate::webhook`] finds out.
#[async_trait]
pub(crate) trait Hooks: Send + Sync {
    /// A page of all webhooks of the repository, the first without `at`.
    async fn hook_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<Hook>, ProviderError>;

    /// One webhook.
    async fn find_hook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<Hook>, ProviderError>;

    /// The webhook with what the host tells of its last delivery elsewhere than with itself.
    async fn with_last_delivery(
        &self,
        _info: &RepositoryInfo,
        hook: Hook,
    ) -> Result<Hook, ProviderError> {
        Ok(hook)
    }

    /// Makes a webhook that sends all that we want, and gives it as the answer tells it.
    async fn create_hook(
        &self,
        info: &RepositoryInfo,
        wanted: &WantedWebhook,
    ) -> Result<Hook, ProviderError>;

    /// Sets a webhook, in one call, and gives it as the answer tells it.
    async fn set_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
        wanted: &WantedWebhook,
        extent: Extent,
    ) -> Result<Hook, ProviderError>;

    /// Removes a webhook.
    async fn delete_hook(&self, info: &RepositoryInfo, id: &str) -> Result<(), ProviderError>;

    /// Has a test delivery sent.
    async fn test_hook(
        &self,
        _info: &RepositoryInfo,
        _hook: &Hook,
    ) -> Result<WebhookTest, ProviderError> {
        Ok(WebhookTest::NotTestable)
    }

    /// A page of a webhook's attempts to deliver, newest first; `None` if the host has no such list.
    /// Not even asked where [`Traits::lists_deliveries`] says so.
    async fn attempt_page(
        &self,
        _info: &RepositoryInfo,
        _id: &str,
        _at: Option<&NextPage>,
    ) -> Result<Option<ListPage<Attempt>>, ProviderError> {
        Ok(None)
    }

    /// Has a delivery sent again; false if the host has it no longer.
    async fn send_again(
        &self,
        _info: &RepositoryInfo,
        _id: &str,
        _attempt: &str,
    ) -> Result<bool, ProviderError> {
        Ok(false)
    }
}
