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

/// An element of `GET …/branches`.
#[derive(Deserialize)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) commit: Commit,
    pub(super) protected: Option<bool>,
}

/// The commit of a branch.
#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) sha: String,
}
