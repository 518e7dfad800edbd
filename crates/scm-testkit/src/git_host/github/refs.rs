//! Branches, tags, and the refs and tag objects below both.

use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    Repository, error, not_found,
    wire::{encoded, person, unsigned},
};
use crate::{
    code_host::Reply,
    git_host::{
        objects::{Commit, Person, Ref, Tag, is_sha},
        request::Request,
        write::Refused,
    },
};

const RULES: &str = "Repository rule violations found\n\n\
                     Cannot create ref due to creations being restricted.\n\n";

impl Repository<'_> {
    pub(super) fn branches(&self, request: &Request) -> Reply {
        let mut refs = self.host.repo.refs("refs/heads/");
        if let Some(only) = request.query("protected") {
            let only = only == "true";
            refs.retain(|it| self.is_protected(&format!("refs/heads/{}", it.name)) == only);
        }
        self.page(request, &refs, |refs| {
            let branches = refs.iter().map(|it| self.branch_json(it, None));
            branches.collect()
        })
    }

    pub(super) fn branch(&self, name: &str) -> Reply {
        match self.host.repo.find_branch(name) {
            Some((found, commit)) => Reply::json(200, &self.branch_json(&found, Some(&commit))),
            None => Reply::fixture("github/branch_404"),
        }
    }

    fn branch_json(&self, found: &Ref, commit: Option<&Commit>) -> Value {
        let protected = self.is_protected(&format!("refs/heads/{}", found.name));
        let commit = match commit {
            Some(commit) => self.commit_json(commit),
            None => self.commit_stub(&found.sha),
        };
        json!({
            "name": found.name,
            "commit": commit,
            "protected": protected,
            "protection_url":
                format!("{}/branches/{}/protection", self.url, encoded(&found.name)),
        })
    }

    /// Every order is as good as another, as far as is documented; this is one that helps nobody.
    pub(super) fn tags(&self, request: &Request) -> Reply {
        let refs = self.host.repo.sorted_refs("refs/tags/", "-refname");
        self.page(request, &refs, |refs| {
            let tags = self.host.repo.read_tags(refs).into_iter().map(|tag| {
                let name = encoded(&tag.name);
                json!({
                    "name": tag.name,
                    "commit": self.commit_stub(&tag.commit.sha),
                    "zipball_url": format!("{}/zipball/refs/tags/{name}", self.url),
                    "tarball_url": format!("{}/tarball/refs/tags/{name}", self.url),
                    "node_id": "MDM6UmVm",
                })
            });
            tags.collect()
        })
    }

    /// `heads/main` or `tags/v1`, exactly.
    pub(super) fn git_ref(&self, name: &str) -> Reply {
        if self.host.repo.is_empty() {
            return empty();
        }
        let full_ref = format!("refs/{name}");
        let repo = &self.host.repo;
        let found = repo.ref_sha(&full_ref).and_then(|sha| {
            let kind = repo.object_type(&sha)?;
            Some(Reply::json(200, &self.ref_json(&full_ref, &kind, &sha)))
        });
        found.unwrap_or_else(not_found)
    }

    /// All refs that begin so.
    pub(super) fn matching_refs(&self, name: &str) -> Reply {
        let refs = self.host.repo.refs("refs/");
        let refs = refs.into_iter().filter(|it| it.name.starts_with(name));
        let found = refs.map(|it| {
            let kind = self.host.repo.object_type(&it.sha).unwrap_or_default();
            self.ref_json(&format!("refs/{}", it.name), &kind, &it.sha)
        });
        Reply::json(200, &Value::Array(found.collect()))
    }

    pub(super) fn create_ref(&self, request: &Request) -> Reply {
        let (full_ref, sha) = (request.text("ref"), request.text("sha"));
        let repo = &self.host.repo;
        if repo.is_empty() {
            return empty();
        }
        if !full_ref.starts_with("refs/") || full_ref.split('/').count() < 3 {
            return error(
                422,
                "Reference name must start with 'refs/' and contain at least two slashes.",
            );
        }
        if !is_sha(sha) {
            let text = "The sha parameter must be exactly 40 characters and contain only [0-9a-f].";
            return error(422, text);
        }
        if self.is_protected(full_ref) {
            return error(422, RULES);
        }
        match repo.create_ref(full_ref, sha) {
            Ok(()) => {
                let kind = repo.object_type(sha).unwrap_or_default();
                let location = format!("{}/git/{}", self.url, encoded(full_ref));
                Reply::json(201, &self.ref_json(full_ref, &kind, sha)).header("location", &location)
            }
            Err(refused) => refusal(full_ref, &refused),
        }
    }

    pub(super) fn tag(&self, sha: &str) -> Reply {
        match self.host.repo.read_tag(sha) {
            Some(tag) if is_sha(sha) => Reply::json(200, &self.tag_json(&tag)),
            _ => not_found(),
        }
    }

    /// Makes the object only: a ref is a call of its own.
    pub(super) fn create_tag(&self, request: &Request) -> Reply {
        let repo = &self.host.repo;
        if repo.is_empty() {
            return empty();
        }
        let [name, message, object, kind] =
            ["tag", "message", "object", "type"].map(|member| request.text(member));
        for (member, value) in [("tag", name), ("object", object), ("type", kind)] {
            if value.is_empty() {
                return error(
                    422,
                    &format!("Invalid request.\n\n\"{member}\" wasn't supplied."),
                );
            }
        }
        if request.body["message"].is_null() {
            return error(422, "Invalid request.\n\n\"message\" wasn't supplied.");
        }
        if !is_sha(object) || repo.object_type(object).as_deref() != Some(kind) {
            return error(422, "Object does not exist");
        }
        let tagger = &request.body["tagger"];
        let tagger = tagger.is_object().then(|| Person {
            name: tagger["name"].as_str().unwrap_or_default().to_owned(),
            email: tagger["email"].as_str().unwrap_or_default().to_owned(),
            seconds: tagger["date"]
                .as_str()
                .and_then(|date| DateTime::parse_from_rfc3339(date).ok())
                .map_or_else(|| repo.now(), |date| date.timestamp()),
        });
        let made = repo.tag_object(name, object, message, tagger.as_ref());
        match made.ok().and_then(|sha| repo.read_tag(&sha)) {
            Some(tag) => {
                let location = format!("{}/git/tags/{}", self.url, tag.sha);
                Reply::json(201, &self.tag_json(&tag)).header("location", &location)
            }
            None => error(422, &format!("{name} is not a valid tag name.")),
        }
    }

    fn tag_json(&self, tag: &Tag) -> Value {
        json!({
            "node_id": "MDM6VGFn",
            "tag": tag.name,
            "sha": tag.sha,
            "url": format!("{}/git/tags/{}", self.url, tag.sha),
            "message": tag.message,
            "tagger": person(&tag.tagger),
            "object": self.object(&tag.kind, &tag.object),
            "verification": unsigned(),
        })
    }
}

fn empty() -> Reply {
    Reply::fixture("github/create_ref_409_empty_repository")
}

fn refusal(full_ref: &str, refused: &Refused) -> Reply {
    match refused {
        Refused::Exists => Reply::fixture("github/create_ref_422_exists"),
        Refused::NoSuchObject => Reply::fixture("github/create_ref_422_object_missing"),
        Refused::InvalidName => error(422, &format!("{full_ref} is not a valid ref name.")),
        Refused::Hierarchy | Refused::Other(_) => error(422, "Reference update failed"),
    }
}
