//! The shapes that several answers have in common.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::Project;
use crate::git_host::objects::{Commit, Ref, TagRef, date};

/// What is encoded in a page's address; slashes stay.
const PAGE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PAGE).to_string()
}

impl Project<'_> {
    pub(super) fn commit_json(&self, commit: &Commit) -> Value {
        let (author, committer) = (&commit.author, &commit.committer);
        json!({
            "id": commit.sha,
            "short_id": commit.sha[..8],
            "created_at": milliseconds(committer.seconds),
            "parent_ids": commit.parents,
            "title": commit.title(),
            "message": commit.message,
            "author_name": author.name,
            "author_email": author.email,
            "authored_date": milliseconds(author.seconds),
            "committer_name": committer.name,
            "committer_email": committer.email,
            "committed_date": milliseconds(committer.seconds),
            "trailers": {},
            "extended_trailers": {},
            "web_url": format!("{}/-/commit/{}", self.web, commit.sha),
        })
    }

    pub(super) fn branch_json(&self, found: &Ref, commit: &Commit) -> Value {
        let may_push = !self.facts.read_only && !self.facts.archived;
        json!({
            "name": found.name,
            "merged": false,
            "protected": self.is_protected(&format!("refs/heads/{}", found.name)),
            "default": found.name == "main",
            "developers_can_push": false,
            "developers_can_merge": false,
            "can_push": may_push,
            "web_url": format!("{}/-/tree/{}", self.web, encoded(&found.name)),
            "commit": self.commit_json(commit),
        })
    }

    pub(super) fn tag_json(&self, tag: &TagRef) -> Value {
        let object = tag.object.as_ref();
        let releases = self.host.state().releases.clone();
        let release = releases
            .iter()
            .find(|it| it.tag == tag.name)
            .map(|it| json!({"tag_name": it.tag, "description": it.body["description"]}));
        json!({
            "name": tag.name,
            // A tag object without a message is shown as one without a tag object.
            "message": object.map(|it| it.message.trim_end()).filter(|it| !it.is_empty()),
            "target": tag.sha,
            "commit": self.commit_json(&tag.commit),
            "release": release,
            "protected": self.is_protected(&format!("refs/tags/{}", tag.name)),
            "created_at": object.map(|it| milliseconds(it.tagger.seconds)),
        })
    }
}

/// `2026-01-01T00:00:00.000Z`.
pub(super) fn milliseconds(seconds: i64) -> String {
    date(seconds).replace('Z', ".000Z")
}
