//! Webhooks ("Webhooks" of the REST API). Nothing here sends a test or tells of deliveries.

use async_trait::async_trait;
use http::Method;
use scm_types::RepositoryInfo;
use serde_json::{Value, json};

use super::{Bitbucket, error, map, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, Subject},
    host::Hooks,
    page::{ListPage, NextPage},
    transport::Answer,
    webhook::{Extent, Hook, NAME, WantedWebhook},
};

/// What we are told of.
pub(super) const EVENTS: [&str; 8] = [
    "repo:push",
    "repo:updated",
    "repo:transfer",
    "repo:deleted",
    "pullrequest:created",
    "pullrequest:updated",
    "pullrequest:fulfilled",
    "pullrequest:rejected",
];

#[async_trait]
impl Hooks for Bitbucket {
    async fn hook_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<Hook>, ProviderError> {
        let path = within(info, &["hooks"]);
        let answer = self.0.page(at, &path, &[("pagelen", "100")]).await?;
        let found: wire::Page<wire::Hook> = self.accept(answer, Subject::Part)?.json()?;
        Ok(ListPage {
            next: found.next.as_deref().and_then(NextPage::of_url),
            items: found.values.iter().map(map::hook).collect(),
            rest: None,
        })
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
        let path = within(info, &["hooks"]);
        let body = whole(wanted, true, &EVENTS);
        let answer = self.send_hook(Method::POST, &path, body).await?;
        Ok(map::hook(&answer.json()?))
    }

    /// Without the secret a webhook would keep the one that it has.
    async fn set_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
        wanted: &WantedWebhook,
        extent: Extent,
    ) -> Result<Hook, ProviderError> {
        let path = within(info, &["hooks", &hook.info.id]);
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
        let path = within(info, &["hooks", id]);
        let answer = self.0.send_with(Method::DELETE, &path, &[], None).await?;
        self.accept(answer, Subject::Part)?;
        Ok(())
    }
}

impl Bitbucket {
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
        "description": NAME,
        "url": wanted.url,
        "active": active,
        "secret": wanted.secret.expose(),
        "events": events,
    })
}
