//! Webhooks ("REST API endpoints for repository webhooks").
//!
//! - A webhook that is changed without its secret loses it. So there are two ways and no third: a
//!   change of the whole webhook holds its whole configuration with the secret, in one call that
//!   leaves nothing half done; and a change of the secret goes to the configuration alone
//!   (`/config`), which sets what it is given and touches neither events nor the switch.
//! - Unless told otherwise GitHub sends forms, not JSON.

use async_trait::async_trait;
use http::Method;
use scm_types::RepositoryInfo;
use serde_json::{Value, json};

use super::{Github, error, map, wire, within};
use crate::{
    ProviderError,
    context::{Subject, if_there},
    host::Hooks,
    page::{ListPage, NextPage, link_of},
    webhook::{Attempt, Extent, Hook, WantedWebhook, WebhookTest},
};

/// What we are told of. Branches and tags are told of by `push`, and by `create` and `delete`
/// besides, because a push of more than three tags is not told at all.
pub(super) const EVENTS: [&str; 7] = [
    "push",
    "create",
    "delete",
    "pull_request",
    "release",
    "repository",
    "meta",
];

#[async_trait]
impl Hooks for Github {
    async fn hook_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<Hook>, ProviderError> {
        let path = within(info, &["hooks"]);
        let page: ListPage<wire::Hook> = self.list(&path, &[("per_page", "100")], at).await?;
        page.read(|found| Ok(Some(map::hook(found))))
    }

    async fn find_hook(
        &self,
        info: &RepositoryInfo,
        id: &str,
    ) -> Result<Option<Hook>, ProviderError> {
        let found: Option<wire::Hook> = self.part(&within(info, &["hooks", id]), &[]).await?;
        Ok(found.map(|found| map::hook(&found)))
    }

    async fn create_hook(
        &self,
        info: &RepositoryInfo,
        wanted: &WantedWebhook,
    ) -> Result<Hook, ProviderError> {
        let body = json!({
            "name": "web",
            "active": true,
            "events": EVENTS,
            "config": config(wanted),
        });
        let path = within(info, &["hooks"]);
        let answer = self.send_hook(Method::POST, &path, Some(body)).await?;
        Ok(map::hook(&answer.json()?))
    }

    async fn set_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
        wanted: &WantedWebhook,
        extent: Extent,
    ) -> Result<Hook, ProviderError> {
        let id = &hook.info.id;
        match extent {
            Extent::Whole => {
                let body = json!({
                    "active": true,
                    "events": EVENTS,
                    "config": config(wanted),
                });
                let path = within(info, &["hooks", id]);
                let answer = self.send_hook(Method::PATCH, &path, Some(body)).await?;
                Ok(map::hook(&answer.json()?))
            }
            Extent::Secret => {
                let path = within(info, &["hooks", id, "config"]);
                let body = Some(config(wanted));
                let answer = self.send_hook(Method::PATCH, &path, body).await?;
                let set: wire::HookConfig = answer.json()?;
                Ok(map::with_config(hook, &set))
            }
        }
    }

    async fn delete_hook(&self, info: &RepositoryInfo, id: &str) -> Result<(), ProviderError> {
        let path = within(info, &["hooks", id]);
        self.send_hook(Method::DELETE, &path, None).await?;
        Ok(())
    }

    /// A `ping`, not a replay of the last push: that is not sent where nothing was pushed.
    async fn test_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
    ) -> Result<WebhookTest, ProviderError> {
        let path = within(info, &["hooks", &hook.info.id, "pings"]);
        self.send_hook(Method::POST, &path, None).await?;
        Ok(WebhookTest::Sent)
    }

    async fn attempt_page(
        &self,
        info: &RepositoryInfo,
        id: &str,
        at: Option<&NextPage>,
    ) -> Result<Option<ListPage<Attempt>>, ProviderError> {
        let path = within(info, &["hooks", id, "deliveries"]);
        let answer = self.0.page(at, &path, &[("per_page", "100")]).await?;
        let answer = self.accept(answer, Subject::Part).await;
        let Some(answer) = if_there(answer)? else {
            return Ok(None);
        };
        let found: Vec<wire::HookDelivery> = answer.json()?;
        Ok(Some(ListPage {
            items: found.iter().map(map::attempt).collect(),
            next: link_of(&answer, "next"),
            rest: None,
        }))
    }

    async fn send_again(
        &self,
        info: &RepositoryInfo,
        id: &str,
        attempt: &str,
    ) -> Result<bool, ProviderError> {
        let path = within(info, &["hooks", id, "deliveries", attempt, "attempts"]);
        let sent = self.send_hook(Method::POST, &path, None).await;
        Ok(if_there(sent)?.is_some())
    }
}

impl Github {
    /// Sends a change to a webhook, once.
    async fn send_hook(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<crate::transport::Answer, ProviderError> {
        let answer = self.0.send_with(method, path, &[], body).await?;
        error::accept_hook(&self.0, self.0.token.expose(), answer).await
    }
}

/// A whole configuration: what is left out is lost.
fn config(wanted: &WantedWebhook) -> Value {
    json!({
        "url": wanted.url,
        "content_type": "json",
        "secret": wanted.secret.expose(),
        "insecure_ssl": "0",
    })
}
