//! Commits ("Commits" of the REST API). What to include and exclude is told by ids, as in
//! `git rev-list`; nothing tells how many there are.

use async_trait::async_trait;
use scm_types::{CommitInfo, CommitSha, Comparison, RepositoryInfo};

use super::{Bitbucket, map, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, Subject},
    history,
    host::History,
    page::{ListPage, NextPage},
};

#[async_trait]
impl History for Bitbucket {
    async fn find_commit(
        &self,
        info: &RepositoryInfo,
        sha: &CommitSha,
    ) -> Result<Option<CommitInfo>, ProviderError> {
        let path = within(info, &["commit", sha.as_str()]);
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
        let fetch = |at: Option<NextPage>| async move {
            let page = self.commit_page(info, base, head, "100", at.as_ref());
            let page = page.await?;
            let page = ListPage {
                next: page.next.as_deref().and_then(NextPage::of_url),
                items: page.values,
                rest: None,
            };
            page.read(|found| map::commit(&self.0.repository, found).map(Some))
        };
        history::chained(fetch).await
    }

    /// An ancestor has nothing that its descendant has not.
    async fn is_ancestor(
        &self,
        info: &RepositoryInfo,
        ancestor: &CommitSha,
        descendant: &CommitSha,
    ) -> Result<bool, ProviderError> {
        let page = self.commit_page(info, Some(descendant), ancestor, "1", None);
        Ok(page.await?.values.is_empty())
    }
}

impl Bitbucket {
    async fn commit_page(
        &self,
        info: &RepositoryInfo,
        exclude: Option<&CommitSha>,
        include: &CommitSha,
        size: &str,
        at: Option<&NextPage>,
    ) -> Result<wire::Page<wire::Commit>, ProviderError> {
        let path = within(info, &["commits"]);
        let mut query = vec![("include", include.as_str())];
        query.extend(exclude.map(|exclude| ("exclude", exclude.as_str())));
        query.push(("pagelen", size));
        let answer = self.0.page(at, &path, &query).await?;
        self.accept(answer, Subject::Part)?.json()
    }
}
