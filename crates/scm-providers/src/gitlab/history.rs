//! Commits ("Commits API", "Repositories API").

use http::StatusCode;
use scm_types::{CommitInfo, CommitSha, Comparison, RepositoryInfo};

use super::{Gitlab, map, wire, within};
use crate::{
    ProviderError,
    context::{Subject, if_there},
    history,
};

pub(super) async fn find_commit(
    gitlab: &Gitlab,
    info: &RepositoryInfo,
    sha: &CommitSha,
) -> Result<Option<CommitInfo>, ProviderError> {
    let path = within(info, &["repository", "commits", sha.as_str()]);
    let answer = gitlab.0.get(&path, &[("stats", "false")]).await?;
    let Some(answer) = if_there(gitlab.accept(answer, Subject::Part))? else {
        return Ok(None);
    };
    let found = map::commit(&gitlab.0.repository, &answer.json()?)?;
    // A branch may have the name of a commit that is not there.
    Ok(Some(found).filter(|found| found.sha == *sha))
}

/// The range is that of `git rev-list`. The commits come newest first, and no number of pages with
/// them. The comparison of GitLab's own (`compare`) has no pages and costs a diff.
pub(super) async fn commits(
    gitlab: &Gitlab,
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
        let answer = gitlab.0.get(&path, &query).await?;
        let found: Vec<wire::Commit> = gitlab.accept(answer, Subject::Part)?.json()?;
        let commits = found
            .iter()
            .map(|found| map::commit(&gitlab.0.repository, found));
        commits.collect()
    };
    history::numbered(fetch).await
}

/// The ancestor is the common one of both.
pub(super) async fn is_ancestor(
    gitlab: &Gitlab,
    info: &RepositoryInfo,
    ancestor: &CommitSha,
    descendant: &CommitSha,
) -> Result<bool, ProviderError> {
    let path = within(info, &["repository", "merge_base"]);
    let query = [
        ("refs[]", ancestor.as_str()),
        ("refs[]", descendant.as_str()),
    ];
    let answer = gitlab.0.get(&path, &query).await?;
    // Histories without a common commit.
    if answer.status == StatusCode::NOT_FOUND && answer.refusal().is_ok() {
        return Ok(false);
    }
    let found: wire::Head = gitlab.accept(answer, Subject::Part)?.json()?;
    Ok(found.id == ancestor.as_str())
}
