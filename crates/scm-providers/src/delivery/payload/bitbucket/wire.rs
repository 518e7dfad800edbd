//! What is read of Bitbucket Cloud's payloads.

use serde::Deserialize;

use super::super::member::lenient;

#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) repository: Option<Repository>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) actor: Option<User>,
}

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) uuid: String,
    pub(super) full_name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) links: Option<Links>,
}

#[derive(Deserialize)]
pub(super) struct Links {
    html: Option<Link>,
}

impl Links {
    /// The page.
    pub(super) fn page(&self) -> Option<&str> {
        self.html.as_ref()?.href.as_deref()
    }
}

#[derive(Deserialize)]
struct Link {
    href: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) uuid: String,
    pub(super) nickname: Option<String>,
    pub(super) display_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PushDelivery {
    pub(super) push: Push,
}

#[derive(Deserialize)]
pub(super) struct Push {
    pub(super) changes: Vec<Change>,
}

/// One ref of a push: without `old` it is new, without `new` it is gone.
#[derive(Deserialize)]
pub(super) struct Change {
    pub(super) old: Option<State>,
    pub(super) new: Option<State>,
    pub(super) forced: Option<bool>,
    pub(super) truncated: Option<bool>,
    pub(super) commits: Option<Vec<Commit>>,
}

#[derive(Deserialize)]
pub(super) struct State {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: String,
    pub(super) target: Option<Hash>,
}

#[derive(Deserialize)]
pub(super) struct Hash {
    pub(super) hash: String,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) hash: String,
    pub(super) message: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) author: Option<Author>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) links: Option<Links>,
}

#[derive(Deserialize)]
pub(super) struct Author {
    raw: Option<String>,
    user: Option<DisplayName>,
}

impl Author {
    /// The name of the account, else what stands before the address in the commit.
    pub(super) fn name(&self) -> Option<&str> {
        let account = self
            .user
            .as_ref()
            .and_then(|user| user.display_name.as_deref());
        let written = || Some(self.raw.as_deref()?.split('<').next()?.trim());
        account.or_else(written)
    }
}

#[derive(Deserialize)]
struct DisplayName {
    display_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PullRequestDelivery {
    pub(super) pullrequest: PullRequest,
}

#[derive(Deserialize)]
pub(super) struct PullRequest {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) source: End,
    pub(super) destination: End,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) merge_commit: Option<Hash>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) links: Option<Links>,
}

/// One of the two branches of a pull request.
#[derive(Deserialize)]
pub(super) struct End {
    pub(super) branch: Branch,
    /// Gone if the fork was deleted.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) repository: Option<RepositoryId>,
}

#[derive(Deserialize)]
pub(super) struct Branch {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct RepositoryId {
    pub(super) uuid: String,
}

#[derive(Deserialize)]
pub(super) struct UpdatedDelivery {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) changes: Option<Changes>,
}

#[derive(Deserialize)]
pub(super) struct Changes {
    pub(super) full_name: Option<Changed>,
}

#[derive(Deserialize)]
pub(super) struct Changed {
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}
