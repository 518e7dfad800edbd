//! Webhooks. A change is the whole webhook, and its secret is shown to whoever may see it.

use serde_json::{Value, json};

use super::{Repository, error, not_permitted, page, unknown};
use crate::{
    code_host::{Reply, fixture},
    git_host::{
        hooks::{HeldHook, Outgoing, Push},
        objects,
        request::Request,
    },
};

impl Repository<'_> {
    /// What lies below `webhooks`.
    pub(super) fn hook_routes(&self, request: &Request) -> Reply {
        if self.facts.read_only {
            return not_permitted();
        }
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let id = segments.get(1).copied().unwrap_or_default();
        let hook = self.host.state().hooks.find(id).cloned();
        match (request.method.as_str(), &segments[1..], hook) {
            ("GET", [], _) => {
                let hooks = self.host.state().hooks.held.clone();
                page(request, &hooks, |hooks| {
                    hooks.iter().map(hook_json).collect()
                })
            }
            ("POST", [], _) => {
                let hook = self.host.state().hooks.blank(self.host.dialect);
                self.keep_hook(request, hook)
            }
            ("POST", ["test"], _) => self.test_hook(request),
            ("GET", [_], Some(hook)) => Reply::json(200, &hook_json(&hook)),
            ("PUT", [_], Some(hook)) => self.keep_hook(request, hook),
            ("DELETE", [_], Some(_)) => {
                self.host.state().hooks.held.retain(|it| it.id != id);
                Reply::empty(204)
            }
            ("GET", [_, "latest"], Some(hook)) => self.latest(&hook),
            (_, [_, ..], None) => {
                let text = format!("Webhook {id} does not exist.");
                error(404, "webhook.NoSuchWebhookException", &text)
            }
            _ => unknown(),
        }
    }

    /// Keeps a webhook, new or changed: what is not said of it is not so.
    fn keep_hook(&self, request: &Request, hook: HeldHook) -> Reply {
        let mut state = self.host.state();
        let url = request.text("url");
        if !state.hooks.takes_url(url) {
            return bad_member("url", "The URL is not valid, or is not allowed.");
        }
        let events = request.body["events"].as_array();
        let events: Vec<_> = events
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if events.is_empty() {
            return bad_member("events", "At least one event is needed.");
        }
        if request.text("name").is_empty() {
            return bad_member("name", "A name is needed.");
        }
        let secret = request.body["configuration"]["secret"].as_str();
        let verifies = &request.body["sslVerificationRequired"];
        let hook = HeldHook {
            url: url.to_owned(),
            name: request.text("name").to_owned(),
            events: events.into_iter().map(str::to_owned).collect(),
            active: request.body["active"].as_bool().unwrap_or(true),
            secret: secret.map(str::to_owned),
            verifies_tls: verifies.as_bool().unwrap_or(true),
            ..hook
        };
        match state.hooks.find_mut(&hook.id) {
            Some(known) => known.clone_from(&hook),
            None => state.hooks.held.push(hook.clone()),
        }
        Reply::json(200, &hook_json(&hook))
    }

    /// A ping, before the answer comes.
    fn test_hook(&self, request: &Request) -> Reply {
        let id = request.query("webhookId").unwrap_or_default().to_owned();
        let url = request.query("url").unwrap_or_default();
        let is_there = self
            .host
            .state()
            .hooks
            .find(&id)
            .is_some_and(|hook| hook.url == url);
        if !is_there {
            return bad_member("url", "The URL is not that of the webhook.");
        }
        let status = self.host.deliver_now(&Outgoing {
            hook: id,
            event: "diagnostics:ping".to_owned(),
            body: json!({"test": true}).to_string(),
            key: None,
        });
        Reply::json(
            200,
            &json!({
                "request": {"method": "POST", "url": url},
                "response": {"statusCode": status},
            }),
        )
    }

    fn latest(&self, hook: &HeldHook) -> Reply {
        let attempts = self.host.state().hooks.attempts_of(&hook.id);
        let (Some(status), Some(last)) = (hook.last_status, attempts.first()) else {
            return Reply::empty(204);
        };
        let (outcome, description) = match status {
            0 => ("ERROR", "Connection refused".to_owned()),
            200..300 => ("SUCCESS", status.to_string()),
            _ => ("FAILURE", status.to_string()),
        };
        Reply::json(
            200,
            &json!({
                "id": last.id,
                "event": last.event,
                "eventScope": {"id": "84", "type": "repository"},
                "duration": 270,
                "start": last.at * 1000,
                "finish": last.at * 1000 + 270,
                "request": {"method": "POST", "url": hook.url},
                "result": {"description": description, "outcome": outcome},
            }),
        )
    }

    /// What a push tells.
    pub(super) fn push_event(&self, push: &Push) -> (&'static str, Value) {
        let zeros = "0".repeat(40);
        let [from, to] = [&push.before, &push.after].map(|it| it.as_ref().unwrap_or(&zeros));
        let (kind, name) = match push.full_ref.strip_prefix("refs/tags/") {
            Some(name) => ("TAG", name),
            None => ("BRANCH", push.full_ref.trim_start_matches("refs/heads/")),
        };
        let change = match (&push.before, &push.after) {
            (None, _) => "ADD",
            (_, None) => "DELETE",
            _ => "UPDATE",
        };
        let body = json!({
            "eventKey": "repo:refs_changed",
            "date": objects::date(1_793_380_800),
            "actor": {"name": super::USER, "displayName": "Dev Eloper", "id": 101},
            "repository": self.json(),
            "changes": [{
                "ref": {"id": push.full_ref, "displayId": name, "type": kind},
                "refId": push.full_ref,
                "fromHash": from,
                "toHash": to,
                "type": change,
            }],
            "commits": [],
        });
        ("repo:refs_changed", body)
    }
}

fn hook_json(hook: &HeldHook) -> Value {
    let mut body = fixture("bitbucket/datacenter_webhook_200")["response"]["body"].take();
    let configuration = match &hook.secret {
        Some(secret) => json!({"secret": secret}),
        None => json!({}),
    };
    let members = json!({
        "id": hook.id.parse::<u64>().ok(),
        "name": hook.name,
        "url": hook.url,
        "active": hook.active,
        "events": hook.events,
        "configuration": configuration,
        "sslVerificationRequired": hook.verifies_tls,
    });
    if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
        body.extend(members.clone());
    }
    body
}

fn bad_member(name: &str, text: &str) -> Reply {
    Reply::json(
        400,
        &json!({"errors": [{
            "context": name,
            "message": text,
            "exceptionName": "com.atlassian.bitbucket.validation.ArgumentValidationException",
        }]}),
    )
}
