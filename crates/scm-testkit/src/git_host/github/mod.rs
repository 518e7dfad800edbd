//! GitHub Enterprise Server.

mod history;
mod hooks;
mod refs;
mod releases;
mod wire;

use serde_json::{Value, json};

use super::{
    hooks::Push,
    host::{Facts, Host},
    request::{Request, slice},
};
use crate::code_host::{Reply, fixture};

/// The number of the repository, as in its fixture.
const ID: u64 = 1_296_269;

/// A repository's part of the host, as one request sees it.
struct Repository<'a> {
    host: &'a Host,
    facts: Facts,
    /// `{api}/repos/octo/app`.
    url: String,
    /// `{api}/repositories/1296269`: what links to further pages begin with.
    by_id: String,
    web: String,
}

/// Carries a request out.
pub(super) fn answer(host: &Host, request: &Request) -> Reply {
    let authorization = request.header("authorization").unwrap_or_default();
    if authorization.is_empty() {
        return Reply::fixture("github/user_401_bad_credentials");
    }
    let reply = route(host, request);
    let token = authorization.rsplit(' ').next().unwrap_or_default();
    if !token.starts_with("ghp_") && !token.starts_with("gho_") {
        return reply;
    }
    reply
        .header("x-oauth-scopes", "admin:repo_hook, repo")
        .header(
            "github-authentication-token-expiration",
            "2027-01-31 09:00:00 UTC",
        )
}

fn route(host: &Host, request: &Request) -> Reply {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let facts = host.facts();
    match (request.method.as_str(), &segments[..]) {
        ("GET", ["user"]) => Reply::fixture("github/user_200_classic_pat"),
        (_, ["repos", owner, name, ..]) => {
            let path = format!("{owner}/{name}");
            let same = |known: &String| known.eq_ignore_ascii_case(&path);
            if same(&facts.path) {
                repository(host, facts, &request.below(3))
            } else if facts.old_paths.iter().any(same) {
                moved(host, &request.below(3))
            } else {
                not_found()
            }
        }
        (_, ["repositories", id, ..]) if id.parse() == Ok(ID) => {
            repository(host, facts, &request.below(2))
        }
        _ => not_found(),
    }
}

/// To the repository by its number, keeping the rest of the address.
fn moved(host: &Host, request: &Request) -> Reply {
    let mut location = format!("{}/repositories/{ID}", host.api());
    for segment in &request.raw {
        location.extend(["/", segment]);
    }
    let query = request.with_query(&[]);
    if !query.is_empty() {
        location.extend(["?", &query]);
    }
    let status = if request.is_write() { 307 } else { 301 };
    let message = match status {
        307 => "Temporary Redirect",
        _ => "Moved Permanently",
    };
    let body = json!({
        "message": message,
        "url": location,
        "documentation_url": "https://docs.github.com/rest",
    });
    Reply::json(status, &body).header("location", &location)
}

fn repository(host: &Host, facts: Facts, request: &Request) -> Reply {
    if request.is_write() && facts.archived {
        return error(403, "Repository was archived so is read-only.");
    }
    let is_hook = request.segments.first().is_some_and(|it| it == "hooks");
    if request.is_write() && facts.read_only && !is_hook {
        return error(403, "Resource not accessible by personal access token")
            .header("x-accepted-github-permissions", "contents=write");
    }
    let repository = Repository::of(host, facts);
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), &segments[..]) {
        ("GET", []) => repository.describe(),
        (_, ["hooks", ..]) => repository.hook_routes(request),
        ("GET", ["branches"]) => repository.branches(request),
        ("GET", ["branches", name @ ..]) => repository.branch(&name.join("/")),
        ("GET", ["git", "ref", name @ ..]) => repository.git_ref(&name.join("/")),
        ("GET", ["git", "matching-refs", name @ ..]) => repository.matching_refs(&name.join("/")),
        ("POST", ["git", "refs"]) => repository.create_ref(request),
        ("POST", ["git", "tags"]) => repository.create_tag(request),
        ("GET", ["git", "tags", sha]) => repository.tag(sha),
        ("GET", ["git", "commits", sha]) => repository.git_commit(sha),
        ("GET", ["tags"]) => repository.tags(request),
        ("GET", ["commits"]) => repository.commits(request),
        ("GET", ["commits", name @ ..]) => repository.commit(&name.join("/")),
        ("GET", ["compare", range @ ..]) => repository.compare(request, &range.join("/")),
        ("GET", ["releases"]) => repository.releases(request),
        ("POST", ["releases"]) => repository.create_release(request),
        ("GET", ["releases", "latest"]) => repository.latest_release(),
        ("GET", ["releases", "tags", tag @ ..]) => repository.release_by_tag(&tag.join("/")),
        ("GET", ["releases", id]) => repository.release(id),
        _ => not_found(),
    }
}

/// What a push tells those who are told of it, and by which event.
pub(super) fn push_event(host: &Host, push: &Push) -> (&'static str, Value) {
    Repository::of(host, host.facts()).push_event(push)
}

impl<'a> Repository<'a> {
    fn of(host: &'a Host, facts: Facts) -> Self {
        let api = host.api();
        Self {
            host,
            url: format!("{api}/repos/{}", facts.path),
            by_id: format!("{api}/repositories/{ID}"),
            web: host.web(),
            facts,
        }
    }
}

impl Repository<'_> {
    /// The repository as deliveries describe it.
    fn description(&self) -> Value {
        serde_json::from_slice(&self.describe().body).unwrap_or_default()
    }

    fn describe(&self) -> Reply {
        let (owner, name) = self.facts.path.split_once('/').unwrap_or_default();
        let may_write = !self.facts.read_only;
        Reply::fixture("github/repo_200").with(&json!({
            "name": name,
            "full_name": self.facts.path,
            "owner": {"login": owner, "id": 1, "type": "Organization", "site_admin": false},
            "html_url": self.web,
            "url": self.url,
            // Told even while there is no commit.
            "default_branch": "main",
            "archived": self.facts.archived,
            "permissions": {
                "admin": may_write,
                "maintain": may_write,
                "push": may_write,
                "triage": may_write,
                "pull": true,
            },
        }))
    }

    fn is_protected(&self, full_ref: &str) -> bool {
        self.facts.protected.contains(full_ref)
    }

    /// A page of a listing with its links, which go by the repository's number.
    fn page<T>(
        &self,
        request: &Request,
        all: &[T],
        body: impl FnOnce(&[T]) -> Vec<Value>,
    ) -> Reply {
        let (page, size) = paging(request, 30);
        let shown = slice(all, (page - 1) * size, size);
        let reply = Reply::json(200, &Value::Array(body(shown)));
        self.link(reply, request, page, all.len().div_ceil(size))
    }

    fn link(&self, reply: Reply, request: &Request, page: usize, last: usize) -> Reply {
        let mut links = Vec::new();
        let mut link = |rel: &str, page: usize| {
            let query = request.with_query(&[("page", &page.to_string())]);
            let path = request.raw.join("/");
            links.push(format!("<{}/{path}?{query}>; rel=\"{rel}\"", self.by_id));
        };
        if page > 1 {
            link("prev", page - 1);
        }
        if page < last {
            link("next", page + 1);
            link("last", last);
        }
        if page > 1 {
            link("first", 1);
        }
        if links.is_empty() {
            return reply;
        }
        reply.header("link", &links.join(", "))
    }
}

/// The page and its size.
fn paging(request: &Request, default: usize) -> (usize, usize) {
    let size = request.number("per_page", default).min(100);
    (request.number("page", 1), size)
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        }),
    )
}

fn not_found() -> Reply {
    Reply::fixture("github/repo_404")
}

fn template(name: &str) -> Value {
    fixture(name)["response"]["body"].clone()
}
