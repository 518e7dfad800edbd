//! Commits and comparisons.

use serde_json::{Value, json};

use super::{Project, error, paging, required};
use crate::{code_host::Reply, git_host::request::Request};

impl Project<'_> {
    /// The history of a ref or a range, newest first; nothing tells how many there are.
    pub(super) fn commits(&self, request: &Request) -> Reply {
        let repo = &self.host.repo;
        if repo.is_empty() {
            return Reply::json(200, &json!([]));
        }
        let name = request.query("ref_name").filter(|it| !it.is_empty());
        let name = name.unwrap_or("main");
        let (base, head) = name.split_once("..").unwrap_or(("", name));
        let Some(head) = repo.resolve(head) else {
            return error(404, "404 Ref Not Found");
        };
        let mut exclude = None;
        if !base.is_empty() {
            let Some(base) = repo.resolve(base) else {
                return error(404, "404 Ref Not Found");
            };
            exclude = Some(format!("^{}", base.sha));
        }
        let (page, size) = (request.number("page", 1), paging::size(request));
        let skip = format!("--skip={}", (page - 1) * size);
        // One more than asked for tells whether there is a next page.
        let take = format!("--max-count={}", size + 1);
        let mut arguments = vec![skip.as_str(), &take, &head.sha];
        arguments.extend(exclude.as_deref());
        let mut shas = repo.rev_list(&arguments);
        let next = shas.len() > size;
        shas.truncate(size);
        let commits = repo.read_commits(&shas);
        let body = commits.iter().map(|it| self.commit_json(it));
        let reply = Reply::json(200, &Value::Array(body.collect()));
        self.numbered(reply, request, page, next, None)
    }

    pub(super) fn commit(&self, name: &str) -> Reply {
        let Some(commit) = self.host.repo.resolve(name) else {
            return error(404, "404 Commit Not Found");
        };
        let mut body = self.commit_json(&commit);
        body["stats"] = json!({"additions": 0, "deletions": 0, "total": 0});
        body["status"] = Value::Null;
        body["project_id"] = json!(super::ID);
        Reply::json(200, &body)
    }

    /// All commits at once, oldest first.
    pub(super) fn compare(&self, request: &Request) -> Reply {
        let [from, to] = match required(request, ["from", "to"]) {
            Ok(given) => given,
            Err(refused) => return refused,
        };
        let repo = &self.host.repo;
        let (Some(base), Some(head)) = (repo.resolve(from), repo.resolve(to)) else {
            return Reply::fixture("gitlab/compare_404");
        };
        let mut shas = repo.rev_list(&[&head.sha, &format!("^{}", base.sha)]);
        shas.reverse();
        let commits = repo.read_commits(&shas);
        let commits: Vec<Value> = commits.iter().map(|it| self.commit_json(it)).collect();
        let dots = if request.query("straight") == Some("true") {
            ".."
        } else {
            "..."
        };
        let body = json!({
            "commit": commits.last(),
            "commits": commits,
            "diffs": [],
            "compare_timeout": false,
            "compare_same_ref": from == to,
            "web_url": format!("{}/-/compare/{}{dots}{}", self.web, base.sha, head.sha),
        });
        Reply::json(200, &body)
    }

    pub(super) fn merge_base(&self, request: &Request) -> Reply {
        let names = request.queries("refs[]");
        if names.len() < 2 {
            return Reply::json(400, &json!({"error": "Provide at least 2 refs"}));
        }
        let mut shas = Vec::new();
        for name in names {
            let Some(commit) = self.host.repo.resolve(name) else {
                return error(400, &format!("Could not find ref: {name}"));
            };
            shas.push(commit.sha);
        }
        let shas: Vec<&str> = shas.iter().map(String::as_str).collect();
        match self.host.repo.merge_base(&shas) {
            Some(commit) => Reply::json(200, &self.commit_json(&commit)),
            None => error(404, "404 Merge Base Not Found"),
        }
    }
}
