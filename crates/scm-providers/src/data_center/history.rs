//! Commits. Both ends are told by ids, as in `git rev-list`; nothing tells how many there are.

use async_trait::async_trait;
use scm_types::{CommitInfo, CommitSha, Comparison, RepositoryInfo};

use super::{DataCenter, map, wire, within};
use crate::{
    ProviderError,
    context::Client as _,
    history,
    host::History,
    page::{ListPage, NextPage},
};

#[async_trait]
impl History for DataCenter {
    async fn find_commit(
        &self,
        info: &RepositoryInfo,
        sha: &CommitSha,
    ) -> Result<Option<CommitInfo>, ProviderError> {
        let path = within(info, &["commits", sha.as_str()]);
        let found: Option<wire::Commit> = self.part(&path, &[]).await?;
        let found = found.map(|found| map::commit(&self.0.repository, &found));
        Ok(found.transpose()?.filter(|found| found.sha == *sha))
    }

    async fn commits(
        &self,
        info: &RepositoryInfo,
        base: Option<&CommitSha>,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError> {
        let path = within(info, &["commits"]);
        let mut query = vec![("until", head.as_str()), ("limit", "100")];
        query.extend(base.map(|base| ("since", base.as_str())));
        let (path, query) = (path.as_slice(), query.as_slice());
        let fetch = |at: Option<NextPage>| async move {
            let page: ListPage<wire::Commit> = self.list(path, query, at.as_ref()).await?;
            page.read(|found| map::commit(&self.0.repository, found).map(Some))
        };
        history::chained(fetch).await
    }

    /// An ancestor has nothing that its descendant has not. The names are those of a pull request:
    /// what `from` has and `to` has not.
    async fn is_ancestor(
        &self,
        info: &RepositoryInfo,
        ancestor: &CommitSha,
        descendant: &CommitSha,
    ) -> Result<bool, ProviderError> {
        let path = within(info, &["compare", "commits"]);
        let query = [
            ("from", ancestor.as_str()),
            ("to", descendant.as_str()),
            ("limit", "1"),
        ];
        let page: ListPage<serde::de::IgnoredAny> = self.list(&path, &query, None).await?;
        Ok(page.items.is_empty())
    }
}
