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
    /// How many entries the whole list has; not always told.
    size: Option<u64>,
    /// How many entries a page has.
    pagelen: Option<u64>,
}

impl<T> Page<T> {
    /// The number of the last page, if it is told.
    pub(super) fn last_page(&self) -> Option<u64> {
        let pagelen = self.pagelen.filter(|pagelen| *pagelen > 0)?;
        Some(self.size?.div_ceil(pagelen))
    }
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
    pub(super) target: Option<Target>,
}

/// An element of `GET …/refs/tags`.
#[derive(Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    /// Peeled.
    pub(super) target: Option<Target>,
    /// Null for a lightweight tag, as is the tagger.
    pub(super) message: Option<String>,
    pub(super) tagger: Option<serde::de::IgnoredAny>,
}

/// The commit that a branch or a tag stands for.
#[derive(Deserialize)]
pub(super) struct Target {
    pub(super) hash: String,
    pub(super) date: Option<String>,
}

/// An element of `GET …/commits`, or one commit.
#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) hash: String,
    pub(super) date: Option<String>,
    pub(super) message: Option<String>,
    pub(super) author: Option<Author>,
}

#[derive(Deserialize)]
pub(super) struct Author {
    /// `Name <mail>`.
    raw: Option<String>,
    user: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    display_name: Option<String>,
}

impl Author {
    /// The name that the commit gives, or else that of the account.
    pub(super) fn name(&self) -> Option<&str> {
        let given = self.raw.as_deref();
        let given = given.map(|raw| raw.split('<').next().unwrap_or(raw).trim());
        let account = || self.user.as_ref()?.display_name.as_deref();
        given.filter(|name| !name.is_empty()).or_else(account)
    }
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
    #[serde(deserialize_with = "text_or_nothing")]
    pub(super) message: String,
    /// What is wrong with each member that was sent.
    pub(super) fields: Value,
    /// A text, or an object with the scopes.
    pub(super) detail: Value,
    pub(super) data: Value,
}

/// What is no text is none.
fn text_or_nothing<'de, D: serde::Deserializer<'de>>(raw: D) -> Result<String, D::Error> {
    match Value::deserialize(raw)? {
        Value::String(text) => Ok(text),
        _ => Ok(String::new()),
    }
}

/// An element of `GET …/hooks`, or one webhook.
#[derive(Deserialize)]
pub(super) struct Hook {
    pub(super) uuid: String,
    pub(super) url: String,
    pub(super) active: Option<bool>,
    #[serde(default)]
    pub(super) events: Vec<String>,
    pub(super) secret_set: Option<bool>,
}
