//! The shapes that several answers have in common.

use serde_json::{Value, json};

use crate::git_host::objects::{Commit, Person, Ref, TagRef};

fn person(person: &Person) -> Value {
    json!({"name": person.name, "emailAddress": person.email})
}

pub(super) fn commit_json(commit: &Commit) -> Value {
    let short = |sha: &str| sha.chars().take(11).collect::<String>();
    let parents = commit
        .parents
        .iter()
        .map(|sha| json!({"id": sha, "displayId": short(sha)}));
    json!({
        "id": commit.sha,
        "displayId": short(&commit.sha),
        "author": person(&commit.author),
        "authorTimestamp": commit.author.seconds * 1000,
        "committer": person(&commit.committer),
        "committerTimestamp": commit.committer.seconds * 1000,
        "message": commit.message.trim_end_matches('\n'),
        "parents": parents.collect::<Vec<_>>(),
    })
}

pub(super) fn branch_json(found: &Ref) -> Value {
    json!({
        "id": format!("refs/heads/{}", found.name),
        "displayId": found.name,
        "type": "BRANCH",
        "latestCommit": found.sha,
        "latestChangeset": found.sha,
        "default": found.name == "main",
    })
}

pub(super) fn tag_json(tag: &TagRef) -> Value {
    json!({
        "id": format!("refs/tags/{}", tag.name),
        "displayId": tag.name,
        "type": "TAG",
        "latestCommit": tag.commit.sha,
        "latestChangeset": tag.commit.sha,
        // Of the tag object.
        "hash": tag.object.as_ref().map(|it| it.sha.as_str()),
    })
}
