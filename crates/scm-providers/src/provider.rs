//! What every code host can be asked and told, by the callers of this crate.
//!
//! - The trait is sealed: a new question is no breaking change.
//! - A handle belongs to one repository, one credential and one operation, whose time starts when
//!   it is opened. It must be used inside a tokio runtime.
//! - It is answered once, in the same sequence for all products; [`crate::host`] holds the single
//!   questions that each of them answers.
//! - The work on a repository takes its [`RepositoryInfo`], so that nobody can begin without having
//!   asked for the repository: it tells whether it was renamed, archived or replaced.

mod composed;

use async_trait::async_trait;
use scm_types::{
    BranchInfo, BranchName, CommitSha, Comparison, ConnectionReport, Ensured, NewRelease, NewTag,
    OperationReport, RefSpec, ReleaseInfo, RepositoryInfo, ScmType, TagInfo, TagName, Timestamp,
};
use url::Url;

use crate::{
    FailedDeliveries, FailedDelivery, HookReport, Identity, ListRequest, Listing, ProviderError,
    RefList, RegisteredWebhook, RepositoryAccess, Resolved, TagList, WantedWebhook, WebhookInfo,
    WebhookTest, host::Host,
};

mod sealed {
    /// Keeps [`super::Provider`] to this crate's clients.
    pub trait Sealed {}

    impl<H: super::Host> Sealed for H {}
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
    /// [`HookAccess::No`](scm_types::HookAccess::No).
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

    /// All branches and tags, unless one of the two lists has more than `cap` names.
    async fn refs(&self, info: &RepositoryInfo, cap: usize) -> Result<RefList, ProviderError>;

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

    /// The published release of a tag, if there is one; none where the product has no releases.
    async fn release(
        &self,
        info: &RepositoryInfo,
        tag: &TagName,
    ) -> Result<Option<ReleaseInfo>, ProviderError>;

    /// Says that a release follows on the tag that is ensured next, so that a tag is made only if the
    /// limits known of the credential leave room for both.
    fn plan_release(&self);

    /// A release of a tag that is there. [`ProviderError::ReleaseConflict`] if there is another one,
    /// [`ProviderError::NoReleases`] if the product has none.
    async fn ensure_release(
        &self,
        info: &RepositoryInfo,
        release: &NewRelease,
    ) -> Result<Ensured<ReleaseInfo>, ProviderError>;

    /// Exactly one webhook with that URL: made, or one that is there adopted, with the secret given
    /// and all that we want it to send. `known_id` is the one that was made before: it is kept
    /// whatever its URL has become, further ones with the very same URL are removed.
    ///
    /// After an error the webhook may have this secret or the one before. Callers for the same
    /// repository must not run at the same time: they would end with one webhook, and the secret of
    /// one of them.
    async fn ensure_webhook(
        &self,
        info: &RepositoryInfo,
        wanted: &WantedWebhook,
        known_id: Option<&str>,
    ) -> Result<RegisteredWebhook, ProviderError>;

    /// One webhook, and how it fares; `None` if there is none of that id.
    async fn webhook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<WebhookInfo>, ProviderError>;

    /// Gives a webhook another secret, and its URL, and leaves the rest as it is; `None` if there is
    /// none of that id. After an error the webhook may have this secret or the one before.
    async fn set_webhook_secret(
        &self,
        info: &RepositoryInfo,
        id: &str,
        wanted: &WantedWebhook,
    ) -> Result<Option<RegisteredWebhook>, ProviderError>;

    /// Has a test delivery sent; `None` if there is no webhook of that id.
    async fn test_webhook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<WebhookTest>, ProviderError>;

    /// Removes a webhook, if its URL is still ours; false if there is nothing to remove, be it that
    /// the repository itself is gone. Asks for the repository by itself.
    async fn remove_webhook(&self, id: &str, url: &Url) -> Result<bool, ProviderError>;

    /// The deliveries since a point in time whose newest attempt failed, oldest first; `None` if the
    /// host keeps no list, or there is no webhook of that id.
    async fn failed_deliveries(
        &self,
        info: &RepositoryInfo,
        id: &str,
        since: Timestamp,
    ) -> Result<Option<FailedDeliveries>, ProviderError>;

    /// Has a delivery sent again, under the same key; false if the host has it no longer.
    async fn redeliver(
        &self,
        info: &RepositoryInfo,
        id: &str,
        delivery: &FailedDelivery,
    ) -> Result<bool, ProviderError>;
}
