//! Webhooks. A change of the whole webhook replaces its configuration, and a secret that is not
//! repeated is lost.

use serde_json::{Value, json};

use super::{Repository, error, not_found, template};
use crate::{
    code_host::Reply,
    git_host::{
        hooks::{Attempt, HeldHook, Outgoing, Push},
        objects,
        request::{Request, slice},
    },
};

const UNREACHABLE: &str =
    "url is not supported because it isn't reachable over the public Internet";

impl Repository<'_> {
    /// What lies below `hooks`.
    pub(super) fn hook_routes(&self, request: &Request) -> Reply {
        if self.facts.read_only {
            let right = if request.is_write() { "write" } else { "read" };
            return Reply::fixture("github/hooks_403_fine_grained_missing_permission").header(
                "x-accepted-github-permissions",
                &format!("repository_hooks={right}"),
            );
        }
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let id = segments.get(1).copied().unwrap_or_default();
        let hook = self.host.state().hooks.find(id).cloned();
        let hook = match (hook, segments.len()) {
            (Some(hook), _) => hook,
            (None, 1) => return self.all_hooks(request),
            (None, _) => return not_found(),
        };
        match (request.method.as_str(), &segments[2..]) {
            ("GET", []) => Reply::json(200, &self.hook_json(&hook)),
            ("PATCH", []) => self.change_hook(request, hook),
            ("DELETE", []) => {
                self.host.state().hooks.held.retain(|it| it.id != id);
                Reply::empty(204)
            }
            ("GET", ["config"]) => Reply::json(200, &config_json(&hook)),
            ("PATCH", ["config"]) => {
                let mut changed = hook;
                configure(&mut changed, &request.body);
                match self.keep_hook(changed) {
                    Ok(hook) => Reply::json(200, &config_json(&hook)),
                    Err(refused) => refused,
                }
            }
            ("POST", ["pings"]) => {
                self.ping(&hook);
                Reply::empty(204)
            }
            ("GET", ["deliveries"]) => self.deliveries(request, id),
            ("POST", ["deliveries", attempt, "attempts"]) => self.attempt_again(id, attempt),
            _ => not_found(),
        }
    }

    fn all_hooks(&self, request: &Request) -> Reply {
        match request.method.as_str() {
            "GET" => {
                let hooks = self.host.state().hooks.held.clone();
                self.page(request, &hooks, |hooks| {
                    hooks.iter().map(|hook| self.hook_json(hook)).collect()
                })
            }
            "POST" => self.create_hook(request),
            _ => not_found(),
        }
    }

    fn create_hook(&self, request: &Request) -> Reply {
        let mut hook = self.host.state().hooks.blank(self.host.dialect);
        hook.json = false;
        hook.events = vec!["push".to_owned()];
        "web".clone_into(&mut hook.name);
        apply(&mut hook, request);
        match self.keep_hook(hook) {
            Ok(hook) => {
                self.ping(&hook);
                let location = format!("{}/hooks/{}", self.url, hook.id);
                Reply::json(201, &self.hook_json(&hook)).header("location", &location)
            }
            Err(refused) => refused,
        }
    }

    fn change_hook(&self, request: &Request, mut hook: HeldHook) -> Reply {
        // What the configuration held before is gone, the secret first of all; the URL must be
        // given again only if there is a configuration.
        hook.secret = None;
        if request.body["config"].is_object() {
            hook.json = false;
            hook.verifies_tls = true;
            hook.url.clear();
        }
        apply(&mut hook, request);
        match self.keep_hook(hook) {
            Ok(hook) => Reply::json(200, &self.hook_json(&hook)),
            Err(refused) => refused,
        }
    }

    /// Keeps a webhook, new or changed, unless its URL will not do or another one has it.
    fn keep_hook(&self, hook: HeldHook) -> Result<HeldHook, Reply> {
        let mut state = self.host.state();
        if !state.hooks.takes_url(&hook.url) {
            let invalid = json!({"resource": "Hook", "code": "custom", "message": UNREACHABLE});
            return Err(error(422, "Validation Failed").with(&json!({"errors": [invalid]})));
        }
        let shares = |it: &HeldHook| it.events.iter().any(|event| hook.events.contains(event));
        let mut others = state.hooks.held.iter().filter(|it| it.id != hook.id);
        if others.any(|it| it.url == hook.url && shares(it)) {
            return Err(Reply::fixture("github/hook_422_exists"));
        }
        match state.hooks.find_mut(&hook.id) {
            Some(known) => known.clone_from(&hook),
            None => state.hooks.held.push(hook.clone()),
        }
        Ok(hook)
    }

    fn ping(&self, hook: &HeldHook) {
        let body = json!({
            "zen": "Anything added dilutes everything else.",
            "hook_id": hook.id.parse::<u64>().ok(),
            "hook": self.hook_json(hook),
            "repository": self.description(),
        });
        self.host.state().hooks.post(Outgoing {
            hook: hook.id.clone(),
            event: "ping".to_owned(),
            body: body.to_string(),
            key: None,
        });
    }

    /// Newest first, with a cursor.
    fn deliveries(&self, request: &Request, id: &str) -> Reply {
        let all = self.host.state().hooks.attempts_of(id);
        let size = request.number("per_page", 30).min(100);
        let start = request
            .query("cursor")
            .and_then(|cursor| cursor.strip_prefix("v1_")?.parse::<u64>().ok())
            .map_or(0, |last| all.iter().take_while(|it| it.id >= last).count());
        let shown = slice(&all, start, size);
        let reply = Reply::json(200, &shown.iter().map(attempt_json).collect());
        match shown.last() {
            Some(last) if start + size < all.len() => {
                let query = request.with_query(&[("cursor", &format!("v1_{}", last.id))]);
                let path = request.raw.join("/");
                reply.header(
                    "link",
                    &format!("<{}/{path}?{query}>; rel=\"next\"", self.by_id),
                )
            }
            _ => reply,
        }
    }

    fn attempt_again(&self, id: &str, attempt: &str) -> Reply {
        let mut state = self.host.state();
        let attempts = state.hooks.attempts_of(id);
        let Some(found) = attempts.iter().find(|it| it.id.to_string() == attempt) else {
            return not_found();
        };
        state.hooks.post(Outgoing::again(found));
        Reply::json(202, &json!({}))
    }

    fn hook_json(&self, hook: &HeldHook) -> Value {
        let url = format!("{}/hooks/{}", self.url, hook.id);
        let (code, status) = match hook.last_status {
            None => (Value::Null, "unused"),
            Some(0) => (json!(0), "failed to connect to host"),
            Some(code) if code < 300 => (json!(code), "active"),
            Some(code) => (json!(code), "invalid http response"),
        };
        let mut body = template("github/hook_201");
        let members = json!({
            "id": hook.id.parse::<u64>().ok(),
            "name": "web",
            "active": hook.active,
            "events": hook.events,
            "config": config_json(hook),
            "url": url,
            "test_url": format!("{url}/test"),
            "ping_url": format!("{url}/pings"),
            "deliveries_url": format!("{url}/deliveries"),
            "last_response": {"code": code, "status": status, "message": null},
        });
        if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
            body.extend(members.clone());
        }
        body
    }

    /// What a push tells. `create` and `delete` are told besides, to those who want them.
    pub(super) fn push_event(&self, push: &Push) -> (&'static str, Value) {
        let zeros = "0".repeat(40);
        let [before, after] = [&push.before, &push.after].map(|it| it.as_ref().unwrap_or(&zeros));
        let commit = push
            .after
            .as_deref()
            .and_then(|sha| self.host.repo.resolve(sha));
        let commit = commit.map(|commit| {
            json!({
                "id": commit.sha,
                "message": commit.message.trim_end(),
                "timestamp": commit.committer.date(),
                "author": {"name": commit.author.name, "email": commit.author.email},
            })
        });
        let body = json!({
            "ref": push.full_ref,
            "before": before,
            "after": after,
            "created": push.before.is_none(),
            "deleted": push.after.is_none(),
            "forced": false,
            "base_ref": null,
            "compare": format!("{}/compare/{before}...{after}", self.web),
            "commits": commit.iter().collect::<Vec<_>>(),
            "head_commit": commit,
            "repository": self.description(),
            "pusher": {"name": "dev", "email": "dev@example.com"},
            "sender": {"login": "dev", "id": 1, "type": "User"},
        });
        ("push", body)
    }
}

/// Takes over what a request says.
fn apply(hook: &mut HeldHook, request: &Request) {
    if let Some(active) = request.body["active"].as_bool() {
        hook.active = active;
    }
    if let Some(events) = request.body["events"].as_array() {
        let events = events.iter().filter_map(Value::as_str);
        hook.events = events.map(str::to_owned).collect();
    }
    configure(hook, &request.body["config"]);
}

fn configure(hook: &mut HeldHook, config: &Value) {
    if let Some(url) = config["url"].as_str() {
        url.clone_into(&mut hook.url);
    }
    if let Some(kind) = config["content_type"].as_str() {
        hook.json = kind == "json";
    }
    if let Some(secret) = config["secret"].as_str() {
        hook.secret = Some(secret.to_owned()).filter(|secret| !secret.is_empty());
    }
    if !config["insecure_ssl"].is_null() {
        hook.verifies_tls = config["insecure_ssl"] == "0" || config["insecure_ssl"] == 0;
    }
}

fn config_json(hook: &HeldHook) -> Value {
    let mut config = json!({
        "content_type": if hook.json { "json" } else { "form" },
        "insecure_ssl": if hook.verifies_tls { "0" } else { "1" },
        "url": hook.url,
    });
    if hook.secret.is_some() {
        config["secret"] = json!("********");
    }
    config
}

fn attempt_json(attempt: &Attempt) -> Value {
    json!({
        "id": attempt.id,
        "guid": attempt.key,
        "delivered_at": objects::date(attempt.at),
        "redelivery": attempt.redelivery,
        "duration": 0.27,
        "status": if (200..300).contains(&attempt.status) { "OK" } else { "Invalid HTTP Response" },
        "status_code": attempt.status,
        "event": attempt.event,
        "action": null,
        "installation_id": null,
        "repository_id": super::ID,
        "throttled_at": null,
    })
}
