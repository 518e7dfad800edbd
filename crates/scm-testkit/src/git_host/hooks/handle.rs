//! What a test sees of the webhooks of a host, and has the host do with them.

use serde_json::Value;

use super::{Attempt, HeldHook, Outgoing, Push, deliver};
use crate::git_host::{Dialect, GitHost};

impl GitHost {
    /// The webhooks that the host holds, oldest first.
    #[must_use]
    pub fn hooks(&self) -> Vec<HeldHook> {
        self.host.state().hooks.held.clone()
    }

    /// A webhook that somebody makes at the host, without a secret; gives its id. What it is told of
    /// is the host's own name of a push.
    #[must_use]
    pub fn add_hook(&self, url: &str) -> String {
        let dialect = self.dialect();
        let mut state = self.host.state();
        let event = match dialect {
            Dialect::Github => "push",
            Dialect::Gitlab => "push_events",
            Dialect::Bitbucket => "repo:push",
            Dialect::DataCenter => "repo:refs_changed",
        };
        let hook = HeldHook {
            url: url.to_owned(),
            name: "by hand".to_owned(),
            events: vec![event.to_owned()],
            ..state.hooks.blank(dialect)
        };
        let id = hook.id.clone();
        state.hooks.held.push(hook);
        id
    }

    /// Changes a webhook at the host; nothing happens if there is none of that id.
    pub fn edit_hook(&self, id: &str, edit: impl FnOnce(&mut HeldHook)) {
        if let Some(hook) = self.host.state().hooks.find_mut(id) {
            edit(hook);
        }
    }

    /// Removes a webhook at the host.
    pub fn drop_hook(&self, id: &str) {
        self.host.state().hooks.held.retain(|hook| hook.id != id);
    }

    /// Whether the host refuses webhooks to this machine, as the products do it.
    pub fn set_public_hooks_only(&self, yes: bool) {
        self.host.state().hooks.public_only = yes;
    }

    /// Whether a GitLab signs its deliveries, as it does since 19.0.
    pub fn set_hook_signing(&self, yes: bool) {
        self.host.state().hooks.signs = yes;
    }

    /// The host's time, in seconds since 1970.
    pub fn set_time(&self, seconds: i64) {
        self.host.state().hooks.now = seconds;
    }

    /// The deliveries that were tried, oldest first.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.host.state().hooks.attempts.clone()
    }

    /// Has an event delivered to each webhook that is told of it, and gives what came of it: for
    /// each webhook its last attempt.
    pub async fn deliver(&self, event: &str, body: &Value) -> Vec<Attempt> {
        let hooks = self.hooks().into_iter().filter(|hook| hook.takes(event));
        let outgoing = hooks.map(|hook| Outgoing {
            hook: hook.id,
            event: event.to_owned(),
            body: body.to_string(),
            key: None,
        });
        deliver::all(&self.host, outgoing.collect()).await
    }

    /// The same for what a push of `refs/heads/…` or `refs/tags/…` tells: the ref was at `before`,
    /// or is new, and is where the repository has it now, or is gone.
    pub async fn deliver_push(&self, full_ref: &str, before: Option<&str>) -> Vec<Attempt> {
        let push = Push {
            full_ref: full_ref.to_owned(),
            before: before.map(str::to_owned),
            after: self.repo().rev_parse(full_ref),
        };
        let (event, body) = self.host.push_event(&push);
        self.deliver(event, &body).await
    }

    /// Has a delivery sent once more, under its key, as a person does it on the host's pages.
    pub async fn redeliver(&self, key: &str) -> Vec<Attempt> {
        let attempts = self.attempts();
        let known = attempts.iter().rev().find(|it| it.key == key);
        let outgoing = known.map(Outgoing::again);
        deliver::all(&self.host, outgoing.into_iter().collect()).await
    }

    /// Waits for the deliveries that the host makes by itself, such as a ping.
    pub async fn settle(&self) {
        loop {
            let under_way = std::mem::take(&mut self.host.state().hooks.under_way);
            if under_way.is_empty() {
                return;
            }
            for delivery in under_way {
                // A panic of a delivery is printed where it happens.
                let _ = delivery.await;
            }
        }
    }
}
