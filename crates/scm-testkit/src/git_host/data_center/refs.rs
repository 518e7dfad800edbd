//! Branches and tags.

use serde_json::json;

use super::{
    Repository, error, page,
    wire::{branch_json, tag_json},
};
use crate::{
    code_host::Reply,
    git_host::{
        objects::{Commit, Ref},
        read::BY_NAME,
        request::Request,
        write::Refused,
    },
};

impl Repository<'_> {
    pub(super) fn branches(&self, request: &Request) -> Reply {
        let refs = self.listed(request, "refs/heads/");
        page(request, &refs, |refs| {
            refs.iter().map(branch_json).collect()
        })
    }

    pub(super) fn tags(&self, request: &Request) -> Reply {
        let refs = self.listed(request, "refs/tags/");
        page(request, &refs, |refs| {
            let tags = self.host.repo.read_tags(refs);
            tags.iter().map(tag_json).collect()
        })
    }

    /// The filter finds a text anywhere in a name, in either case.
    fn listed(&self, request: &Request, prefix: &str) -> Vec<Ref> {
        let key = match request.query("orderBy") {
            Some("MODIFICATION") => "-creatordate",
            _ => BY_NAME,
        };
        let mut refs = self.host.repo.sorted_refs(prefix, key);
        if let Some(text) = request.query("filterText") {
            let text = text.to_lowercase();
            refs.retain(|it| it.name.to_lowercase().contains(&text));
        }
        refs
    }

    pub(super) fn default_branch(&self) -> Reply {
        let repo = &self.host.repo;
        if repo.is_empty() {
            return Reply::empty(204);
        }
        if repo.ref_sha("refs/heads/main").is_none() {
            let text = "The default branch, refs/heads/main, does not exist.";
            return error(404, "repository.NoDefaultBranchException", text);
        }
        let body = json!({"id": "refs/heads/main", "displayId": "main", "type": "BRANCH"});
        Reply::json(200, &body)
    }

    pub(super) fn tag(&self, name: &str) -> Reply {
        let Some(tag) = self.host.repo.find_tag(name) else {
            let text = format!("Tag '{name}' does not exist in repository 'app'.");
            return error(404, "repository.NoSuchTagException", &text);
        };
        Reply::json(200, &tag_json(&tag))
    }

    pub(super) fn create_branch(&self, request: &Request, status: u16) -> Reply {
        let (name, commit) = match self.asked(request, "heads") {
            Ok(asked) => asked,
            Err(refused) => return refused,
        };
        let repo = &self.host.repo;
        match repo.create_ref(&format!("refs/heads/{name}"), &commit.sha) {
            Ok(()) => {
                let made = Ref {
                    name: name.to_owned(),
                    sha: commit.sha,
                };
                Reply::json(status, &branch_json(&made))
            }
            Err(refused) => refusal("branch", name, &refused),
        }
    }

    /// Annotated if there is a message, else lightweight.
    pub(super) fn create_tag(&self, request: &Request, status: u16) -> Reply {
        let (name, commit) = match self.asked(request, "tags") {
            Ok(asked) => asked,
            Err(refused) => return refused,
        };
        let repo = &self.host.repo;
        let message = request.text("message");
        let full_ref = format!("refs/tags/{name}");
        if repo.ref_sha(&full_ref).is_some() {
            return refusal("tag", name, &Refused::Exists);
        }
        let target = if message.is_empty() || request.text("type") == "LIGHTWEIGHT" {
            Ok(commit.sha)
        } else {
            let made = repo.tag_object(name, &commit.sha, message, None);
            made.map_err(Refused::Other)
        };
        match target.and_then(|target| repo.create_ref(&full_ref, &target)) {
            Ok(()) => Reply {
                status,
                ..self.tag(name)
            },
            Err(refused) => refusal("tag", name, &refused),
        }
    }

    /// The name and the commit of a ref to make.
    fn asked<'a>(&self, request: &'a Request, kind: &str) -> Result<(&'a str, Commit), Reply> {
        let (name, from) = (request.text("name"), request.text("startPoint"));
        let full_ref = format!("refs/{kind}/{name}");
        if name.starts_with('-') || !self.host.repo.is_ref_name(&full_ref) {
            let text = format!("'{name}' is not a valid name.");
            let reply = error(400, "validation.ArgumentValidationException", &text);
            return Err(reply);
        }
        let commit = self.host.repo.resolve(from).ok_or_else(|| missing(from))?;
        if self.is_protected(&full_ref) {
            let text = format!(
                "{full_ref} cannot be created. Check your branch permissions configuration with \
                 the project administrator."
            );
            return Err(error(
                409,
                "hook.repository.RepositoryHookVetoedException",
                &text,
            ));
        }
        Ok((name, commit))
    }
}

/// That there is no such commit, branch or tag.
pub(super) fn missing(name: &str) -> Reply {
    let text = format!("Commit '{name}' does not exist in repository 'app'.");
    error(404, "commit.NoSuchCommitException", &text)
}

fn refusal(kind: &str, name: &str, refused: &Refused) -> Reply {
    let begin = format!("The {kind} '{name}' could not be created because");
    match refused {
        Refused::Exists => {
            let text = format!("{begin} a {kind} with that name already exists.");
            error(409, "repository.DuplicateRefException", &text)
        }
        Refused::Hierarchy => {
            let text = format!("{begin} it conflicts with a {kind} above or below it.");
            error(409, "repository.DuplicateRefException", &text)
        }
        _ => {
            let text = format!("{begin} git refused it.");
            error(400, "validation.ArgumentValidationException", &text)
        }
    }
}
