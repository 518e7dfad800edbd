//! Webhooks at the code hosts: one suite that all four dialects pass. What the host holds in the end
//! is the oracle, secrets and all.

mod deliveries;
mod ensure;
mod faults;
mod health;
mod refusals;
mod rules;

use scm_providers::{
    Provider, ProviderError, RegisteredWebhook, WantedWebhook, new_webhook_secret, plain_token,
};
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, HeldHook},
};
use scm_types::RepositoryInfo;
use url::Url;

use crate::support::git::GitBench;

/// Ours; nobody is there.
const OURS: &str = "https://scm.example/hooks/scm_int_1";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// A webhook with a fresh secret.
fn wanted_at(text: &str) -> WantedWebhook {
    WantedWebhook {
        url: url(text),
        secret: new_webhook_secret().unwrap(),
    }
}

fn wanted() -> WantedWebhook {
    wanted_at(OURS)
}

/// The webhooks with our URL.
fn ours(bench: &GitBench) -> Vec<HeldHook> {
    let mut hooks = bench.host.hooks();
    hooks.retain(|hook| hook.url == OURS);
    hooks
}

async fn ensure(
    provider: &dyn Provider,
    info: &RepositoryInfo,
    wanted: &WantedWebhook,
) -> Result<RegisteredWebhook, ProviderError> {
    provider.ensure_webhook(info, wanted, None).await
}

/// What the API calls webhooks, at the end of a path or before the id of one.
fn part(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::DataCenter => "/webhooks",
        _ => "/hooks",
    }
}

/// How a webhook is changed.
fn change(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Github => "PATCH",
        _ => "PUT",
    }
}

/// A repository that is not there.
fn no_repository(dialect: Dialect) -> Reply {
    Reply::fixture(match dialect {
        Dialect::Github => "github/repo_404",
        Dialect::Gitlab => "gitlab/project_404",
        Dialect::Bitbucket => "bitbucket/repo_404",
        Dialect::DataCenter => "bitbucket/datacenter_repo_404",
    })
}

/// Fails unless the host holds the webhook exactly as it was wanted.
#[track_caller]
fn assert_as_wanted(dialect: Dialect, held: &HeldHook, wanted: &WantedWebhook) {
    assert_eq!(held.url, wanted.url.as_str());
    let secret = Some(wanted.secret.expose());
    assert!(held.secret.as_deref() == secret, "{dialect:?}: the secret");
    assert!(held.active && held.json && held.verifies_tls, "{held:?}");
    let events: &[&str] = match dialect {
        Dialect::Github => &["push", "create", "delete", "release", "repository", "meta"],
        Dialect::Gitlab => &[
            "push_events",
            "tag_push_events",
            "merge_requests_events",
            "releases_events",
        ],
        Dialect::Bitbucket => &["repo:push", "repo:updated", "pullrequest:fulfilled"],
        Dialect::DataCenter => &["repo:refs_changed", "repo:modified", "pr:merged"],
    };
    for event in events {
        assert!(held.events.iter().any(|it| it == event), "{held:?}");
    }
    if dialect == Dialect::Gitlab {
        assert_eq!(held.events.len(), 4, "nothing that was not asked for");
        let token = plain_token(&wanted.secret);
        assert_eq!(held.token.as_deref(), Some(token.as_str()));
    }
    if dialect != Dialect::Github {
        assert_eq!(held.name, "SCM integration service");
    }
}
