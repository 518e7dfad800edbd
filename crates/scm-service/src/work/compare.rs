//! Comparisons, and whether a branch has gone on since it was tagged.

use scm_providers::Resolved;
use scm_types::{
    BranchName, Caller, CommitSha, Comparison, IntegrationId, Operation, RefSpec, RepoUrl,
    Revision, Role, TagName,
};
use serde::Serialize;

use crate::{ServiceError, Services};

/// A comparison, and what was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The commit that `base` stands for.
    pub base_sha: CommitSha,
    /// The commit that `head` stands for.
    pub head_sha: CommitSha,
    /// What `head` has and `base` has not.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The host's own page of the comparison.
    pub url: String,
}

/// Whether a branch has commits that its tag does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CherryPicks {
    /// True if the branch's head is not the tagged commit.
    pub has_cherry_picks: bool,
    /// The head of the branch.
    pub branch_head: CommitSha,
    /// The commit of the tag.
    pub tag_commit: CommitSha,
    /// The host's own page of the difference.
    pub url: String,
}

impl Services {
    /// What `head` has and `base` has not, as `git rev-list base..head`. Needs the role viewer.
    pub async fn compare(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        base: &RefSpec,
        head: &RefSpec,
    ) -> Result<Compared, ServiceError> {
        let work = self
            .work(caller, Role::Viewer, id, &[Operation::ReadRepository])
            .await?;
        let base = work.provider.resolve(&work.info, base).await?;
        let head = work.provider.resolve(&work.info, head).await?;
        let comparison = work
            .provider
            .compare(&work.info, Some(&base.commit), &head.commit)
            .await?;
        Ok(Compared {
            url: compare_url(&work.url, &base, &head),
            base_sha: base.commit,
            head_sha: head.commit,
            comparison,
        })
    }

    /// Whether a branch's head is still the commit that was tagged. Needs the role viewer.
    ///
    /// Fails closed: a missing branch, a missing tag and a host that does not answer are errors,
    /// each its own, and never "no".
    pub async fn cherry_picks(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        branch: &BranchName,
        tag: &TagName,
    ) -> Result<CherryPicks, ServiceError> {
        let work = self
            .work(caller, Role::Viewer, id, &[Operation::ReadRepository])
            .await?;
        let (branch, tag) = (RefSpec::Branch(branch.clone()), RefSpec::Tag(tag.clone()));
        let head = work.provider.resolve(&work.info, &branch).await?;
        let tagged = work.provider.resolve(&work.info, &tag).await?;
        Ok(CherryPicks {
            has_cherry_picks: head.commit != tagged.commit,
            url: compare_url(&work.url, &tagged, &head),
            branch_head: head.commit,
            tag_commit: tagged.commit,
        })
    }
}

/// The page of a comparison. Most products name refs there by their short names alone: a branch and
/// a tag of one name are told apart by their commits.
fn compare_url(url: &RepoUrl, base: &Resolved, head: &Resolved) -> String {
    let (from, to) = (revision(base), revision(head));
    if from != to && from.as_str() == to.as_str() {
        return url.compare_url(&base.commit, &head.commit);
    }
    url.compare_url(from, to)
}

fn revision(resolved: &Resolved) -> Revision<'_> {
    match &resolved.spec {
        RefSpec::Branch(name) => name.into(),
        RefSpec::Tag(name) => name.into(),
        // A name alone is never the outcome of a resolution; its commit says the same.
        RefSpec::Commit(_) | RefSpec::Name(_) => (&resolved.commit).into(),
    }
}
