//! Webhooks ("Webhooks" of the REST API).
//!
//! - A change is the whole webhook: what it has and is not to change goes along as it was read.
//! - Its secret is shown to administrators. It is not even read here.

use async_trait::async_trait;
use http::Method;
use scm_types::RepositoryInfo;
use serde_json::{Value, json};

use super::{DataCenter, error, map, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, Subject},
    host::Hooks,
    page::{ListPage, NextPage},
    transport::Answer,
    webhook::{Extent, Hook, NAME, WantedWebhook, WebhookTest},
};

/// What we are told of.
pub(super) const EVENTS: [&str; 6] = [
    "repo:refs_changed",
    "repo:modified",
    "pr:opened",
    "pr:merged",
    "pr:declined",
    "pr:from_ref_updated",
];

#[async_trait]
impl Hooks for DataCenter {
    async fn hook_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<Hook>, ProviderError> {
        let path = within(info, &["webhooks"]);
        let found: ListPage<wire::Hook> = self.list(&path, &[("limit", "100")], at).await?;
        found.read(|found| Ok(Some(map::hook(found))))
    }

    async fn find_hook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<Hook>, ProviderError> {
        let found: Option<wire::Hook> = self.part(&within(info, &["webhooks", id]), &[]).await?;
        Ok(found.map(|found| map::hook(&found)))
    }

    /// Before the first delivery there is none. That it cannot be asked for is no answer about the
    /// webhook.
    async fn with_last_delivery(
        &self,
        info: &RepositoryInfo,
        hook: Hook,
    ) -> Result<Hook, ProviderError> {
        let path = within(info, &["webhooks", &hook.info.id, "latest"]);
        let asked = self.0.get(&path, &[]).await;
        let answer = match asked.and_then(|answer| self.accept(answer, Subject::Part)) {
            Ok(answer) if !answer.body.is_empty() => answer,
            Err(error) if error.is_definite() => return Err(error),
            Ok(_) | Err(_) => return Ok(hook),
        };
        Ok(match answer.json::<wire::HookInvocation>() {
            Ok(last) => map::with_last_delivery(hook, &last.result),
            Err(_) => hook,
        })
    }

    async fn create_hook(
        &self,
        info: &RepositoryInfo,
        wanted: &WantedWebhook,
    ) -> Result<Hook, ProviderError> {
        let path = within(info, &["webhooks"]);
        let body = whole(wanted, true, &EVENTS);
        let answer = self.send_hook(Method::POST, &path, body).await?;
        Ok(map::hook(&answer.json()?))
    }

    async fn set_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
        wanted: &WantedWebhook,
        extent: Extent,
    ) -> Result<Hook, ProviderError> {
        let path = within(info, &["webhooks", &hook.info.id]);
        let body = match extent {
            Extent::Whole => whole(wanted, true, &EVENTS),
            Extent::Secret => {
                let events: Vec<_> = hook.events.iter().map(String::as_str).collect();
                whole(wanted, hook.info.active, &events)
            }
        };
        let answer = self.send_hook(Method::PUT, &path, body).await?;
        Ok(map::hook(&answer.json()?))
    }

    async fn delete_hook(&self, info: &RepositoryInfo, id: &str) -> Result<(), ProviderError> {
        let path = within(info, &["webhooks", id]);
        let answer = self.0.send_with(Method::DELETE, &path, &[], None).await?;
        self.accept(answer, Subject::Part)?;
        Ok(())
    }

    /// By its URL, as the product's own page does it; the webhook goes along for the secret.
    async fn test_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
    ) -> Result<WebhookTest, ProviderError> {
        let path = within(info, &["webhooks", "test"]);
        let query = [
            ("url", hook.info.url.as_str()),
            ("webhookId", &hook.info.id),
        ];
        // A body, for requests without one are taken for those of another site.
        let body = Some(json!({}));
        let sent = self.0.send_with(Method::POST, &path, &query, body).await?;
        self.accept(sent, Subject::Part)?;
        Ok(WebhookTest::Sent)
    }
}

impl DataCenter {
    /// Sends a change to a webhook, once.
    async fn send_hook(
        &self,
        method: Method,
        path: &[&str],
        body: Value,
    ) -> Result<Answer, ProviderError> {
        let answer = self.0.send(method, path, body).await?;
        if error::refuses_url(&answer) {
            return Err(ProviderError::WebhookUrlRefused);
        }
        self.accept(answer, Subject::Part)
    }
}

fn whole(wanted: &WantedWebhook, active: bool, events: &[&str]) -> Value {
    json!({
        "name": NAME,
        "url": wanted.url,
        "active": active,
        "events": events,
        "configuration": {"secret": wanted.secret.expose()},
        "sslVerificationRequired": true,
    })
}
