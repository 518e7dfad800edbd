//! What is read of Bitbucket Data Center's payloads.

use serde::Deserialize;

use super::super::member::lenient;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) event_key: Option<String>,
    /// The one member of a test delivery.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) test: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) actor: Option<User>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) repository: Option<Repository>,
    /// The repository before it was modified.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) old: Option<Repository>,
    /// The repository afterwards.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) new: Option<Repository>,
    #[serde(default, deserialize_with = "lenient")]
    pull_request: Option<Destination>,
}

impl Envelope {
    /// The repository that a pull request is for.
    pub(super) fn target(&self) -> Option<&Repository> {
        self.pull_request.as_ref()?.to_ref.repository.as_ref()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Destination {
    to_ref: End,
}

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) slug: String,
    pub(super) project: Project,
    pub(super) archived: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    links: Option<Links>,
}

impl Repository {
    /// The page.
    pub(super) fn page(&self) -> Option<&str> {
        self.links.as_ref()?.page()
    }
}

#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) key: String,
}

#[derive(Deserialize)]
pub(super) struct Links {
    #[serde(rename = "self")]
    itself: Vec<Link>,
}

impl Links {
    /// The page.
    pub(super) fn page(&self) -> Option<&str> {
        self.itself.first()?.href.as_deref()
    }
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: Option<u64>,
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Push {
    pub(super) changes: Vec<Changed>,
    /// Told by newer versions.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) commits: Option<Vec<Commit>>,
    /// Told by newer versions.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) to_commit: Option<Commit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    #[serde(rename = "ref")]
    pub(super) reference: Ref,
    pub(super) from_hash: Option<String>,
    pub(super) to_hash: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Ref {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) message: Option<String>,
    pub(super) author: Option<Person>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    pub(super) name: Option<String>,
    pub(super) display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PullRequestDelivery {
    pub(super) pull_request: PullRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PullRequest {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) from_ref: End,
    pub(super) to_ref: End,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) properties: Option<Properties>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) links: Option<Links>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Properties {
    pub(super) merge_commit: Option<Id>,
}

#[derive(Deserialize)]
pub(super) struct Id {
    pub(super) id: String,
}

/// One of the two branches of a pull request.
#[derive(Deserialize)]
pub(super) struct End {
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) repository: Option<Repository>,
}

impl End {
    /// The branch, without `refs/heads/`.
    pub(super) fn short_name(&self) -> &str {
        self.id.strip_prefix("refs/heads/").unwrap_or(&self.id)
    }
}
