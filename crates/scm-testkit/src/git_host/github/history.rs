//! Commits and comparisons.

use serde_json::{Value, json};

use super::{
    Repository, error, not_found, paging,
    wire::{encoded, person, unsigned},
};
use crate::{
    code_host::Reply,
    git_host::{
        objects::is_sha,
        request::{Request, slice},
    },
};

/// How many commits a comparison has on its one page if no page is asked for.
const UNPAGED: usize = 250;

impl Repository<'_> {
    /// A commit as git has it, by its SHA alone.
    pub(super) fn git_commit(&self, sha: &str) -> Reply {
        let found = self.host.repo.read_commits(&[sha.to_owned()]).pop();
        let Some(commit) = found.filter(|_| is_sha(sha)) else {
            return not_found();
        };
        let parents = commit.parents.iter().map(|sha| {
            json!({
                "sha": sha,
                "url": format!("{}/git/commits/{sha}", self.url),
                "html_url": format!("{}/commit/{sha}", self.web),
            })
        });
        let body = json!({
            "sha": sha,
            "node_id": "MDY6Q29tbWl0",
            "url": format!("{}/git/commits/{sha}", self.url),
            "html_url": format!("{}/commit/{sha}", self.web),
            "author": person(&commit.author),
            "committer": person(&commit.committer),
            "tree": {"sha": commit.tree, "url": format!("{}/git/trees/{}", self.url, commit.tree)},
            "message": commit.message.trim_end_matches('\n'),
            "parents": parents.collect::<Vec<_>>(),
            "verification": unsigned(),
        });
        Reply::json(200, &body)
    }

    /// A commit by its SHA, a branch or a tag, with what it changed.
    pub(super) fn commit(&self, name: &str) -> Reply {
        if self.host.repo.is_empty() {
            return error(409, "Git Repository is empty.");
        }
        let Some(commit) = self.host.repo.resolve(name) else {
            return error(422, &format!("No commit found for SHA: {name}"));
        };
        let mut body = self.commit_json(&commit);
        body["stats"] = json!({"total": 0, "additions": 0, "deletions": 0});
        body["files"] = json!([]);
        Reply::json(200, &body)
    }

    /// The history of a revision, newest first.
    pub(super) fn commits(&self, request: &Request) -> Reply {
        let repo = &self.host.repo;
        if repo.is_empty() {
            return error(409, "Git Repository is empty.");
        }
        let Some(head) = repo.resolve(request.query("sha").unwrap_or("main")) else {
            return not_found();
        };
        let all = repo.rev_list(&[&head.sha]);
        self.page(request, &all, |shas| {
            let commits = repo.read_commits(shas);
            commits.iter().map(|it| self.commit_json(it)).collect()
        })
    }

    /// `base...head`: from their common ancestor, oldest first.
    pub(super) fn compare(&self, request: &Request, range: &str) -> Reply {
        let repo = &self.host.repo;
        let Some((base_name, head_name)) = range.split_once("...") else {
            return not_found();
        };
        let (Some(base), Some(head)) = (repo.resolve(base_name), repo.resolve(head_name)) else {
            return not_found();
        };
        let Some(common) = repo.merge_base(&[&base.sha, &head.sha]) else {
            let text = format!("No common ancestor between {base_name} and {head_name}.");
            return error(404, &text);
        };
        let (behind, ahead) = repo.ahead_behind(&base.sha, &head.sha);
        let status = match (ahead, behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            _ => "diverged",
        };
        let paged = request.query("page").is_some() || request.query("per_page").is_some();
        let (page, size) = paging(request, 100);
        let size = if paged { size } else { UNPAGED };
        // The pages count from the oldest.
        let mut shas = repo.rev_list(&[&head.sha, &format!("^{}", base.sha)]);
        shas.reverse();
        let commits = repo.read_commits(slice(&shas, (page - 1) * size, size));
        let commits: Vec<Value> = commits.iter().map(|it| self.commit_json(it)).collect();
        let range = encoded(range);
        let owner = self.facts.path.split('/').next().unwrap_or_default();
        let permalink = format!("{owner}:{}...{owner}:{}", base.sha, head.sha);
        let mut body = json!({
            "url": format!("{}/compare/{range}", self.url),
            "html_url": format!("{}/compare/{range}", self.web),
            "permalink_url": format!("{}/compare/{permalink}", self.web),
            "diff_url": format!("{}/compare/{range}.diff", self.web),
            "patch_url": format!("{}/compare/{range}.patch", self.web),
            "base_commit": self.commit_json(&base),
            "merge_base_commit": self.commit_json(&common),
            "status": status,
            "ahead_by": ahead,
            "behind_by": behind,
            "total_commits": ahead,
            "commits": commits,
        });
        if page == 1 {
            body["files"] = json!([]);
        }
        let reply = Reply::json(200, &body);
        if !paged {
            return reply;
        }
        self.link(reply, request, page, shas.len().div_ceil(size))
    }
}
