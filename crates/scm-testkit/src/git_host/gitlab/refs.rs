//! Branches and tags.

use super::{Project, error, paging, required};
use crate::{
    code_host::Reply,
    git_host::{objects::is_sha, request::Request, write::Refused},
};

impl Project<'_> {
    pub(super) fn branches(&self, request: &Request) -> Reply {
        if request.query("regex").is_some() {
            return error(501, "regex is not played here");
        }
        let all = self.host.repo.refs("refs/heads/");
        let Some(page) = paging::page(request, all) else {
            return bad_token(request, "heads");
        };
        let branches = self.host.repo.with_commits(&page.refs);
        let body = branches
            .iter()
            .map(|(found, commit)| self.branch_json(found, commit));
        self.linked(request, &page, body.collect())
    }

    pub(super) fn branch(&self, name: &str) -> Reply {
        match self.host.repo.find_branch(name) {
            Some((found, commit)) => Reply::json(200, &self.branch_json(&found, &commit)),
            None => Reply::fixture("gitlab/branch_404"),
        }
    }

    /// Makes a branch; in an empty repository, the default branch with a README before.
    pub(super) fn create_branch(&self, request: &Request) -> Reply {
        let [name, from] = match required(request, ["branch", "ref"]) {
            Ok(given) => given,
            Err(refused) => return refused,
        };
        let repo = &self.host.repo;
        if from.is_empty() {
            return error(400, "Ref is missing");
        }
        if repo.is_empty() {
            repo.commit("main", "Add README.md");
        }
        let full_ref = format!("refs/heads/{name}");
        // Names that could be taken for a commit or an option are not branches either.
        let odd = name.starts_with('-') || name.starts_with("refs/") || is_sha(name);
        if odd || name == "HEAD" || !repo.is_ref_name(&full_ref) {
            return error(400, "Branch name is invalid");
        }
        if repo.ref_sha(&full_ref).is_some() {
            return error(400, "Branch already exists");
        }
        let failed = |why: &str| error(400, &format!("Failed to create branch '{name}': {why}"));
        let unknown = || failed(&format!("invalid reference name '{from}'"));
        let Some(commit) = repo.resolve(from) else {
            return unknown();
        };
        if self.is_protected(&full_ref) {
            let text = "You are not allowed to create protected branches on this project.";
            return error(400, text);
        }
        match repo.create_ref(&full_ref, &commit.sha) {
            Ok(()) => Reply {
                status: 201,
                ..self.branch(name)
            },
            // The look before did not see it yet.
            Err(Refused::Exists) => error(400, "Branch already exists"),
            Err(Refused::Hierarchy) => {
                failed("Branch name conflicts with existing branch hierarchy.")
            }
            Err(_) => unknown(),
        }
    }

    pub(super) fn tags(&self, request: &Request) -> Reply {
        let key = match request.query("order_by").unwrap_or("updated") {
            "name" => "refname",
            "version" => "version:refname",
            _ => "creatordate",
        };
        let descending = request.query("sort").unwrap_or("desc") == "desc";
        let key = if descending {
            format!("-{key}")
        } else {
            key.to_owned()
        };
        let all = self.host.repo.sorted_refs("refs/tags/", &key);
        let Some(page) = paging::page(request, all) else {
            return bad_token(request, "tags");
        };
        let tags = self.host.repo.read_tags(&page.refs);
        let body = tags.iter().map(|tag| self.tag_json(tag));
        self.linked(request, &page, body.collect())
    }

    pub(super) fn tag(&self, name: &str) -> Reply {
        match self.host.repo.find_tag(name) {
            Some(tag) => Reply::json(200, &self.tag_json(&tag)),
            None => Reply::fixture("gitlab/tag_404"),
        }
    }

    pub(super) fn create_tag(&self, request: &Request) -> Reply {
        let [name, from] = match required(request, ["tag_name", "ref"]) {
            Ok(given) => given,
            Err(refused) => return refused,
        };
        let message = request.parameter("message").unwrap_or_default();
        match self.make_tag(name, from, message) {
            Ok(()) => Reply {
                status: 201,
                ..self.tag(name)
            },
            Err(text) => error(400, &text),
        }
    }

    /// Annotated if there is a message, else lightweight.
    pub(super) fn make_tag(&self, name: &str, from: &str, message: &str) -> Result<(), String> {
        let repo = &self.host.repo;
        if from.is_empty() {
            return Err("Target is empty".to_owned());
        }
        let full_ref = format!("refs/tags/{name}");
        if name.starts_with('-') || name.starts_with("refs/") || !repo.is_ref_name(&full_ref) {
            return Err("Tag name invalid".to_owned());
        }
        let exists = || format!("Tag {name} already exists");
        if repo.ref_sha(&full_ref).is_some() {
            return Err(exists());
        }
        let invalid = || format!("Target {from} is invalid");
        let commit = repo.resolve(from).ok_or_else(invalid)?;
        if self.is_protected(&full_ref) {
            return Err("You are not allowed to create this tag as it is protected.".to_owned());
        }
        let message = message.trim();
        let target = if message.is_empty() {
            commit.sha
        } else {
            let made = repo.tag_object(name, &commit.sha, message, None);
            made.map_err(|_| "Tag name invalid".to_owned())?
        };
        repo.create_ref(&full_ref, &target)
            .map_err(|refused| match refused {
                Refused::Exists => exists(),
                Refused::NoSuchObject => invalid(),
                _ => format!("Failed to create a tag: {name}"),
            })
    }
}

fn bad_token(request: &Request, kind: &str) -> Reply {
    let token = request.query("page_token").unwrap_or_default();
    error(422, &format!("Invalid page token: refs/{kind}/{token}"))
}
