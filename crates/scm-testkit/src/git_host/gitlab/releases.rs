//! Releases: of a tag each, kept in memory.

use serde_json::{Value, json};

use super::{
    Project, error, required, template,
    wire::{encoded, milliseconds},
};
use crate::{
    code_host::Reply,
    git_host::{
        host::Release,
        request::{Request, slice},
    },
};

impl Project<'_> {
    /// Makes a release, and its tag where there is none and a `ref` is given.
    pub(super) fn create_release(&self, request: &Request) -> Reply {
        let [tag] = match required(request, ["tag_name"]) {
            Ok(given) => given,
            Err(refused) => return refused,
        };
        if self.is_protected(&format!("refs/tags/{tag}")) {
            return Reply::fixture("gitlab/release_403_protected_tag");
        }
        if self.find(tag).is_some() {
            return Reply::fixture("gitlab/release_409_exists");
        }
        if self.host.repo.find_tag(tag).is_none() {
            let Some(from) = request.parameter("ref") else {
                return Reply::fixture("gitlab/release_422_no_ref");
            };
            let message = request.parameter("tag_message").unwrap_or_default();
            if let Err(text) = self.make_tag(tag, from, message) {
                let status = if text.ends_with("already exists") {
                    409
                } else {
                    400
                };
                return error(status, &text);
            }
        }
        match self.host.repo.find_tag(tag) {
            Some(found) => {
                let commit = self.commit_json(&found.commit);
                self.keep(request, tag, &commit, found.commit.committer.seconds)
            }
            None => error(400, "The tag is of no commit"),
        }
    }

    fn keep(&self, request: &Request, tag: &str, commit: &Value, seconds: i64) -> Reply {
        let mut state = self.host.state();
        // Of two creators one comes second.
        if state.releases.iter().any(|it| it.tag == tag) {
            return Reply::fixture("gitlab/release_409_exists");
        }
        let now = milliseconds(seconds);
        let (path, name) = (&self.facts.path, encoded(tag));
        let mut body = template("gitlab/release_201");
        let members = json!({
            "tag_name": tag,
            "description": request.parameter("description"),
            "name": request.parameter("name").unwrap_or(tag),
            "created_at": now,
            "released_at": request.parameter("released_at").unwrap_or(&now),
            "commit": commit,
            "commit_path": format!("/{path}/-/commit/{}", commit["id"].as_str().unwrap_or_default()),
            "tag_path": format!("/{path}/-/tags/{name}"),
            "_links": {"self": format!("{}/-/releases/{name}", self.web)},
        });
        if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
            body.extend(members.clone());
        }
        let id = state.releases.len() + 1;
        state.releases.push(Release {
            id,
            tag: tag.to_owned(),
            draft: false,
            prerelease: false,
            body: body.clone(),
        });
        Reply::json(201, &body)
    }

    /// Newest first.
    pub(super) fn releases(&self, request: &Request) -> Reply {
        let mut releases = self.host.state().releases.clone();
        releases.reverse();
        let (page, size) = (request.number("page", 1), super::paging::size(request));
        let shown = slice(&releases, (page - 1) * size, size);
        let body = shown.iter().map(|it| it.body.clone());
        let reply = Reply::json(200, &Value::Array(body.collect()));
        self.numbered(reply, request, page, releases.len() > page * size, None)
    }

    pub(super) fn release(&self, tag: &str) -> Reply {
        match self.find(tag) {
            Some(found) => Reply::json(200, &found.body),
            None => error(404, "404 Not Found"),
        }
    }

    /// A redirect to the newest.
    pub(super) fn latest_release(&self) -> Reply {
        let newest = self.host.state().releases.last().cloned();
        let Some(newest) = newest else {
            return error(404, "404 Not Found");
        };
        let api = self.host.api();
        let tag = encoded(&newest.tag).replace('/', "%2F");
        Reply::redirect(302, &format!("{api}/projects/{}/releases/{tag}", super::ID))
    }

    fn find(&self, tag: &str) -> Option<Release> {
        let releases = self.host.state().releases.clone();
        releases.into_iter().find(|it| it.tag == tag)
    }
}
