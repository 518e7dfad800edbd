//! Commits, from some revisions and not from others.

use serde_json::{Value, json};

use super::{Repository, error, paging};
use crate::{code_host::Reply, git_host::request::Request};

impl Repository<'_> {
    /// Newest first, without a size. A full page has a next one, which may be empty.
    pub(super) fn commits(&self, request: &Request, from: Option<&str>) -> Reply {
        let (page, size) = match paging(request, 30) {
            Ok(given) => given,
            Err(refused) => return refused,
        };
        let repo = &self.host.repo;
        let mut revisions = Vec::new();
        let includes = request.queries("include").into_iter().chain(from);
        let includes = includes.map(|name| ("", name));
        let excludes = request.queries("exclude").into_iter();
        for (sign, name) in includes.chain(excludes.map(|name| ("^", name))) {
            let Some(commit) = repo.resolve(name) else {
                return missing(name);
            };
            revisions.push(format!("{sign}{}", commit.sha));
        }
        if !revisions.iter().any(|it| !it.starts_with('^')) {
            revisions.extend(["--branches".to_owned(), "--tags".to_owned()]);
        }
        let skip = format!("--skip={}", (page - 1) * size);
        let take = format!("--max-count={size}");
        let mut arguments = vec![skip.as_str(), &take];
        arguments.extend(revisions.iter().map(String::as_str));
        let commits = repo.read_commits(&repo.rev_list(&arguments));
        let values: Vec<Value> = commits.iter().map(|it| self.commit_json(it)).collect();
        let mut body = json!({"pagelen": size});
        if values.len() == size {
            body["next"] = json!(self.page_url(request, page + 1));
        }
        body["values"] = Value::Array(values);
        Reply::json(200, &body)
    }

    pub(super) fn commit(&self, name: &str) -> Reply {
        match self.host.repo.resolve(name) {
            Some(commit) => Reply::json(200, &self.commit_json(&commit)),
            None => missing(name),
        }
    }

    /// Of `a..b`.
    pub(super) fn merge_base(&self, range: &str) -> Reply {
        let Some((one, other)) = range.split_once("..") else {
            return error(400, "Invalid revspec");
        };
        let repo = &self.host.repo;
        let mut commits = Vec::new();
        for name in [one, other] {
            match repo.resolve(name) {
                Some(commit) => commits.push(commit.sha),
                None => return missing(name),
            }
        }
        match repo.merge_base(&[&commits[0], &commits[1]]) {
            Some(commit) => Reply::json(200, &self.commit_json(&commit)),
            None => error(404, "No merge base"),
        }
    }
}

fn missing(name: &str) -> Reply {
    error(404, "Commit not found").with(&json!({
        "error": {"message": "Commit not found", "data": {"shas": [name]}},
    }))
}
