//! Bitbucket Cloud.

mod filter;
mod history;
mod hooks;
mod refs;
mod wire;

use serde_json::{Value, json};

use super::{
    hooks::Push,
    host::{Facts, Host},
    request::{Request, slice},
};
use crate::code_host::{Reply, fixture};

/// The repository's and the workspace's ids, as in their fixture.
const UUID: &str = "{c75687fb-e99d-4579-9087-190dbd406d30}";
const WORKSPACE_UUID: &str = "{9a355e97-4ad9-4a0e-8d0f-1b2f3c4d5e6f}";

/// A repository's part of the host, as one request sees it.
struct Repository<'a> {
    host: &'a Host,
    facts: Facts,
    /// `{api}/repositories/ws/app`.
    url: String,
    web: String,
}

/// Carries a request out.
pub(super) fn answer(host: &Host, request: &Request) -> Reply {
    if request.header("authorization").is_none_or(str::is_empty) {
        return Reply::fixture("bitbucket/user_401");
    }
    let facts = host.facts();
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), &segments[..]) {
        ("GET", ["user"]) => Reply::fixture("bitbucket/user_200"),
        (
            "GET",
            [
                "user",
                "workspaces",
                workspace,
                "permissions",
                "repositories",
            ],
        ) => permission(&facts, request, workspace),
        // Withdrawn, whatever the API description says.
        ("GET", ["user", "permissions", _] | ["workspaces" | "repositories"]) => {
            Reply::fixture("bitbucket/cross_workspace_410")
        }
        (_, ["repositories", workspace, name, ..]) => {
            if is_repository(&facts, workspace, name) {
                repository(host, facts, &request.below(3))
            } else {
                error(404, &format!("Repository {workspace}/{name} not found"))
            }
        }
        _ => error(404, "Resource not found"),
    }
}

/// By its path, or by its id below any workspace that it is or was in.
fn is_repository(facts: &Facts, workspace: &str, name: &str) -> bool {
    let paths = facts.old_paths.iter().chain([&facts.path]);
    let mut workspaces = paths.filter_map(|path| path.split('/').next());
    if name.eq_ignore_ascii_case(UUID) {
        return ["{}", WORKSPACE_UUID].contains(&workspace)
            || workspaces.any(|known| known.eq_ignore_ascii_case(workspace));
    }
    let (current, slug) = facts.path.split_once('/').unwrap_or_default();
    let in_workspace = current.eq_ignore_ascii_case(workspace) || workspace == WORKSPACE_UUID;
    in_workspace && slug.eq_ignore_ascii_case(name)
}

/// What the account may do with the one repository there is.
fn permission(facts: &Facts, request: &Request, workspace: &str) -> Reply {
    let (current, _) = facts.path.split_once('/').unwrap_or_default();
    let asked = request.query("q").map(filter::Filter::parse);
    let Some(filter) = asked.unwrap_or_else(|| Some(filter::Filter::all())) else {
        return error(400, "Invalid query");
    };
    let known = current == workspace || workspace == WORKSPACE_UUID;
    let values = if known && filter.takes("repository.full_name", &facts.path) {
        vec![json!({
            "type": "repository_permission",
            "user": template("bitbucket/user_200"),
            "repository": {"type": "repository", "full_name": facts.path, "uuid": UUID},
            "permission": if facts.read_only { "read" } else { "admin" },
        })]
    } else {
        Vec::new()
    };
    let size = values.len();
    Reply::json(
        200,
        &json!({"pagelen": 10, "values": values, "page": 1, "size": size}),
    )
}

fn repository(host: &Host, facts: Facts, request: &Request) -> Reply {
    let is_hook = request.segments.first().is_some_and(|it| it == "hooks");
    if request.is_write() && facts.read_only && !is_hook {
        return lacks("write:repository:bitbucket");
    }
    let repository = Repository::of(host, facts);
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), &segments[..]) {
        ("GET", []) => repository.describe(),
        (_, ["hooks", ..]) => repository.hook_routes(request),
        ("GET", ["refs", "branches"]) => repository.branches(request),
        ("POST", ["refs", "branches"]) => repository.create_branch(request),
        ("GET", ["refs", "branches", name @ ..]) => repository.branch(&name.join("/")),
        ("GET", ["refs", "tags"]) => repository.tags(request),
        ("POST", ["refs", "tags"]) => repository.create_tag(request),
        ("GET", ["refs", "tags", name @ ..]) => repository.tag(&name.join("/")),
        ("GET", ["commits"]) => repository.commits(request, None),
        ("GET", ["commits", name @ ..]) => repository.commits(request, Some(&name.join("/"))),
        ("GET", ["commit", name @ ..]) => repository.commit(&name.join("/")),
        ("GET", ["merge-base", range @ ..]) => repository.merge_base(&range.join("/")),
        _ => error(404, "Resource not found"),
    }
}

/// What a push tells those who are told of it, and by which event.
pub(super) fn push_event(host: &Host, push: &Push) -> (&'static str, Value) {
    Repository::of(host, host.facts()).push_event(push)
}

impl<'a> Repository<'a> {
    fn of(host: &'a Host, facts: Facts) -> Self {
        Self {
            host,
            url: format!("{}/repositories/{}", host.api(), facts.path),
            web: host.web(),
            facts,
        }
    }
}

impl Repository<'_> {
    fn describe(&self) -> Reply {
        let (workspace, name) = self.facts.path.split_once('/').unwrap_or_default();
        let branch = if self.host.repo.is_empty() {
            Value::Null
        } else {
            json!({"type": "branch", "name": "main"})
        };
        Reply::fixture("bitbucket/repo_200").with(&json!({
            "full_name": self.facts.path,
            "name": name,
            "slug": name,
            "mainbranch": branch,
            "workspace": {
                "type": "workspace",
                "slug": workspace,
                "name": workspace,
                "uuid": WORKSPACE_UUID,
            },
            "links": {"self": {"href": self.url}, "html": {"href": self.web}},
        }))
    }

    fn is_protected(&self, full_ref: &str) -> bool {
        self.facts.protected.contains(full_ref)
    }

    /// The address of another page of the same listing.
    fn page_url(&self, request: &Request, page: usize) -> String {
        let query = request.with_query(&[("page", &page.to_string())]);
        format!("{}/{}?{query}", self.url, request.raw.join("/"))
    }

    /// A page of a listing that knows its size.
    fn page<T>(
        &self,
        request: &Request,
        all: &[T],
        body: impl FnOnce(&[T]) -> Vec<Value>,
    ) -> Reply {
        let (page, size) = match paging(request, 10) {
            Ok(given) => given,
            Err(refused) => return refused,
        };
        let start = (page - 1) * size;
        if page > 1 && start >= all.len() {
            return error(404, "Invalid page");
        }
        let values = body(slice(all, start, size));
        let mut body = json!({"pagelen": size, "size": all.len(), "page": page});
        if start + size < all.len() {
            body["next"] = json!(self.page_url(request, page + 1));
        }
        if page > 1 {
            body["previous"] = json!(self.page_url(request, page - 1));
        }
        body["values"] = Value::Array(values);
        Reply::json(200, &body)
    }
}

/// The page and its size.
fn paging(request: &Request, default: usize) -> Result<(usize, usize), Reply> {
    let size = request.number("pagelen", default);
    if size > 100 {
        return Err(error(400, "Invalid pagelen"));
    }
    Ok((request.number("page", 1), size))
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"type": "error", "error": {"message": message}}),
    )
}

fn lacks(scope: &str) -> Reply {
    let message = "Your credentials lack one or more required privilege scopes.";
    Reply::fixture("bitbucket/user_403_scope").with(&json!({
        "error": {
            "message": message,
            "detail": {"required": [scope], "granted": ["read:repository:bitbucket"]},
        },
    }))
}

fn template(name: &str) -> Value {
    fixture(name)["response"]["body"].clone()
}
