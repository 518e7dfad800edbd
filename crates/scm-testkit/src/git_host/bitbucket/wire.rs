//! The shapes that several answers have in common.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Repository, UUID};
use crate::git_host::objects::{Commit, Person, Ref, TagRef};

/// What is encoded in an address; slashes stay.
const SEGMENTS: &AsciiSet = &CONTROLS
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

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, SEGMENTS).to_string()
}

fn author(person: &Person) -> Value {
    let raw = format!("{} <{}>", person.name, person.email);
    json!({"type": "author", "raw": raw})
}

/// `2026-01-01T00:00:00+00:00`.
fn date(person: &Person) -> String {
    person.date().replace('Z', "+00:00")
}

impl Repository<'_> {
    pub(super) fn commit_json(&self, commit: &Commit) -> Value {
        let links = |sha: &str| {
            json!({
                "self": {"href": format!("{}/commit/{sha}", self.url)},
                "html": {"href": format!("{}/commits/{sha}", self.web)},
            })
        };
        let parents = commit
            .parents
            .iter()
            .map(|sha| json!({"type": "commit", "hash": sha, "links": links(sha)}));
        json!({
            "type": "commit",
            "hash": commit.sha,
            "date": date(&commit.committer),
            "author": author(&commit.author),
            "message": commit.message,
            "parents": parents.collect::<Vec<_>>(),
            "repository": {"type": "repository", "full_name": self.facts.path, "uuid": UUID},
            "links": links(&commit.sha),
        })
    }

    pub(super) fn branch_json(&self, found: &Ref, commit: &Commit) -> Value {
        json!({
            "type": "branch",
            "name": found.name,
            "default_merge_strategy": "merge_commit",
            "merge_strategies": ["merge_commit", "squash", "fast_forward"],
            "target": self.commit_json(commit),
            "links": self.links("branches", &found.name, "branch"),
        })
    }

    pub(super) fn tag_json(&self, tag: &TagRef) -> Value {
        let object = tag.object.as_ref();
        json!({
            "type": "tag",
            "name": tag.name,
            "message": object.map(|it| it.message.as_str()),
            "date": object.map(|it| date(&it.tagger)),
            "tagger": object.map(|it| author(&it.tagger)),
            "target": self.commit_json(&tag.commit),
            "links": self.links("tags", &tag.name, "commits/tag"),
        })
    }

    fn links(&self, kind: &str, name: &str, page: &str) -> Value {
        let name = encoded(name);
        json!({
            "self": {"href": format!("{}/refs/{kind}/{name}", self.url)},
            "commits": {"href": format!("{}/commits/{name}", self.url)},
            "html": {"href": format!("{}/{page}/{name}", self.web)},
        })
    }
}
