//! The shapes that several answers have in common.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use super::Repository;
use crate::git_host::objects::{Commit, Person};

/// What is encoded in an address; slashes stay.
const SEGMENTS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, SEGMENTS).to_string()
}

pub(super) fn unsigned() -> Value {
    json!({
        "verified": false,
        "reason": "unsigned",
        "signature": null,
        "payload": null,
        "verified_at": null,
    })
}

pub(super) fn person(person: &Person) -> Value {
    json!({"name": person.name, "email": person.email, "date": person.date()})
}

impl Repository<'_> {
    /// `{"sha", "url"}` as in lists of branches and tags.
    pub(super) fn commit_stub(&self, sha: &str) -> Value {
        json!({"sha": sha, "url": format!("{}/commits/{sha}", self.url)})
    }

    /// A commit of the `commits` routes.
    pub(super) fn commit_json(&self, commit: &Commit) -> Value {
        let sha = &commit.sha;
        let parents = commit.parents.iter().map(|sha| {
            json!({
                "sha": sha,
                "url": format!("{}/commits/{sha}", self.url),
                "html_url": format!("{}/commit/{sha}", self.web),
            })
        });
        json!({
            "sha": sha,
            "node_id": "MDY6Q29tbWl0",
            "commit": {
                "author": person(&commit.author),
                "committer": person(&commit.committer),
                "message": commit.message.trim_end_matches('\n'),
                "tree": {
                    "sha": commit.tree,
                    "url": format!("{}/git/trees/{}", self.url, commit.tree),
                },
                "url": format!("{}/git/commits/{sha}", self.url),
                "comment_count": 0,
                "verification": unsigned(),
            },
            "url": format!("{}/commits/{sha}", self.url),
            "html_url": format!("{}/commit/{sha}", self.web),
            "comments_url": format!("{}/commits/{sha}/comments", self.url),
            // No account has these addresses.
            "author": null,
            "committer": null,
            "parents": parents.collect::<Vec<_>>(),
        })
    }

    /// A ref of the `git/ref` routes.
    pub(super) fn ref_json(&self, full_ref: &str, kind: &str, sha: &str) -> Value {
        json!({
            "ref": full_ref,
            "node_id": "MDM6UmVm",
            "url": format!("{}/git/{}", self.url, encoded(full_ref)),
            "object": self.object(kind, sha),
        })
    }

    /// `{"type", "sha", "url"}`.
    pub(super) fn object(&self, kind: &str, sha: &str) -> Value {
        json!({"type": kind, "sha": sha, "url": format!("{}/git/{kind}s/{sha}", self.url)})
    }
}
