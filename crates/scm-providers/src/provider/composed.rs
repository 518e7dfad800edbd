//! The same sequence for all products, of the questions that each answers.

use async_trait::async_trait;
use scm_trace::SpanKind;
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

/// An operation as a span, named by what it is.
async fn traced<H: Host, T>(
    name: &'static str,
    operation: impl Future<Output = Result<T, ProviderError>> + Send,
) -> Result<T, ProviderError> {
    let span = scm_trace::child(name, SpanKind::Internal);
    span.set("scm.product", H::TRAITS.scm_type.as_str());
    let done = span.run(operation).await;
    if let Err(error) = &done {
        span.fail(error.code());
    }
    done
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
        traced::<H, _>("identity", async { Connection::identity(self).await }).await
    }

    async fn info(&self) -> Result<RepositoryInfo, ProviderError> {
        traced::<H, _>("info", async { Connection::info(self).await }).await
    }

    async fn repository(&self, identity: &Identity) -> Result<RepositoryAccess, ProviderError> {
        traced::<H, _>("repository", async {
            Connection::repository(self, identity).await
        })
        .await
    }

    async fn hooks(
        &self,
        identity: &Identity,
        repository: &RepositoryAccess,
    ) -> Result<HookReport, ProviderError> {
        traced::<H, _>("hooks", async {
            Connection::hooks(self, identity, repository).await
        })
        .await
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
        traced::<H, _>("check", async {
            let late = || ProviderError::outage(Outage::Timeout);
            tokio::time::timeout(self.context().budget(), check::check(self))
                .await
                .unwrap_or_else(|_| Err(late()))
        })
        .await
    }

    async fn branches(
        &self,
        info: &RepositoryInfo,
        request: &ListRequest,
    ) -> Result<Listing<BranchInfo>, ProviderError> {
        traced::<H, _>("branches", async {
            let search = request.search.as_ref();
            let fetch =
                |at| async move { self.branch_page(info, search, Option::as_ref(&at)).await };
            list::part(fetch, request, search.is_some() && !H::TRAITS.searches).await
        })
        .await
    }

    async fn branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
    ) -> Result<BranchInfo, ProviderError> {
        traced::<H, _>("branch", async {
            let found = self.find_branch(info, name).await?;
            found.ok_or_else(|| ProviderError::no_ref(RefKind::Branch, name.as_str()))
        })
        .await
    }

    async fn ensure_branch(
        &self,
        info: &RepositoryInfo,
        name: &BranchName,
        at: &CommitSha,
    ) -> Result<Ensured<BranchInfo>, ProviderError> {
        traced::<H, _>("ensure_branch", async {
            match ensure::branch(self, info, name, at).await {
                // It was moved a moment ago: once more at its new place.
                Err(ProviderError::Moved) => {
                    ensure::branch(self, &Connection::info(self).await?, name, at).await
                }
                other => other,
            }
        })
        .await
    }

    async fn refs(&self, info: &RepositoryInfo, cap: usize) -> Result<RefList, ProviderError> {
        traced::<H, _>("refs", async {
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
        })
        .await
    }

    async fn tags(&self, info: &RepositoryInfo, prefix: &str) -> Result<TagList, ProviderError> {
        traced::<H, _>("tags", async { tags::all(self, info, prefix).await }).await
    }

    async fn latest_tag(
        &self,
        info: &RepositoryInfo,
        prefix: &str,
    ) -> Result<TagList, ProviderError> {
        traced::<H, _>("latest_tag", async {
            tags::latest(self, info, prefix).await
        })
        .await
    }

    async fn tag(&self, info: &RepositoryInfo, name: &TagName) -> Result<TagInfo, ProviderError> {
        traced::<H, _>("tag", async {
            let found = self.find_tag(info, name).await?;
            found.ok_or_else(|| ProviderError::no_ref(RefKind::Tag, name.as_str()))
        })
        .await
    }

    async fn previous_tag(
        &self,
        info: &RepositoryInfo,
        current: &TagName,
        commit: &CommitSha,
    ) -> Result<Option<TagInfo>, ProviderError> {
        traced::<H, _>("previous_tag", async {
            tags::previous(self, info, current, commit).await
        })
        .await
    }

    async fn ensure_tag(
        &self,
        info: &RepositoryInfo,
        tag: &NewTag,
    ) -> Result<Ensured<TagInfo>, ProviderError> {
        traced::<H, _>("ensure_tag", async {
            match ensure::tag(self, info, tag).await {
                Err(ProviderError::Moved) => {
                    ensure::tag(self, &Connection::info(self).await?, tag).await
                }
                other => other,
            }
        })
        .await
    }

    async fn resolve(
        &self,
        info: &RepositoryInfo,
        spec: &RefSpec,
    ) -> Result<Resolved, ProviderError> {
        traced::<H, _>("resolve", async {
            resolve::resolve(self, info, spec).await
        })
        .await
    }

    async fn compare(
        &self,
        info: &RepositoryInfo,
        base: Option<&CommitSha>,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError> {
        traced::<H, _>("compare", async {
            if base == Some(head) {
                return Ok(Comparison::empty());
            }
            self.commits(info, base, head).await
        })
        .await
    }

    async fn release(
        &self,
        info: &RepositoryInfo,
        tag: &TagName,
    ) -> Result<Option<ReleaseInfo>, ProviderError> {
        traced::<H, _>("release", async {
            if !H::TRAITS.releases {
                return Ok(None);
            }
            self.find_release(info, tag).await
        })
        .await
    }

    fn plan_release(&self) {
        self.context().session.plan(1);
    }

    async fn ensure_release(
        &self,
        info: &RepositoryInfo,
        release: &NewRelease,
    ) -> Result<Ensured<ReleaseInfo>, ProviderError> {
        traced::<H, _>("ensure_release", async {
            if !H::TRAITS.releases {
                return Err(ProviderError::NoReleases);
            }
            match ensure::release(self, info, release).await {
                Err(ProviderError::Moved) => {
                    ensure::release(self, &Connection::info(self).await?, release).await
                }
                other => other,
            }
        })
        .await
    }

    async fn ensure_webhook(
        &self,
        info: &RepositoryInfo,
        wanted: &WantedWebhook,
        known_id: Option<&str>,
    ) -> Result<RegisteredWebhook, ProviderError> {
        traced::<H, _>("ensure_webhook", async {
            let ensured = match webhook::ensure(self, info, wanted, known_id).await {
                Err(ProviderError::Moved) => {
                    let info = Connection::info(self).await?;
                    webhook::ensure(self, &info, wanted, known_id).await
                }
                other => other,
            };
            ensured.map_err(webhook::refusal::<H>)
        })
        .await
    }

    async fn webhook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<WebhookInfo>, ProviderError> {
        traced::<H, _>("webhook", async {
            let found = webhook::find(self, info, id).await;
            let Some(found) = found.map_err(webhook::refusal::<H>)? else {
                return Ok(None);
            };
            let told = self.with_last_delivery(info, found).await;
            Ok(Some(told.map_err(webhook::refusal::<H>)?.info))
        })
        .await
    }

    async fn set_webhook_secret(
        &self,
        info: &RepositoryInfo,
        id: &str,
        wanted: &WantedWebhook,
    ) -> Result<Option<RegisteredWebhook>, ProviderError> {
        traced::<H, _>("set_webhook_secret", async {
            let set = match webhook::set_secret(self, info, id, wanted).await {
                Err(ProviderError::Moved) => {
                    let info = Connection::info(self).await?;
                    webhook::set_secret(self, &info, id, wanted).await
                }
                other => other,
            };
            set.map_err(webhook::refusal::<H>)
        })
        .await
    }

    async fn test_webhook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<WebhookTest>, ProviderError> {
        traced::<H, _>("test_webhook", async {
            let tested = webhook::test(self, info, id).await;
            tested.map_err(webhook::refusal::<H>)
        })
        .await
    }

    async fn remove_webhook(&self, id: &str, url: &Url) -> Result<bool, ProviderError> {
        traced::<H, _>("remove_webhook", async {
            let info = match Connection::info(self).await {
                // Its webhooks are gone with it, or out of reach for good.
                Err(ProviderError::NotFound {
                    what: Missing::Repository | Missing::Blocked,
                }) => return Ok(false),
                other => other?,
            };
            let removed = webhook::remove(self, &info, id, url).await;
            removed.map_err(webhook::refusal::<H>)
        })
        .await
    }

    async fn failed_deliveries(
        &self,
        info: &RepositoryInfo,
        id: &str,
        since: Timestamp,
    ) -> Result<Option<FailedDeliveries>, ProviderError> {
        traced::<H, _>("failed_deliveries", async {
            let failed = webhook::failed(self, info, id, since).await;
            failed.map_err(webhook::refusal::<H>)
        })
        .await
    }

    async fn redeliver(
        &self,
        info: &RepositoryInfo,
        id: &str,
        delivery: &FailedDelivery,
    ) -> Result<bool, ProviderError> {
        traced::<H, _>("redeliver", async {
            let sent = webhook::redeliver(self, info, id, delivery).await;
            sent.map_err(webhook::refusal::<H>)
        })
        .await
    }
}
