//! Commits and comparisons, newest first, without a total.

use super::{Repository, error, page_of, paging, refs::missing, wire::commit_json};
use crate::{code_host::Reply, git_host::request::Request};

impl Repository<'_> {
    /// What is in `from` and not in `to`.
    pub(super) fn compare(&self, request: &Request) -> Reply {
        let to = request.query("to").unwrap_or("refs/heads/main");
        let from = request.query("from").unwrap_or("refs/heads/main");
        self.range(request, from, Some(to))
    }

    /// What is in `until` and not in `since`.
    pub(super) fn commits(&self, request: &Request) -> Reply {
        if self.host.repo.is_empty() {
            let text = "The repository is empty and has no default branch.";
            return error(404, "repository.NoDefaultBranchException", text);
        }
        let until = request.query("until").unwrap_or("refs/heads/main");
        self.range(request, until, request.query("since"))
    }

    fn range(&self, request: &Request, head: &str, base: Option<&str>) -> Reply {
        let repo = &self.host.repo;
        let Some(found) = repo.resolve(head) else {
            return missing(head);
        };
        let mut revisions = vec![found.sha];
        if let Some(base) = base {
            let Some(found) = repo.resolve(base) else {
                return missing(base);
            };
            revisions.push(format!("^{}", found.sha));
        }
        let (start, limit) = paging(request);
        let skip = format!("--skip={start}");
        // One more than asked for tells whether this is the last page.
        let take = format!("--max-count={}", limit + 1);
        let mut arguments = vec![skip.as_str(), &take];
        arguments.extend(revisions.iter().map(String::as_str));
        let mut shas = repo.rev_list(&arguments);
        let is_last = shas.len() <= limit;
        shas.truncate(limit);
        let commits = repo.read_commits(&shas);
        let values: Vec<_> = commits.iter().map(commit_json).collect();
        page_of(start, limit, &values, is_last)
    }

    pub(super) fn commit(&self, name: &str) -> Reply {
        match self.host.repo.resolve(name) {
            Some(commit) => Reply::json(200, &commit_json(&commit)),
            None => missing(name),
        }
    }
}
