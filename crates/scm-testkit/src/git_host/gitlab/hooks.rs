//! Webhooks. Another URL drops the secrets that are not given again with it.

use serde_json::{Value, json};

use super::{ID, Project, error, paging, template};
use crate::{
    code_host::Reply,
    git_host::{
        hooks::{Attempt, HeldHook, Outgoing, Pause, Push},
        objects,
        request::{Request, slice},
    },
};

/// The flags that there are; those that are on unless told otherwise come first.
const FLAGS: [&str; 13] = [
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "releases_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
];

impl Project<'_> {
    /// What lies below `hooks`.
    pub(super) fn hook_routes(&self, request: &Request) -> Reply {
        if self.facts.read_only {
            return Reply::fixture("gitlab/hooks_403_role");
        }
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let id = segments.get(1).copied().unwrap_or_default();
        let hook = self.host.state().hooks.find(id).cloned();
        let hook = match (hook, segments.len()) {
            (Some(hook), _) => hook,
            (None, 1) => return self.all_hooks(request),
            (None, _) => return error(404, "404 Not found"),
        };
        match (request.method.as_str(), &segments[2..]) {
            ("GET", []) => Reply::json(200, &self.hook_json(&hook)),
            ("PUT", []) => self.keep_hook(request, hook, 200),
            ("DELETE", []) => {
                self.host.state().hooks.held.retain(|it| it.id != id);
                Reply::empty(204)
            }
            ("POST", ["test", trigger]) => self.test_hook(&hook, trigger),
            ("GET", ["events"]) => self.hook_events(request, id),
            ("POST", ["events", event, "resend"]) => self.resend(id, event),
            _ => error(404, "404 Not Found"),
        }
    }

    fn all_hooks(&self, request: &Request) -> Reply {
        match request.method.as_str() {
            "GET" => {
                let hooks = self.host.state().hooks.held.clone();
                let (page, size) = (request.number("page", 1), paging::size(request));
                let shown = slice(&hooks, (page - 1) * size, size);
                let body = shown.iter().map(|hook| self.hook_json(hook)).collect();
                let reply = Reply::json(200, &Value::Array(body));
                self.numbered(reply, request, page, hooks.len() > page * size, None)
            }
            "POST" => {
                let mut hook = self.host.state().hooks.blank(self.host.dialect);
                hook.events = vec![FLAGS[0].to_owned()];
                self.keep_hook(request, hook, 201)
            }
            _ => error(404, "404 Not Found"),
        }
    }

    /// Keeps a webhook, new or changed, if its URL and its secret will do.
    fn keep_hook(&self, request: &Request, mut hook: HeldHook, status: u16) -> Reply {
        let Some(url) = request.parameter("url") else {
            return Reply::json(400, &json!({"error": "url is missing"}));
        };
        let mut state = self.host.state();
        if !state.hooks.takes_url(url) {
            return Reply::fixture("gitlab/hook_422_invalid_url");
        }
        if hook.url != url {
            (hook.secret, hook.token) = (None, None);
            url.clone_into(&mut hook.url);
        }
        if let Some(token) = request.parameter("token") {
            hook.token = Some(token.replace(['\r', '\n'], ""));
        }
        // Older instances do not know the parameter, and pass over it.
        if let Some(secret) = request
            .parameter("signing_token")
            .filter(|_| state.hooks.signs)
        {
            if !secret.starts_with("whsec_") || secret.len() != 50 {
                return error(422, "Signing token is invalid");
            }
            hook.secret = Some(secret.to_owned());
        }
        for flag in FLAGS {
            match request.body[flag].as_bool() {
                Some(true) if !hook.events.iter().any(|it| it == flag) => {
                    hook.events.push(flag.to_owned());
                }
                Some(false) => hook.events.retain(|it| it != flag),
                _ => {}
            }
        }
        if let Some(name) = request.parameter("name") {
            name.clone_into(&mut hook.name);
        }
        if let Some(yes) = request.body["enable_ssl_verification"].as_bool() {
            hook.verifies_tls = yes;
        }
        match state.hooks.find_mut(&hook.id) {
            Some(known) => known.clone_from(&hook),
            None => state.hooks.held.push(hook.clone()),
        }
        drop(state);
        Reply::json(status, &self.hook_json(&hook))
    }

    /// Delivers before it answers, and says whether that worked.
    fn test_hook(&self, hook: &HeldHook, trigger: &str) -> Reply {
        if self.host.repo.is_empty() {
            return error(422, "Ensure the project has at least one commit.");
        }
        let after = self.host.repo.ref_sha("refs/heads/main");
        let push = Push {
            full_ref: "refs/heads/main".to_owned(),
            before: after.clone(),
            after,
        };
        let (_, body) = self.push_event(&push);
        let status = self.host.deliver_now(&Outgoing {
            hook: hook.id.clone(),
            event: trigger.to_owned(),
            body: body.to_string(),
            key: None,
        });
        if (200..300).contains(&status) {
            return Reply::json(201, &json!({"message": "201 Created"}));
        }
        error(422, "Hook execution failed")
    }

    /// Newest first, with their bodies.
    fn hook_events(&self, request: &Request, id: &str) -> Reply {
        let all = self.host.state().hooks.attempts_of(id);
        let (page, size) = (request.number("page", 1), paging::size(request));
        let shown = slice(&all, (page - 1) * size, size);
        let reply = Reply::json(200, &shown.iter().map(event_json).collect());
        self.numbered(reply, request, page, all.len() > page * size, None)
    }

    fn resend(&self, id: &str, event: &str) -> Reply {
        let attempts = self.host.state().hooks.attempts_of(id);
        let Some(found) = attempts.iter().find(|it| it.id.to_string() == event) else {
            return error(404, "404 Not Found");
        };
        let status = self.host.deliver_now(&Outgoing::again(found));
        Reply::json(201, &json!({"response_status": status}))
    }

    fn hook_json(&self, hook: &HeldHook) -> Value {
        let mut body = template("gitlab/hook_201");
        for flag in FLAGS {
            body[flag] = json!(hook.events.iter().any(|it| it == flag));
        }
        body["id"] = json!(hook.id.parse::<u64>().ok());
        body["url"] = json!(hook.url);
        body["name"] = json!(hook.name);
        body["project_id"] = json!(ID);
        body["branch_filter_strategy"] = json!("all_branches");
        body["enable_ssl_verification"] = json!(hook.verifies_tls);
        body["alert_status"] = json!(match hook.pause {
            Pause::None => "executable",
            Pause::Paused => "temporarily_disabled",
            Pause::Disabled => "disabled",
        });
        body["token_present"] = json!(hook.token.is_some());
        body["signing_token_present"] = json!(hook.secret.is_some());
        if let Some(body) = body
            .as_object_mut()
            .filter(|_| !self.host.state().hooks.signs)
        {
            body.remove("signing_token_present");
        }
        body
    }

    /// What a push tells: branches and tags by events of their own.
    pub(super) fn push_event(&self, push: &Push) -> (&'static str, Value) {
        let zeros = "0".repeat(40);
        let [before, after] = [&push.before, &push.after].map(|it| it.as_ref().unwrap_or(&zeros));
        let is_tag = push.full_ref.starts_with("refs/tags/");
        let (event, kind) = if is_tag {
            ("tag_push_events", "tag_push")
        } else {
            ("push_events", "push")
        };
        let commit = push
            .after
            .as_deref()
            .and_then(|sha| self.host.repo.resolve(sha));
        let commits: Vec<_> = commit
            .iter()
            .map(|commit| {
                json!({
                    "id": commit.sha,
                    "message": commit.message,
                    "title": commit.title(),
                    "timestamp": commit.committer.date(),
                    "url": format!("{}/-/commit/{}", self.web, commit.sha),
                    "author": {"name": commit.author.name, "email": commit.author.email},
                })
            })
            .collect();
        let body = json!({
            "object_kind": kind,
            "event_name": kind,
            "before": before,
            "after": after,
            "ref": push.full_ref,
            "checkout_sha": commit.as_ref().map(|commit| &commit.sha),
            "message": null,
            "user_id": 2,
            "user_name": "Dev Eloper",
            "user_username": "dev",
            "project_id": ID,
            "project": {
                "id": ID,
                "name": "app",
                "web_url": self.web,
                "path_with_namespace": self.facts.path,
                "default_branch": "main",
                "visibility_level": 0,
            },
            "commits": commits,
            "total_commits_count": commits.len(),
            "repository": {"name": "app", "homepage": self.web},
        });
        (event, body)
    }
}

fn event_json(attempt: &Attempt) -> Value {
    let status = match attempt.status {
        0 => "internal error".to_owned(),
        status => status.to_string(),
    };
    json!({
        "id": attempt.id,
        "url": "https://example.net/",
        "trigger": attempt.event.replace("_events", "_hooks"),
        "request_headers": {
            "Content-Type": "application/json",
            "Idempotency-Key": attempt.key,
            "X-Gitlab-Token": "[REDACTED]",
            "webhook-id": attempt.key,
            "webhook-timestamp": attempt.at.to_string(),
        },
        "request_data": serde_json::from_str::<Value>(&attempt.body).unwrap_or_default(),
        "response_headers": {},
        "response_body": "",
        "execution_duration": 0.27,
        "response_status": status,
        "created_at": objects::date(attempt.at),
    })
}
