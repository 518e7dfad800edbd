//! What is read of GitHub's payloads.

use serde::Deserialize;

use super::super::member::lenient;

#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) action: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) repository: Option<Repository>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) sender: Option<User>,
}

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) full_name: String,
    pub(super) html_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(super) struct Push {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    pub(super) forced: Option<bool>,
    pub(super) commits: Option<Vec<Commit>>,
    pub(super) head_commit: Option<Commit>,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) message: Option<String>,
    pub(super) url: Option<String>,
    pub(super) author: Option<Author>,
}

#[derive(Deserialize)]
pub(super) struct Author {
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PullRequestDelivery {
    pub(super) pull_request: PullRequest,
}

#[derive(Deserialize)]
pub(super) struct PullRequest {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) html_url: Option<String>,
    pub(super) merged: Option<bool>,
    pub(super) merge_commit_sha: Option<String>,
    pub(super) head: End,
    pub(super) base: End,
}

/// One of the two branches of a pull request.
#[derive(Deserialize)]
pub(super) struct End {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    /// Gone if the fork was deleted.
    pub(super) repo: Option<RepositoryId>,
}

#[derive(Deserialize)]
pub(super) struct RepositoryId {
    pub(super) id: u64,
}

#[derive(Deserialize)]
pub(super) struct ReleaseDelivery {
    pub(super) release: Release,
}

#[derive(Deserialize)]
pub(super) struct Release {
    pub(super) tag_name: String,
    pub(super) name: Option<String>,
    pub(super) html_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RepositoryDelivery {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) changes: Option<Changes>,
}

/// What was otherwise until then.
#[derive(Default, Deserialize)]
pub(super) struct Changes {
    repository: Option<ChangedRepository>,
    owner: Option<ChangedOwner>,
    pub(super) default_branch: Option<From<String>>,
}

impl Changes {
    pub(super) fn old_name(self) -> Option<String> {
        self.repository?.name?.from
    }

    pub(super) fn old_owner(self) -> Option<String> {
        let owner = self.owner?.from?;
        Some(owner.user.or(owner.organization)?.login)
    }
}

#[derive(Deserialize)]
struct ChangedRepository {
    name: Option<From<String>>,
}

#[derive(Deserialize)]
struct ChangedOwner {
    from: Option<Owner>,
}

#[derive(Deserialize)]
struct Owner {
    user: Option<Login>,
    organization: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    login: String,
}

#[derive(Deserialize)]
pub(super) struct From<T> {
    pub(super) from: Option<T>,
}

#[derive(Deserialize)]
pub(super) struct DefaultBranch {
    pub(super) repository: WithDefaultBranch,
}

#[derive(Deserialize)]
pub(super) struct WithDefaultBranch {
    pub(super) default_branch: String,
}

#[derive(Deserialize)]
pub(super) struct InstallationDelivery {
    pub(super) installation: RepositoryId,
}

#[derive(Deserialize)]
pub(super) struct Meta {
    pub(super) hook_id: Option<u64>,
}
