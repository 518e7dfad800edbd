//! Webhooks. A change without a secret keeps the one that there is; null removes it.

use serde_json::{Value, json};

use super::{Repository, UUID, error, lacks, template};
use crate::{
    code_host::Reply,
    git_host::{
        hooks::{HeldHook, Push},
        request::Request,
    },
};

impl Repository<'_> {
    /// What lies below `hooks`.
    pub(super) fn hook_routes(&self, request: &Request) -> Reply {
        if self.facts.read_only {
            return lacks(if request.is_write() {
                "write:webhook:bitbucket"
            } else {
                "read:webhook:bitbucket"
            });
        }
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let id = segments.get(1).copied().unwrap_or_default();
        let hook = self.host.state().hooks.find(id).cloned();
        match (request.method.as_str(), &segments[1..], hook) {
            ("GET", [], _) => {
                let hooks = self.host.state().hooks.held.clone();
                self.page(request, &hooks, |hooks| {
                    hooks.iter().map(|hook| self.hook_json(hook)).collect()
                })
            }
            ("POST", [], _) => {
                let hook = self.host.state().hooks.blank(self.host.dialect);
                self.keep_hook(request, hook, 201)
            }
            ("GET", [_], Some(hook)) => Reply::json(200, &self.hook_json(&hook)),
            ("PUT", [_], Some(hook)) => self.keep_hook(request, hook, 200),
            ("DELETE", [_], Some(_)) => {
                self.host.state().hooks.held.retain(|it| it.id != id);
                Reply::empty(204)
            }
            _ => error(404, "Resource not found"),
        }
    }

    /// Keeps a webhook, new or changed, if what is said of it will do.
    fn keep_hook(&self, request: &Request, mut hook: HeldHook, status: u16) -> Reply {
        let mut state = self.host.state();
        let url = request.text("url");
        if !state.hooks.takes_url(url) {
            let text = "The URL must resolve to a public address.";
            return bad_field("url", text);
        }
        let events = request.body["events"].as_array();
        let events: Vec<_> = events
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if events.is_empty() {
            return bad_field("events", "required key not provided");
        }
        match &request.body["secret"] {
            Value::String(secret) if secret.len() > 128 => {
                return bad_field("secret", "must be at most 128 characters");
            }
            Value::String(secret) => hook.secret = Some(secret.clone()),
            Value::Null if request.body.get("secret").is_some() => hook.secret = None,
            _ => {}
        }
        url.clone_into(&mut hook.url);
        hook.events = events.into_iter().map(str::to_owned).collect();
        hook.active = request.body["active"].as_bool().unwrap_or(true);
        request.text("description").clone_into(&mut hook.name);
        match state.hooks.find_mut(&hook.id) {
            Some(known) => known.clone_from(&hook),
            None => state.hooks.held.push(hook.clone()),
        }
        Reply::json(status, &self.hook_json(&hook))
    }

    fn hook_json(&self, hook: &HeldHook) -> Value {
        let mut body = template("bitbucket/hook_201");
        let members = json!({
            "uuid": hook.id,
            "url": hook.url,
            "description": hook.name,
            "active": hook.active,
            "events": hook.events,
            "secret_set": hook.secret.is_some(),
            "links": {"self": {"href": format!("{}/hooks/{}", self.url, hook.id)}},
        });
        if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
            body.extend(members.clone());
        }
        body
    }

    /// What a push tells.
    pub(super) fn push_event(&self, push: &Push) -> (&'static str, Value) {
        let (kind, name) = match push.full_ref.strip_prefix("refs/tags/") {
            Some(name) => ("tag", name),
            None => ("branch", push.full_ref.trim_start_matches("refs/heads/")),
        };
        let state = |sha: &Option<String>| match sha {
            Some(sha) => {
                let commit = self.host.repo.resolve(sha);
                let target = commit.map(|commit| self.commit_json(&commit));
                json!({"type": kind, "name": name, "target": target})
            }
            None => Value::Null,
        };
        let body = json!({
            "actor": {"type": "user", "display_name": "Dev Eloper", "nickname": "dev"},
            "repository": {
                "type": "repository",
                "uuid": UUID,
                "full_name": self.facts.path,
                "name": "app",
                "links": {"self": {"href": self.url}, "html": {"href": self.web}},
            },
            "push": {"changes": [{
                "old": state(&push.before),
                "new": state(&push.after),
                "created": push.before.is_none(),
                "closed": push.after.is_none(),
                "forced": false,
                "truncated": false,
                "commits": [],
            }]},
        });
        ("repo:push", body)
    }
}

fn bad_field(name: &str, text: &str) -> Reply {
    let fields = json!({name: [text]});
    Reply::json(
        400,
        &json!({"type": "error", "error": {"message": "Bad request", "fields": fields}}),
    )
}
