//! Webhooks ("Project webhooks API").
//!
//! - Both secrets are given: the one that deliveries are signed with since 19.0, which older
//!   instances pass over in silence, and a plain token for those. What came of it stands in the
//!   answer. A change of the URL drops them, so they always go along.
//! - Every event is named, also those that are not wanted: some are on by default.
//! - There is no switch. An instance turns a webhook off whose deliveries keep failing.

use async_trait::async_trait;
use http::Method;
use scm_types::RepositoryInfo;
use serde_json::{Value, json};

use super::{Gitlab, error, map, wire, within};
use crate::{
    ProviderError,
    context::{Client as _, Subject, if_there},
    host::Hooks,
    page::{ListPage, NextPage, link_of},
    transport::Answer,
    webhook::{Attempt, Extent, Hook, NAME, WantedWebhook, WebhookTest, plain_token},
};

/// What we are told of.
const EVENTS: [&str; 4] = [
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "releases_events",
];

/// What we have no use for.
const OTHER_EVENTS: [&str; 14] = [
    "confidential_issues_events",
    "confidential_note_events",
    "deployment_events",
    "emoji_events",
    "feature_flag_events",
    "issues_events",
    "job_events",
    "milestone_events",
    "note_events",
    "pipeline_events",
    "resource_access_token_events",
    "resource_deploy_token_events",
    "vulnerability_events",
    "wiki_page_events",
];

/// A page of attempts holds their bodies, which may be large.
const ATTEMPTS: (&str, &str) = ("per_page", "20");

#[async_trait]
impl Hooks for Gitlab {
    async fn hook_page(
        &self,
        info: &RepositoryInfo,
        at: Option<&NextPage>,
    ) -> Result<ListPage<Hook>, ProviderError> {
        let path = within(info, &["hooks"]);
        let answer = self.0.page(at, &path, &[("per_page", "100")]).await?;
        let answer = self.accept(answer, Subject::Part)?;
        let found: Vec<wire::Hook> = answer.json()?;
        Ok(ListPage {
            next: link_of(&answer, "next").filter(|_| !found.is_empty()),
            items: found.iter().map(map::hook).collect(),
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
        let answer = self.send_hook(Method::POST, &path, whole(wanted)).await?;
        Ok(map::hook(&answer.json()?))
    }

    async fn set_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
        wanted: &WantedWebhook,
        extent: Extent,
    ) -> Result<Hook, ProviderError> {
        let path = within(info, &["hooks", &hook.info.id]);
        let body = match extent {
            Extent::Whole => whole(wanted),
            Extent::Secret => address(wanted),
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

    /// The last push once more, sent before the answer comes, which says whether it arrived. Without
    /// a commit there is nothing to send.
    async fn test_hook(
        &self,
        info: &RepositoryInfo,
        hook: &Hook,
    ) -> Result<WebhookTest, ProviderError> {
        if info.default_branch.is_none() {
            return Ok(WebhookTest::NotTestable);
        }
        let path = within(info, &["hooks", &hook.info.id, "test", "push_events"]);
        let answer = self.0.send_with(Method::POST, &path, &[], None).await?;
        if answer.status.as_u16() == 422 && answer.refusal().is_ok() {
            return Ok(WebhookTest::Failed);
        }
        self.accept(answer, Subject::Part)?;
        Ok(WebhookTest::Sent)
    }

    /// Since 17.3.
    async fn attempt_page(
        &self,
        info: &RepositoryInfo,
        id: &str,
        at: Option<&NextPage>,
    ) -> Result<Option<ListPage<Attempt>>, ProviderError> {
        let path = within(info, &["hooks", id, "events"]);
        let answer = self.0.page(at, &path, &[ATTEMPTS]).await?;
        let Some(answer) = if_there(self.accept(answer, Subject::Part))? else {
            return Ok(None);
        };
        let found: Vec<wire::HookEvent> = answer.json()?;
        Ok(Some(ListPage {
            next: link_of(&answer, "next").filter(|_| !found.is_empty()),
            items: found.iter().map(map::attempt).collect(),
            rest: None,
        }))
    }

    /// Since 17.4. Sent before the answer comes; that it failed again is for the list to say.
    async fn send_again(
        &self,
        info: &RepositoryInfo,
        id: &str,
        attempt: &str,
    ) -> Result<bool, ProviderError> {
        let path = within(info, &["hooks", id, "events", attempt, "resend"]);
        let answer = self.0.send_with(Method::POST, &path, &[], None).await?;
        if answer.status.as_u16() == 422 && answer.refusal().is_ok() {
            return Ok(true);
        }
        Ok(if_there(self.accept(answer, Subject::Part))?.is_some())
    }
}

impl Gitlab {
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

/// The URL, and the secrets that a change of it would drop.
fn address(wanted: &WantedWebhook) -> Value {
    json!({
        "url": wanted.url,
        "signing_token": wanted.secret.expose(),
        "token": *plain_token(&wanted.secret),
    })
}

fn whole(wanted: &WantedWebhook) -> Value {
    let mut body = address(wanted);
    for event in EVENTS {
        body[event] = true.into();
    }
    for event in OTHER_EVENTS {
        body[event] = false.into();
    }
    body["name"] = NAME.into();
    body["description"] = NAME.into();
    body["push_events_branch_filter"] = "".into();
    body["branch_filter_strategy"] = "all_branches".into();
    body["enable_ssl_verification"] = true.into();
    body
}
