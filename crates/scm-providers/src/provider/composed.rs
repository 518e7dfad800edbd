//! The same sequence for all products, of the questions that each answers.

use async_trait::async_trait;
use scm_types::{
    BranchInfo, BranchName, CommitSha, Comparison, ConnectionReport, Ensured, NewRelease, NewTag,
    OperationReport, RefKind, RefSpec, ReleaseInfo, RepositoryInfo, ScmType, TagInfo, TagName,
    Timestamp,
};
use url::Url;

use super::Provider;
use crate::{
    FailedDeliveries, FailedDelivery, HookReport, Identity, ListRequest, Listing, Missing, Outage,
    ProviderError, RefList, RegisteredWebhook, RepositoryAccess, Resolved, TagList, WantedWebhook,
    WebhookInfo, WebhookTest, check, ensure,
    host::{Connection, Host},
    list, resolve, tags, webhook,
};

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
        tokio::time::timeout(self.context().budget(), check::check(self))
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

    async fn refs(&self, info: &RepositoryInfo, cap: usize) -> Result<RefList, ProviderError> {
        let fetch = |at| async move { self.branch_page(info, None, Option::as_ref(&at)).await };
        let (branches, more_branches) = list::up_to(cap, fetch).await?;
        if more_branches {
            return Ok(RefList::truncated());
        }
        let fetch = |at| async move { self.tag_page(info, Option::as_ref(&at)).await };
        let (tags, more_tags) = list::up_to(cap, fetch).await?;
        if more_tags {
            return Ok(RefList::truncated());
        }
        Ok(RefList {
            branches,
            tags,
            truncated: false,
        })
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

    async fn release(
        &self,
        info: &RepositoryInfo,
        tag: &TagName,
    ) -> Result<Option<ReleaseInfo>, ProviderError> {
        if !H::TRAITS.releases {
            return Ok(None);
        }
        self.find_release(info, tag).await
    }

    fn plan_release(&self) {
        self.context().session.plan(1);
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

    async fn ensure_webhook(
        &self,
        info: &RepositoryInfo,
        wanted: &WantedWebhook,
        known_id: Option<&str>,
    ) -> Result<RegisteredWebhook, ProviderError> {
        let ensured = match webhook::ensure(self, info, wanted, known_id).await {
            Err(ProviderError::Moved) => {
                let info = Connection::info(self).await?;
                webhook::ensure(self, &info, wanted, known_id).await
            }
            other => other,
        };
        ensured.map_err(webhook::refusal::<H>)
    }

    async fn webhook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<WebhookInfo>, ProviderError> {
        let found = webhook::find(self, info, id).await;
        let Some(found) = found.map_err(webhook::refusal::<H>)? else {
            return Ok(None);
        };
        let told = self.with_last_delivery(info, found).await;
        Ok(Some(told.map_err(webhook::refusal::<H>)?.info))
    }

    async fn set_webhook_secret(
        &self,
        info: &RepositoryInfo,
        id: &str,
        wanted: &WantedWebhook,
    ) -> Result<Option<RegisteredWebhook>, ProviderError> {
        let set = match webhook::set_secret(self, info, id, wanted).await {
            Err(ProviderError::Moved) => {
                let info = Connection::info(self).await?;
                webhook::set_secret(self, &info, id, wanted).await
            }
            other => other,
        };
        set.map_err(webhook::refusal::<H>)
    }

    async fn test_webhook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<WebhookTest>, ProviderError> {
        let tested = webhook::test(self, info, id).await;
        tested.map_err(webhook::refusal::<H>)
    }

    async fn remove_webhook(&self, id: &str, url: &Url) -> Result<bool, ProviderError> {
        let info = match Connection::info(self).await {
            // Its webhooks are gone with it, or out of reach for good.
            Err(ProviderError::NotFound {
                what: Missing::Repository | Missing::Blocked,
            }) => return Ok(false),
            other => other?,
        };
        let removed = webhook::remove(self, &info, id, url).await;
        removed.map_err(webhook::refusal::<H>)
    }

    async fn failed_deliveries(
        &self,
        info: &RepositoryInfo,
        id: &str,
        since: Timestamp,
    ) -> Result<Option<FailedDeliveries>, ProviderError> {
        let failed = webhook::failed(self, info, id, since).await;
        failed.map_err(webhook::refusal::<H>)
    }

    async fn redeliver(
        &self,
        info: &RepositoryInfo,
        id: &str,
        delivery: &FailedDelivery,
    ) -> Result<bool, ProviderError> {
        let sent = webhook::redeliver(self, info, id, delivery).await;
        sent.map_err(webhook::refusal::<H>)
    }
}
