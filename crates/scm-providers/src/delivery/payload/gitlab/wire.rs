//! What is read of GitLab's payloads.

use serde::Deserialize;

use super::super::member::lenient;

#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) object_kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) project: Option<Project>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) user: Option<User>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) user_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) user_username: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) path_with_namespace: String,
    pub(super) web_url: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
}

#[derive(Deserialize)]
pub(super) struct Push {
    #[serde(rename = "ref")]
    pub(super) reference: String,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
    /// The commit of a tag; `null` if it is gone.
    pub(super) checkout_sha: Option<String>,
    pub(super) commits: Option<Vec<Commit>>,
    pub(super) total_commits_count: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) message: Option<String>,
    pub(super) title: Option<String>,
    pub(super) url: Option<String>,
    pub(super) author: Option<Author>,
}

#[derive(Deserialize)]
pub(super) struct Author {
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Attributes<T> {
    pub(super) object_attributes: T,
}

#[derive(Deserialize)]
pub(super) struct Action {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) action: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct MergeRequest {
    pub(super) iid: u64,
    pub(super) title: String,
    pub(super) source_branch: String,
    /// Gone if the fork was deleted.
    pub(super) source_project_id: Option<u64>,
    pub(super) target_branch: String,
    pub(super) url: Option<String>,
    pub(super) merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Release {
    pub(super) tag: String,
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
}
