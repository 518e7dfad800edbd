//! Releases: of a tag each, kept in memory.

use serde_json::{Value, json};

use super::{Repository, error, not_found, template, wire::encoded};
use crate::{
    code_host::Reply,
    git_host::{host::Release, objects, request::Request},
};

impl Repository<'_> {
    /// Makes a release, and its tag where there is none: lightweight, at `target_commitish`.
    pub(super) fn create_release(&self, request: &Request) -> Reply {
        let repo = &self.host.repo;
        let tag = request.text("tag_name");
        if repo.is_empty() {
            return invalid(&json!([custom("Repository is empty.")]));
        }
        let full_ref = format!("refs/tags/{tag}");
        if tag.is_empty() || !repo.is_ref_name(&full_ref) {
            return invalid(&json!([custom("tag_name is not a valid tag")]));
        }
        let draft = request.body["draft"].as_bool().unwrap_or_default();
        let prerelease = request.body["prerelease"].as_bool().unwrap_or_default();
        if self.published(tag).is_some() {
            return Reply::fixture("github/release_422_already_exists");
        }
        let target = match request.text("target_commitish") {
            "" => "main",
            given => given,
        };
        if !draft && repo.ref_sha(&full_ref).is_none() {
            let Some(commit) = repo.resolve(target) else {
                let field = "target_commitish";
                return invalid(
                    &json!([{"resource": "Release", "code": "invalid", "field": field}]),
                );
            };
            if self.is_protected(&full_ref) {
                return invalid(&json!([
                    custom(
                        "pre_receive Repository rule violations found\n\n\
                            Cannot create ref due to creations being restricted.\n\n"
                    ),
                    custom("Published releases must have a valid tag"),
                ]));
            }
            // Somebody may have made it meanwhile, which is as good.
            if repo.create_ref(&full_ref, &commit.sha).is_err() && repo.ref_sha(&full_ref).is_none()
            {
                return invalid(&json!([custom("Published releases must have a valid tag")]));
            }
        }
        let Some(body) = self.keep(request, tag, target, draft, prerelease) else {
            return Reply::fixture("github/release_422_already_exists");
        };
        let location = body["url"].as_str().unwrap_or_default().to_owned();
        Reply::json(201, &body).header("location", &location)
    }

    /// None if another creator was faster.
    fn keep(
        &self,
        request: &Request,
        tag: &str,
        target: &str,
        draft: bool,
        prerelease: bool,
    ) -> Option<Value> {
        let commit = self.host.repo.resolve(&format!("refs/tags/{tag}"));
        let created = objects::date(commit.map_or(0, |commit| commit.committer.seconds));
        let mut state = self.host.state();
        if !draft && state.releases.iter().any(|it| it.tag == tag && !it.draft) {
            return None;
        }
        let id = state.releases.len() + 1;
        let (url, web, name) = (&self.url, &self.web, encoded(tag));
        let mut body = template("github/release_201");
        let members = json!({
            "url": format!("{url}/releases/{id}"),
            "html_url": format!("{web}/releases/tag/{name}"),
            "assets_url": format!("{url}/releases/{id}/assets"),
            "upload_url": format!("{url}/releases/{id}/assets{{?name,label}}"),
            "tarball_url": format!("{url}/tarball/{name}"),
            "zipball_url": format!("{url}/zipball/{name}"),
            "id": id,
            "tag_name": tag,
            "target_commitish": target,
            "name": request.body["name"],
            "body": request.body["body"],
            "draft": draft,
            "prerelease": prerelease,
            "created_at": created,
            "published_at": if draft { Value::Null } else { json!(created) },
            "assets": [],
        });
        if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
            body.remove("discussion_url");
            body.extend(members.clone());
        }
        state.releases.push(Release {
            id,
            tag: tag.to_owned(),
            draft,
            prerelease,
            body: body.clone(),
        });
        Some(body)
    }

    /// Newest first.
    pub(super) fn releases(&self, request: &Request) -> Reply {
        let mut releases = self.host.state().releases.clone();
        releases.reverse();
        self.page(request, &releases, |releases| {
            releases.iter().map(|it| it.body.clone()).collect()
        })
    }

    pub(super) fn release(&self, id: &str) -> Reply {
        let releases = self.host.state().releases.clone();
        let found = releases.iter().find(|it| it.id.to_string() == id);
        found.map_or_else(not_found, |it| Reply::json(200, &it.body))
    }

    pub(super) fn release_by_tag(&self, tag: &str) -> Reply {
        let found = self.published(tag);
        found.map_or_else(not_found, |it| Reply::json(200, &it.body))
    }

    pub(super) fn latest_release(&self) -> Reply {
        let releases = self.host.state().releases.clone();
        let mut full = releases.iter().filter(|it| !it.draft && !it.prerelease);
        let newest = full.next_back();
        newest.map_or_else(not_found, |it| Reply::json(200, &it.body))
    }

    fn published(&self, tag: &str) -> Option<Release> {
        let releases = self.host.state().releases.clone();
        releases.into_iter().find(|it| it.tag == tag && !it.draft)
    }
}

fn custom(message: &str) -> Value {
    json!({"resource": "Release", "code": "custom", "message": message})
}

fn invalid(errors: &Value) -> Reply {
    error(422, "Validation Failed").with(&json!({"errors": errors}))
}
