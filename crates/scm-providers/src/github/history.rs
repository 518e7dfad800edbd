//! Commits and comparisons.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use scm_types::{CommitInfo, CommitSha, Comparison, RepositoryInfo};

use super::{Github, error, map, wire, within};
use crate::{
    ProviderError,
    context::Subject,
    host::History,
    list::PARALLEL,
    page::{ListPage, NextPage, PAGE_SIZE},
};

#[async_trait]
impl History for Github {
    /// Asked for below `git`, where neither files nor branches and tags come with it.
    async fn find_commit(
        &self,
        info: &RepositoryInfo,
        sha: &CommitSha,
    ) -> Result<Option<CommitInfo>, ProviderError> {
        let path = within(info, &["git", "commits", sha.as_str()]);
        let found: Result<Option<wire::GitCommit>, _> = self.part(&path, &[]).await;
        let found = match found {
            // No id that can be a commit's.
            Err(ProviderError::BadRequest { status: 422 }) => None,
            other => other?,
        };
        let found = found.map(|found| map::commit(&self.0.repository, &found.sha, &found.facts));
        Ok(found.transpose()?.filter(|found| found.sha == *sha))
    }

    async fn commits(
        &self,
        info: &RepositoryInfo,
        base: Option<&CommitSha>,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError> {
        if let Some(base) = base
            && let Some(found) = self.between(info, base, head).await?
        {
            return Ok(found);
        }
        // All of the head, also where it has nothing in common with the base.
        self.history(info, head).await
    }

    /// Asked for the other way round: what the ancestor has and the descendant has not is nothing,
    /// so that there are no commits and no files in the answer.
    async fn is_ancestor(
        &self,
        info: &RepositoryInfo,
        ancestor: &CommitSha,
        descendant: &CommitSha,
    ) -> Result<bool, ProviderError> {
        let found = self.compared(info, descendant, ancestor, 1, 1).await?;
        let status = found.and_then(|found| found.status);
        Ok(matches!(status.as_deref(), Some("behind" | "identical")))
    }
}

impl Github {
    /// What `head` has and `base` has not; `None` if they have nothing in common.
    ///
    /// The pages begin with the oldest commit, so the newest are on the last ones, and only the
    /// first tells how many there are ("Compare two commits").
    async fn between(
        &self,
        info: &RepositoryInfo,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<Option<Comparison>, ProviderError> {
        let Some(first) = self.compared(info, base, head, 1, PAGE_SIZE).await? else {
            return Ok(None);
        };
        let untold = || ProviderError::malformed("a comparison without a number of commits");
        let count = first.total_commits.or(first.ahead_by).ok_or_else(untold)?;
        let (cap, size) = (Comparison::CAP as u64, PAGE_SIZE as u64);
        let from = count.saturating_sub(cap) / size + 1;
        let pages = (from.max(2)..=count.div_ceil(size)).map(|page| async move {
            let found = self.compared(info, base, head, page, PAGE_SIZE).await?;
            let found = found.map(|found| found.commits);
            found.ok_or_else(|| ProviderError::malformed("a comparison that is gone"))
        });
        let pages: Vec<_> = stream::iter(pages).buffered(PARALLEL).try_collect().await?;
        let first = if from == 1 { first.commits } else { Vec::new() };
        let oldest_first: Vec<_> = first
            .into_iter()
            .chain(pages.into_iter().flatten())
            .collect();
        let newest_first = oldest_first.iter().rev().take(Comparison::CAP);
        let commits = newest_first.map(|found| self.listed(found));
        let commits = commits.collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Comparison {
            count,
            exact: true,
            truncated: count > commits.len() as u64,
            commits,
        }))
    }

    /// A page of a comparison; `None` if the two have nothing in common.
    async fn compared(
        &self,
        info: &RepositoryInfo,
        base: &CommitSha,
        head: &CommitSha,
        page: u64,
        size: usize,
    ) -> Result<Option<wire::Compared>, ProviderError> {
        let range = format!("{base}...{head}");
        let path = within(info, &["compare", &range]);
        let (size, page) = (size.to_string(), page.to_string());
        let query = [("per_page", size.as_str()), ("page", page.as_str())];
        let answer = self.0.get(&path, &query).await?;
        if answer.status == StatusCode::NOT_FOUND && error::says(&answer, "no common ancestor") {
            return Ok(None);
        }
        let answer = self.accept(answer, Subject::Part).await?;
        answer.json().map(Some)
    }

    /// All commits of `head`, as far as they are listed.
    async fn history(
        &self,
        info: &RepositoryInfo,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError> {
        let mut commits: Vec<CommitInfo> = Vec::new();
        let mut wave = vec![None];
        let exact = loop {
            let pages = wave.into_iter().map(|at| self.history_page(info, head, at));
            let pages: Vec<_> = stream::iter(pages).buffered(PARALLEL).try_collect().await?;
            let (mut next, mut rest) = (None, None);
            for page in pages {
                (next, rest) = (page.next, page.rest);
                let found = page.items.iter().map(|found| self.listed(found));
                commits.extend(found.collect::<Result<Vec<_>, _>>()?);
            }
            let left = Comparison::CAP.saturating_sub(commits.len());
            match next {
                None => break left > 0 || commits.len() == Comparison::CAP,
                Some(_) if left == 0 => break false,
                Some(next) => {
                    let rest = rest.filter(|rest| !rest.is_empty());
                    let pages = rest.unwrap_or_else(|| vec![next]).into_iter();
                    wave = pages.take(left.div_ceil(PAGE_SIZE)).map(Some).collect();
                }
            }
        };
        commits.truncate(Comparison::CAP);
        Ok(Comparison {
            count: commits.len() as u64,
            exact,
            truncated: !exact,
            commits,
        })
    }

    async fn history_page(
        &self,
        info: &RepositoryInfo,
        head: &CommitSha,
        at: Option<NextPage>,
    ) -> Result<ListPage<wire::ListedCommit>, ProviderError> {
        let path = within(info, &["commits"]);
        let query = [("sha", head.as_str()), ("per_page", "100")];
        self.list(&path, &query, at.as_ref()).await
    }

    fn listed(&self, found: &wire::ListedCommit) -> Result<CommitInfo, ProviderError> {
        map::commit(&self.0.repository, &found.sha, &found.commit)
    }
}
