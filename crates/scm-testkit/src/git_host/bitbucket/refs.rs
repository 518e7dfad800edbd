//! Branches and tags.

use serde_json::json;

use super::{Repository, error, filter::Filter};
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
        let refs = match self.listed(request, "refs/heads/") {
            Ok(refs) => refs,
            Err(refused) => return refused,
        };
        self.page(request, &refs, |refs| {
            let branches = self.host.repo.with_commits(refs);
            let body = branches
                .iter()
                .map(|(found, commit)| self.branch_json(found, commit));
            body.collect()
        })
    }

    pub(super) fn tags(&self, request: &Request) -> Reply {
        let refs = match self.listed(request, "refs/tags/") {
            Ok(refs) => refs,
            Err(refused) => return refused,
        };
        self.page(request, &refs, |refs| {
            let tags = self.host.repo.read_tags(refs);
            tags.iter().map(|tag| self.tag_json(tag)).collect()
        })
    }

    /// The refs that a listing is about, in its order. By name means plainly if nothing is asked
    /// for, else with numbers as numbers.
    fn listed(&self, request: &Request, prefix: &str) -> Result<Vec<Ref>, Reply> {
        let key = match request.query("sort") {
            None => BY_NAME,
            Some("name") => "version:refname",
            Some("-name") => "-version:refname",
            Some("target.date") => "creatordate",
            Some("-target.date") => "-creatordate",
            Some(_) => return Err(error(400, "Invalid sort field")),
        };
        let filter = match request.query("q") {
            None => Filter::all(),
            Some(query) => Filter::parse(query).ok_or_else(|| error(400, "Invalid query"))?,
        };
        let mut refs = self.host.repo.sorted_refs(prefix, key);
        refs.retain(|it| filter.takes("name", &it.name));
        Ok(refs)
    }

    pub(super) fn branch(&self, name: &str) -> Reply {
        match self.host.repo.find_branch(name) {
            Some((found, commit)) => Reply::json(200, &self.branch_json(&found, &commit)),
            None => Reply::fixture("bitbucket/branch_404"),
        }
    }

    pub(super) fn tag(&self, name: &str) -> Reply {
        match self.host.repo.find_tag(name) {
            Some(tag) => Reply::json(200, &self.tag_json(&tag)),
            None => error(404, "No such tag"),
        }
    }

    pub(super) fn create_branch(&self, request: &Request) -> Reply {
        let (name, commit) = match self.asked(request, "heads") {
            Ok(asked) => asked,
            Err(refused) => return refused,
        };
        let full_ref = format!("refs/heads/{name}");
        match self.host.repo.create_ref(&full_ref, &commit.sha) {
            Ok(()) => Reply {
                status: 201,
                ..self.branch(name)
            },
            Err(Refused::Exists) => {
                let message = format!("Branch \"{name}\" already exists.");
                Reply::fixture("bitbucket/branch_400_exists").with(&json!({
                    "error": {"message": message, "data": {"key": "BRANCH_ALREADY_EXISTS"}},
                }))
            }
            Err(_) => error(400, &format!("Branch \"{name}\" could not be created.")),
        }
    }

    /// Always annotated.
    pub(super) fn create_tag(&self, request: &Request) -> Reply {
        let (name, commit) = match self.asked(request, "tags") {
            Ok(asked) => asked,
            Err(refused) => return refused,
        };
        let repo = &self.host.repo;
        let message = match request.text("message") {
            "" => format!("Added tag {name} for changeset {}", &commit.sha[..12]),
            given => given.to_owned(),
        };
        let exists = || error(400, &format!("tag \"{name}\" already exists"));
        let full_ref = format!("refs/tags/{name}");
        if repo.ref_sha(&full_ref).is_some() {
            return exists();
        }
        let made = repo.tag_object(name, &commit.sha, &message, None);
        let made = made.map_err(Refused::Other);
        match made.and_then(|object| repo.create_ref(&full_ref, &object)) {
            Ok(()) => Reply {
                status: 201,
                ..self.tag(name)
            },
            Err(Refused::Exists) => exists(),
            Err(_) => error(400, &format!("tag \"{name}\" could not be created")),
        }
    }

    /// The name and the commit of a ref to make.
    fn asked<'a>(&self, request: &'a Request, kind: &str) -> Result<(&'a str, Commit), Reply> {
        let name = request.text("name");
        let hash = request.body["target"]["hash"].as_str().unwrap_or_default();
        if name.is_empty() || hash.is_empty() {
            return Err(error(400, "Bad request"));
        }
        let full_ref = format!("refs/{kind}/{name}");
        if name.starts_with('-') || !self.host.repo.is_ref_name(&full_ref) {
            return Err(error(400, &format!("\"{name}\" is not a valid name")));
        }
        if self.is_protected(&full_ref) {
            let text = "You do not have permission to create this ref: it is restricted";
            return Err(error(403, text));
        }
        let commit = self.host.repo.resolve(hash);
        let commit = commit.ok_or_else(|| error(400, &format!("{hash} is not a valid hash")))?;
        Ok((name, commit))
    }
}
