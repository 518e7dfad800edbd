//! Commits ("Commits API", "Repositories API").

use async_trait::async_trait;
use scm_types::{CommitInfo, CommitSha, Comparison, RepositoryInfo};

use super::{Gitlab, map, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, Subject},
    history,
    host::History,
};

#[async_trait]
impl History for Gitlab {
    async fn find_commit(
        &self,
        info: &RepositoryInfo,
        sha: &CommitSha,
    ) -> Result<Option<CommitInfo>, ProviderError> {
        let path = within(info, &["repository", "commits", sha.as_str()]);
        let found: Option<wire::Commit> = self.part(&path, &[("stats", "false")]).await?;
        let found = found.map(|found| map::commit(&self.0.repository, &found));
        // A branch may have the name of a commit that is not there.
        Ok(found.transpose()?.filter(|found| found.sha == *sha))
    }

    /// The range is that of `git rev-list`. The commits come newest first, and no number of pages with
    /// them. The comparison of GitLab's own (`compare`) has no pages and costs a diff.
    async fn commits(
        &self,
        info: &RepositoryInfo,
        base: Option<&CommitSha>,
        head: &CommitSha,
    ) -> Result<Comparison, ProviderError> {
        let range = match base {
            Some(base) => format!("{base}..{head}"),
            None => head.to_string(),
        };
        let range = range.as_str();
        let fetch = |number: usize| async move {
            let path = within(info, &["repository", "commits"]);
            let number = number.to_string();
            let query = [
                ("ref_name", range),
                ("per_page", "100"),
                ("page", number.as_str()),
            ];
            let answer = self.0.get(&path, &query).await?;
            let found: Vec<wire::Commit> = self.accept(answer, Subject::Part)?.json()?;
            let commits = found
                .iter()
                .map(|found| map::commit(&self.0.repository, found));
            commits.collect()
        };
        history::numbered(fetch).await
    }

    /// The ancestor is the common one of both.
    async fn is_ancestor(
        &self,
        info: &RepositoryInfo,
        ancestor: &CommitSha,
        descendant: &CommitSha,
    ) -> Result<bool, ProviderError> {
        let path = within(info, &["repository", "merge_base"]);
        let query = [
            ("refs[]", ancestor.as_str()),
            ("refs[]", descendant.as_str()),
        ];
        // Histories without a common commit have none.
        let found: Option<wire::Head> = self.part(&path, &query).await?;
        Ok(found.is_some_and(|found| found.id == ancestor.as_str()))
    }
}
