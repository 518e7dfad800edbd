//! What we read of Bitbucket Cloud's answers (OpenAPI description of the REST API 2.0). Members that
//! we do not need are ignored, and only ids and names must be there.

use serde::Deserialize;
use serde_json::Value;

/// `GET /user`.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) uuid: String,
    pub(super) nickname: Option<String>,
    pub(super) display_name: Option<String>,
}

/// `GET /repositories/{workspace}/{repository}`.
#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) uuid: String,
    pub(super) full_name: String,
    pub(super) is_private: Option<bool>,
    /// Null in an empty repository.
    pub(super) mainbranch: Option<MainBranch>,
    #[serde(default)]
    pub(super) links: Links,
}

#[derive(Deserialize)]
pub(super) struct MainBranch {
    pub(super) name: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Links {
    pub(super) html: Option<Link>,
}

#[derive(Deserialize)]
pub(super) struct Link {
    pub(super) href: String,
}

/// Any list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) values: Vec<T>,
    /// The whole URL of the next page.
    pub(super) next: Option<String>,
}

/// An element of `GET /user/workspaces/{workspace}/permissions/repositories`.
#[derive(Deserialize)]
pub(super) struct RepositoryPermission {
    pub(super) permission: String,
}

/// An element of `GET …/refs/branches`.
#[derive(Deserialize)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) target: Target,
}

/// What a branch points at.
#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) hash: String,
}

/// An error body: `{"type":"error","error":{…}}`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) error: RefusalDetail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RefusalDetail {
    /// A text, or an object with the scopes.
    pub(super) detail: Value,
    pub(super) data: Value,
}
