//! GitLab, self-managed.

mod history;
mod hooks;
mod paging;
mod refs;
mod releases;
mod wire;

use serde_json::{Value, json};

use super::{
    hooks::Push,
    host::{Facts, Host},
    request::Request,
};
use crate::code_host::{Reply, fixture};

/// The number of the project, as in its fixture.
const ID: u64 = 4;

/// A project's part of the host, as one request sees it.
struct Project<'a> {
    host: &'a Host,
    facts: Facts,
    web: String,
}

/// Carries a request out.
pub(super) fn answer(host: &Host, request: &Request) -> Reply {
    let credential = ["authorization", "private-token"];
    let credential = credential.iter().find_map(|it| request.header(it));
    if credential.is_none_or(str::is_empty) {
        return Reply::fixture("gitlab/user_401");
    }
    let facts = host.facts();
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), &segments[..]) {
        ("GET", ["user"]) => Reply::fixture("gitlab/user_200"),
        ("GET", ["version"]) => Reply::json(200, &json!({"version": "19.5.0", "revision": "4e1a"})),
        ("GET", ["personal_access_tokens", "self"]) => {
            let scope = if facts.read_only { "read_api" } else { "api" };
            Reply::fixture("gitlab/pat_self_200").with(&json!({"scopes": [scope]}))
        }
        (_, ["projects", id, ..]) => {
            let same = |known: &String| known.eq_ignore_ascii_case(id);
            let is_old = facts.old_paths.iter().any(same);
            if *id == ID.to_string() || *id == facts.path {
                project(host, facts, &request.below(2))
            } else if is_old || same(&facts.path) {
                moved(host, &request.below(2))
            } else {
                Reply::fixture("gitlab/project_404")
            }
        }
        _ => error(404, "404 Not Found"),
    }
}

/// To the project by its number, also from another spelling of its path.
fn moved(host: &Host, request: &Request) -> Reply {
    let mut location = format!("{}/projects/{ID}", host.api());
    for segment in &request.raw {
        location.extend(["/", segment]);
    }
    let query = request.with_query(&[]);
    if !query.is_empty() {
        location.extend(["?", &query]);
    }
    let text = format!("This resource has been moved permanently to {location}");
    Reply::text(301, &text).header("location", &location)
}

fn project(host: &Host, facts: Facts, request: &Request) -> Reply {
    if request.is_write() && facts.read_only {
        return Reply::fixture("gitlab/project_403_insufficient_scope")
            .with(&json!({"scope": "api"}));
    }
    if request.is_write() && facts.archived {
        return error(403, "403 Forbidden");
    }
    let project = Project::of(host, facts);
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), &segments[..]) {
        ("GET", []) => project.describe(),
        (_, ["hooks", ..]) => project.hook_routes(request),
        ("GET", ["repository", "branches"]) => project.branches(request),
        ("POST", ["repository", "branches"]) => project.create_branch(request),
        ("GET", ["repository", "branches", name]) => project.branch(name),
        ("GET", ["repository", "tags"]) => project.tags(request),
        ("POST", ["repository", "tags"]) => project.create_tag(request),
        ("GET", ["repository", "tags", name]) => project.tag(name),
        ("GET", ["repository", "commits"]) => project.commits(request),
        ("GET", ["repository", "commits", name]) => project.commit(name),
        ("GET", ["repository", "compare"]) => project.compare(request),
        ("GET", ["repository", "merge_base"]) => project.merge_base(request),
        ("GET", ["releases"]) => project.releases(request),
        ("POST", ["releases"]) => project.create_release(request),
        ("GET", ["releases", "permalink", "latest"]) => project.latest_release(),
        ("GET", ["releases", tag]) => project.release(tag),
        _ => error(404, "404 Not Found"),
    }
}

/// What a push tells those who are told of it, and by which event.
pub(super) fn push_event(host: &Host, push: &Push) -> (&'static str, Value) {
    Project::of(host, host.facts()).push_event(push)
}

impl<'a> Project<'a> {
    fn of(host: &'a Host, facts: Facts) -> Self {
        Self {
            host,
            web: host.web(),
            facts,
        }
    }
}

impl Project<'_> {
    fn describe(&self) -> Reply {
        let (group, name) = self.facts.path.rsplit_once('/').unwrap_or_default();
        let empty = self.host.repo.is_empty();
        let role = if self.facts.read_only { 20 } else { 40 };
        Reply::fixture("gitlab/project_200").with(&json!({
            "name": name,
            "path": name,
            "path_with_namespace": self.facts.path,
            "web_url": self.web,
            "http_url_to_repo": format!("{}.git", self.web),
            "namespace": {
                "id": 3,
                "name": group.rsplit('/').next(),
                "path": group.rsplit('/').next(),
                "kind": "group",
                "full_path": group,
                "web_url": format!("{}/groups/{group}", self.host.base),
            },
            "default_branch": if empty { Value::Null } else { json!("main") },
            "empty_repo": empty,
            "archived": self.facts.archived,
            "permissions": {
                "project_access": {"access_level": role, "notification_level": 3},
                "group_access": null,
            },
        }))
    }

    fn is_protected(&self, full_ref: &str) -> bool {
        self.facts.protected.contains(full_ref)
    }
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message}))
}

/// The texts of required parameters, or the refusal that names the missing ones.
fn required<'a, const N: usize>(
    request: &'a Request,
    names: [&str; N],
) -> Result<[&'a str; N], Reply> {
    let missing = names.iter().filter(|it| request.parameter(it).is_none());
    let missing: Vec<_> = missing.map(|it| format!("{it} is missing")).collect();
    if missing.is_empty() {
        return Ok(names.map(|it| request.parameter(it).unwrap_or_default()));
    }
    Err(Reply::json(400, &json!({"error": missing.join(", ")})))
}

fn template(name: &str) -> Value {
    fixture(name)["response"]["body"].clone()
}
