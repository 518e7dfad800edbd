//! What we read of Data Center's answers (REST API of Bitbucket Data Center). Members that we do not
//! need are ignored, and only ids and names must be there.

use serde::Deserialize;

/// `GET …/projects/{key}/repos/{slug}`.
#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) slug: String,
    pub(super) project: Project,
    pub(super) public: Option<bool>,
    pub(super) archived: Option<bool>,
    #[serde(default)]
    pub(super) links: Links,
}

#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) key: String,
    pub(super) public: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Links {
    #[serde(rename = "self")]
    itself: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

impl Links {
    /// The page.
    pub(super) fn page(&self) -> Option<&str> {
        self.itself.first()?.href.as_deref()
    }
}

/// Any list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) values: Vec<T>,
    start: Option<u64>,
    #[serde(rename = "isLastPage")]
    is_last: Option<bool>,
    next_page_start: Option<u64>,
}

impl<T> Page<T> {
    /// Where the list goes on. Not always behind as many entries as were given, but always further
    /// on.
    pub(super) fn next(&self) -> Option<u64> {
        let next = self.next_page_start?;
        let goes_on = self.is_last != Some(true) && next > self.start.unwrap_or_default();
        goes_on.then_some(next)
    }
}

/// An element of `GET …/branches`, or the default branch.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Branch {
    pub(super) display_id: String,
    /// Not told of the default branch.
    pub(super) latest_commit: Option<String>,
    pub(super) default: Option<bool>,
    /// Its name in older versions.
    pub(super) is_default: Option<bool>,
}

/// An element of `GET …/tags`, or one tag.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tag {
    pub(super) display_id: String,
    /// Peeled.
    pub(super) latest_commit: Option<String>,
    /// The tag object; null for a lightweight tag.
    pub(super) hash: Option<String>,
    pub(super) message: Option<String>,
}

/// An element of `GET …/commits`, or one commit.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Commit {
    pub(super) id: String,
    pub(super) message: Option<String>,
    pub(super) author: Option<Author>,
    /// In milliseconds since 1970, as all times.
    pub(super) committer_timestamp: Option<i64>,
    pub(super) author_timestamp: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Author {
    pub(super) name: Option<String>,
}

/// An error body: `{"errors":[{…}]}`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refusal {
    errors: Vec<RefusalDetail>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RefusalDetail {
    /// The member that it is about.
    context: Option<String>,
    exception_name: Option<String>,
}

impl Refusal {
    /// The name of the first exception without its package; empty if there is none.
    pub(super) fn exception(&self) -> &str {
        let mut named = self.errors.iter().filter_map(|error| {
            let name = error.exception_name.as_deref()?;
            name.rsplit('.').next()
        });
        named.next().unwrap_or_default()
    }

    /// Whether it is about a member of what was sent.
    pub(super) fn is_about(&self, member: &str) -> bool {
        let mut members = self.errors.iter().filter_map(|it| it.context.as_deref());
        members.any(|named| named.eq_ignore_ascii_case(member))
    }
}

/// An element of `GET …/webhooks`, or one webhook.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) url: String,
    pub(super) active: Option<bool>,
    #[serde(default)]
    pub(super) events: Vec<String>,
    #[serde(default)]
    pub(super) configuration: HookConfiguration,
    pub(super) ssl_verification_required: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct HookConfiguration {
    /// In clear, so only that it is there is read.
    pub(super) secret: Option<serde::de::IgnoredAny>,
}

/// `GET …/webhooks/{id}/latest`.
#[derive(Deserialize)]
pub(super) struct HookInvocation {
    pub(super) result: HookResult,
}

#[derive(Deserialize)]
pub(super) struct HookResult {
    /// `SUCCESS`, `FAILURE` or `ERROR`.
    pub(super) outcome: Option<String>,
    pub(super) description: Option<String>,
}
