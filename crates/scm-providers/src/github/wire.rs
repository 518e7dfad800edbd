//! What we read of GitHub's answers (OpenAPI description of the REST API). Members that we do not
//! need are ignored, and only ids and names must be there.

use serde::Deserialize;

/// `GET /user`.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
}

/// `GET /repos/{owner}/{repo}`.
#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) full_name: String,
    pub(super) private: Option<bool>,
    pub(super) visibility: Option<String>,
    pub(super) default_branch: Option<String>,
    pub(super) archived: Option<bool>,
    pub(super) disabled: Option<bool>,
    pub(super) html_url: Option<String>,
    pub(super) permissions: Option<Permissions>,
}

/// The role of the token's account; says nothing about the token itself.
#[derive(Deserialize, Clone, Copy, Default)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the shape is the host's")]
pub(super) struct Permissions {
    pub(super) admin: bool,
    pub(super) maintain: bool,
    pub(super) push: bool,
    pub(super) triage: bool,
    pub(super) pull: bool,
}

/// An element of `GET …/branches`, or `GET …/branches/{branch}`.
#[derive(Deserialize)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) commit: Target,
    pub(super) protected: Option<bool>,
}

/// An element of `GET …/tags`.
#[derive(Deserialize)]
pub(super) struct ListedTag {
    pub(super) name: String,
    /// Nothing, if the tag stands for no commit.
    pub(super) commit: Option<Target>,
}

/// What a name stands for.
#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) sha: String,
    /// `commit`, `tag`, `tree` or `blob`; told of refs and tag objects only.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

/// `GET …/git/ref/…`, and what `POST …/git/refs` made.
#[derive(Deserialize)]
pub(super) struct Ref {
    #[serde(rename = "ref")]
    pub(super) name: String,
    pub(super) object: Target,
}

/// `GET …/git/tags/{sha}`, and what `POST …/git/tags` made.
#[derive(Deserialize)]
pub(super) struct TagObject {
    pub(super) sha: String,
    pub(super) message: Option<String>,
    pub(super) object: Target,
}

/// `GET …/git/commits/{sha}`.
#[derive(Deserialize)]
pub(super) struct GitCommit {
    pub(super) sha: String,
    #[serde(flatten)]
    pub(super) facts: CommitFacts,
}

/// An element of `GET …/commits` and of comparisons.
#[derive(Deserialize)]
pub(super) struct ListedCommit {
    pub(super) sha: String,
    #[serde(default)]
    pub(super) commit: CommitFacts,
}

/// What git knows of a commit.
#[derive(Deserialize, Default)]
pub(super) struct CommitFacts {
    pub(super) message: Option<String>,
    pub(super) author: Option<Person>,
    pub(super) committer: Option<Person>,
}

/// Who made a commit, and when.
#[derive(Deserialize)]
pub(super) struct Person {
    pub(super) name: Option<String>,
    pub(super) date: Option<String>,
}

/// `GET …/compare/{base}...{head}`.
#[derive(Deserialize)]
pub(super) struct Compared {
    pub(super) status: Option<String>,
    pub(super) total_commits: Option<u64>,
    pub(super) ahead_by: Option<u64>,
    /// Oldest first.
    #[serde(default)]
    pub(super) commits: Vec<ListedCommit>,
}

/// `GET …/releases/tags/{tag}`, and what `POST …/releases` made.
#[derive(Deserialize)]
pub(super) struct Release {
    pub(super) tag_name: String,
    pub(super) name: Option<String>,
    pub(super) body: Option<String>,
    pub(super) draft: Option<bool>,
    pub(super) prerelease: Option<bool>,
    pub(super) html_url: Option<String>,
}

/// An element of `GET …/hooks`, or one webhook.
#[derive(Deserialize)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) active: Option<bool>,
    #[serde(default)]
    pub(super) events: Vec<String>,
    #[serde(default)]
    pub(super) config: HookConfig,
    pub(super) last_response: Option<HookResponse>,
}

/// `…/hooks/{id}/config`, and a part of a webhook.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct HookConfig {
    pub(super) url: Option<String>,
    pub(super) content_type: Option<String>,
    /// `0` or `1`, as a text or a number.
    pub(super) insecure_ssl: serde_json::Value,
    /// Stars, if there is one and it is told.
    pub(super) secret: Option<serde::de::IgnoredAny>,
}

/// How the last delivery was answered.
#[derive(Deserialize)]
pub(super) struct HookResponse {
    /// Null before the first delivery, and 0 if there was no answer.
    pub(super) code: Option<u16>,
}

/// An element of `GET …/hooks/{id}/deliveries`.
#[derive(Deserialize)]
pub(super) struct HookDelivery {
    pub(super) id: u64,
    pub(super) guid: String,
    pub(super) delivered_at: Option<String>,
    pub(super) status_code: Option<u16>,
    pub(super) event: Option<String>,
}
