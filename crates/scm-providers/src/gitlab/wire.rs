//! What we read of GitLab's answers (REST API documentation: users, projects, project webhooks,
//! branches, tags, commits, releases, personal access tokens, OAuth 2.0). Members that we do not need are ignored, and only
//! ids and names must be there.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

/// `GET /user`.
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
}

/// `GET /personal_access_tokens/self`.
#[derive(Deserialize)]
pub(super) struct SelfToken {
    pub(super) scopes: Option<Vec<String>>,
    /// A day, or null.
    pub(super) expires_at: Option<String>,
    pub(super) active: Option<bool>,
    pub(super) revoked: Option<bool>,
}

/// `GET /oauth/token/info`.
#[derive(Deserialize)]
pub(super) struct TokenInfo {
    pub(super) scope: Option<Vec<String>>,
    /// Seconds from now; null for a token without an end.
    pub(super) expires_in: Option<u64>,
}

/// `GET /projects/{id}`.
#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) path_with_namespace: String,
    pub(super) visibility: Option<String>,
    pub(super) default_branch: Option<String>,
    pub(super) archived: Option<bool>,
    pub(super) empty_repo: Option<bool>,
    pub(super) web_url: Option<String>,
    pub(super) permissions: Option<Permissions>,
}

/// The account's role, on the project and through its group.
#[derive(Deserialize)]
pub(super) struct Permissions {
    project_access: Option<Access>,
    group_access: Option<Access>,
}

#[derive(Deserialize)]
struct Access {
    access_level: u32,
}

impl Permissions {
    /// The level that counts: the higher one. `None` for administrators and the public.
    pub(super) fn level(&self) -> Option<u32> {
        [&self.project_access, &self.group_access]
            .into_iter()
            .flatten()
            .map(|access| access.access_level)
            .max()
    }
}

/// An element of `GET …/repository/branches`, or one branch.
#[derive(Deserialize)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) commit: Head,
    pub(super) protected: Option<bool>,
    pub(super) default: Option<bool>,
}

/// A commit of which only the id is of interest.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) id: String,
}

/// An element of `GET …/repository/tags`, or one tag.
#[derive(Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    /// The tag object, or the commit.
    pub(super) target: Option<String>,
    /// Null for a lightweight tag.
    pub(super) message: Option<String>,
    /// Peeled; null for a tag of something else.
    pub(super) commit: Option<TagCommit>,
}

/// The commit of a tag.
#[derive(Deserialize)]
pub(super) struct TagCommit {
    pub(super) id: String,
    pub(super) committed_date: Option<String>,
    pub(super) created_at: Option<String>,
}

/// An element of `GET …/repository/commits`, or one commit.
#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) title: Option<String>,
    pub(super) message: Option<String>,
    pub(super) author_name: Option<String>,
    pub(super) committed_date: Option<String>,
    pub(super) created_at: Option<String>,
}

/// `GET …/releases/{tag}`.
#[derive(Deserialize)]
pub(super) struct Release {
    pub(super) tag_name: String,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    #[serde(default, rename = "_links")]
    pub(super) links: Links,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Links {
    #[serde(rename = "self")]
    pub(super) itself: Option<String>,
}

/// The several shapes of an error body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refusal {
    /// A word of OAuth, or a text.
    pub(super) error: Option<String>,
    pub(super) error_description: Option<String>,
    /// The scopes that would do, parted by spaces.
    pub(super) scope: Option<String>,
    /// A text, a list or an object.
    pub(super) message: Value,
}

/// An element of `GET …/hooks`, or one webhook.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the shape is the host's")]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) url: String,
    #[serde(default)]
    pub(super) push_events: bool,
    #[serde(default)]
    pub(super) tag_push_events: bool,
    #[serde(default)]
    pub(super) merge_requests_events: bool,
    #[serde(default)]
    pub(super) releases_events: bool,
    /// Empty, or null, if it is told of all branches.
    pub(super) push_events_branch_filter: Option<String>,
    pub(super) branch_filter_strategy: Option<String>,
    pub(super) custom_webhook_template: Option<String>,
    pub(super) enable_ssl_verification: Option<bool>,
    /// `executable`, `temporarily_disabled` or `disabled`.
    pub(super) alert_status: Option<String>,
    pub(super) token_present: Option<bool>,
    /// Since 19.0.
    pub(super) signing_token_present: Option<bool>,
}

/// An element of `GET …/hooks/{id}/events`.
#[derive(Deserialize)]
pub(super) struct HookEvent {
    pub(super) id: u64,
    pub(super) trigger: Option<String>,
    #[serde(default)]
    pub(super) request_headers: HashMap<String, Value>,
    /// A number as a text, or a text for what went wrong without an answer.
    #[serde(default)]
    pub(super) response_status: Value,
    /// Not told by all versions.
    pub(super) created_at: Option<String>,
}

impl HookEvent {
    /// A header of the delivery. The case of names is not the same in all versions.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.request_headers.iter();
        let (_, value) = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        value.as_str()
    }

    /// The status that it was answered with.
    pub(super) fn status(&self) -> Option<u16> {
        match &self.response_status {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64()?.try_into().ok(),
        }
    }
}
