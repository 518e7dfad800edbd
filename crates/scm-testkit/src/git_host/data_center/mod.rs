//! Bitbucket Data Center.

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
use crate::code_host::Reply;

/// Whose every credential is.
const USER: &str = "dev";

/// A repository's part of the host, as one request sees it.
struct Repository<'a> {
    host: &'a Host,
    facts: Facts,
    web: String,
}

/// Which of several APIs a route belongs to: their answers to one request differ in status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    Core,
    BranchUtils,
    Git,
}

/// Carries a request out.
pub(super) fn answer(host: &Host, request: &Request) -> Reply {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let Some((api, route)) = route(&segments) else {
        return unknown();
    };
    // Open to everybody.
    if (request.method.as_str(), route) == ("GET", &["application-properties"][..]) {
        return Reply::json(
            200,
            &json!({
                "version": "9.4.0",
                "buildNumber": "9004000",
                "buildDate": "1767225600000",
                "displayName": "Bitbucket",
            }),
        );
    }
    if request.header("authorization").is_none_or(str::is_empty) {
        return not_permitted();
    }
    let facts = host.facts();
    let reply = match (request.method.as_str(), route) {
        ("GET", ["users", USER]) => Reply::json(
            200,
            &if api == Api::Core {
                user(host)
            } else {
                tokens(host, &facts)
            },
        ),
        ("GET", ["repos"]) => repositories(host, facts, request),
        (_, ["projects", key, "repos", slug, ..]) => {
            let path = format!("{key}/{slug}");
            if facts.path.eq_ignore_ascii_case(&path) {
                repository(host, facts, api, &request.below(6))
            } else {
                let text = format!("Repository {path} does not exist.");
                error(404, "repository.NoSuchRepositoryException", &text)
            }
        }
        _ => unknown(),
    };
    reply.header("x-ausername", USER)
}

/// What follows the name and the version of an API.
fn route<'a, 'b>(segments: &'a [&'b str]) -> Option<(Api, &'a [&'b str])> {
    let [name, "latest" | "1.0", rest @ ..] = segments else {
        return None;
    };
    let api = match *name {
        "api" => Api::Core,
        "branch-utils" => Api::BranchUtils,
        "git" | "access-tokens" => Api::Git,
        _ => return None,
    };
    Some((api, rest))
}

fn user(host: &Host) -> Value {
    json!({
        "name": USER,
        "emailAddress": "dev@example.com",
        "active": true,
        "displayName": "Dev Eloper",
        "id": 101,
        "slug": USER,
        "type": "NORMAL",
        "links": {"self": [{"href": format!("{}/users/{USER}", host.base)}]},
    })
}

fn tokens(host: &Host, facts: &Facts) -> Value {
    let right = if facts.read_only {
        "REPO_READ"
    } else {
        "REPO_ADMIN"
    };
    let token = json!({
        "id": "252973515069",
        "name": "scm",
        "permissions": [right],
        "createdDate": 1_767_225_600_000_u64,
        "expiryDays": 365,
        "user": user(host),
    });
    json!({"size": 1, "limit": 25, "isLastPage": true, "start": 0, "values": [token]})
}

/// The repositories that the account has a permission on.
fn repositories(host: &Host, facts: Facts, request: &Request) -> Reply {
    let (key, slug) = facts.path.split_once('/').unwrap_or_default();
    let part = |name: &str, whole: &str| {
        let given = request.query(name).unwrap_or_default().to_lowercase();
        whole.to_lowercase().contains(&given)
    };
    let wanted = request.query("permission").unwrap_or("REPO_READ");
    let found = part("projectkey", key)
        && part("projectname", key)
        && part("name", slug)
        && (wanted == "REPO_READ" || !facts.read_only);
    let repository = Repository::of(host, facts);
    let all: &[()] = if found { &[()] } else { &[] };
    page(request, all, |found| {
        found.iter().map(|()| repository.json()).collect()
    })
}

fn repository(host: &Host, facts: Facts, api: Api, request: &Request) -> Reply {
    if request.is_write() && facts.read_only {
        return not_permitted();
    }
    if request.is_write() && facts.archived {
        let text = "The repository is archived and cannot be changed.";
        return error(409, "repository.RepositoryArchivedException", text);
    }
    let repository = Repository::of(host, facts);
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), api, &segments[..]) {
        ("GET", Api::Core, []) => Reply::json(200, &repository.json()),
        (_, Api::Core, ["webhooks", ..]) => repository.hook_routes(request),
        ("GET", Api::Core, ["default-branch"]) => repository.default_branch(),
        ("GET", Api::Core, ["branches"]) => repository.branches(request),
        ("POST", Api::Core, ["branches"]) => repository.create_branch(request, 200),
        ("POST", Api::BranchUtils, ["branches"]) => repository.create_branch(request, 201),
        ("GET", Api::Core, ["tags"]) => repository.tags(request),
        ("POST", Api::Core, ["tags"]) => repository.create_tag(request, 200),
        ("POST", Api::Git, ["tags"]) => repository.create_tag(request, 201),
        ("GET", Api::Core | Api::Git, ["tags", name @ ..]) => repository.tag(&name.join("/")),
        ("GET", Api::Core, ["commits"]) => repository.commits(request),
        ("GET", Api::Core, ["commits", name @ ..]) => repository.commit(&name.join("/")),
        ("GET", Api::Core, ["compare", "commits"]) => repository.compare(request),
        _ => unknown(),
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
            web: host.web(),
            facts,
        }
    }
}

impl Repository<'_> {
    fn json(&self) -> Value {
        let (key, slug) = self.facts.path.split_once('/').unwrap_or_default();
        json!({
            "slug": slug,
            "id": 84,
            "name": slug,
            "hierarchyId": "e3c939f9ef4a7fae272e",
            "scmId": "git",
            "state": "AVAILABLE",
            "statusMessage": "Available",
            "forkable": true,
            "public": false,
            "archived": self.facts.archived,
            "project": {
                "key": key,
                "id": 14,
                "name": key,
                "public": false,
                "type": if key.starts_with('~') { "PERSONAL" } else { "NORMAL" },
                "links": {"self": [{"href": format!("{}/projects/{key}", self.host.base)}]},
            },
            "links": {
                "self": [{"href": format!("{}/browse", self.web)}],
                "clone": [{
                    "href": format!("{}/scm/{}.git", self.host.base, self.facts.path.to_lowercase()),
                    "name": "http",
                }],
            },
        })
    }

    fn is_protected(&self, full_ref: &str) -> bool {
        self.facts.protected.contains(full_ref)
    }
}

/// A page of a listing.
fn page<T>(request: &Request, all: &[T], body: impl FnOnce(&[T]) -> Vec<Value>) -> Reply {
    let (start, limit) = paging(request);
    let values = body(slice(all, start, limit));
    page_of(start, limit, &values, start + limit >= all.len())
}

/// The start and the limit.
fn paging(request: &Request) -> (usize, usize) {
    (
        request.number("start", 0),
        request.number("limit", 25).min(1000),
    )
}

fn page_of(start: usize, limit: usize, values: &[Value], is_last: bool) -> Reply {
    let next = (!is_last).then_some(start + limit);
    Reply::json(
        200,
        &json!({
            "size": values.len(),
            "limit": limit,
            "isLastPage": is_last,
            "start": start,
            "nextPageStart": next,
            "values": values,
        }),
    )
}

fn error(status: u16, exception: &str, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"errors": [{
            "context": null,
            "message": message,
            "exceptionName": format!("com.atlassian.bitbucket.{exception}"),
        }]}),
    )
}

/// The same for a bad credential and a missing permission.
fn not_permitted() -> Reply {
    Reply::fixture("bitbucket/datacenter_repo_401_no_permission").without_header("x-ausername")
}

fn unknown() -> Reply {
    Reply::json(
        404,
        &json!({"message": "null for uri: the resource does not exist", "status-code": 404}),
    )
}
