//! From Data Center's answers to our types, and what they say about rights: only that somebody who
//! can read the webhooks is an administrator of the repository, and may do everything.

use scm_types::{
    BranchInfo, CommitInfo, OperationReport, Permission, RepoUrl, RepositoryInfo, SignatureScheme,
    TagInfo, Timestamp, Visibility, WebhookHealth,
};

use super::{hooks::EVENTS, wire};
use crate::{
    HookReport, ProviderError, RepositoryAccess, commit,
    context::Context,
    operations::{self, Verdict},
    text::{commit_sha, label, prose, web_url},
    webhook::{Hook, MAX_URL, WebhookInfo, sends_all},
};

/// Longest message of a tag that is kept, in characters.
const MAX_PROSE: usize = 1_000_000;

/// What managing webhooks takes.
pub(super) const HOOKS: &str = "the permission admin on the repository";

pub(super) fn repository(
    context: &Context,
    found: &wire::Repository,
    default_branch: Option<String>,
) -> RepositoryInfo {
    let (owner, name) = (label(&found.project.key, 255), label(&found.slug, 255));
    let is_public = found.public == Some(true) || found.project.public == Some(true);
    RepositoryInfo {
        id: found.id.to_string(),
        visibility: if is_public {
            Visibility::Public
        } else {
            Visibility::Private
        },
        default_branch,
        archived: found.archived == Some(true),
        web_url: web_url(found.links.page()),
        moved_to: context.moved_to(&format!("{owner}/{name}")),
        owner,
        name,
    }
}

pub(super) fn branch(
    found: &wire::Branch,
    default: Option<&str>,
) -> Result<BranchInfo, ProviderError> {
    Ok(BranchInfo {
        name: label(&found.display_id, 255),
        commit_sha: commit_sha(found.latest_commit.as_deref().unwrap_or_default())?,
        protected: false,
        default: found
            .default
            .or(found.is_default)
            .unwrap_or(Some(found.display_id.as_str()) == default),
    })
}

/// `None` for a tag of anything but a commit.
pub(super) fn tag(found: &wire::Tag) -> Result<Option<TagInfo>, ProviderError> {
    let Some(commit) = &found.latest_commit else {
        return Ok(None);
    };
    Ok(Some(TagInfo {
        name: label(&found.display_id, 255),
        commit_sha: commit_sha(commit)?,
        annotated: Some(found.hash.as_ref().is_some_and(|hash| hash != commit)),
        date: None,
        message: found.message.as_deref().map(|text| prose(text, MAX_PROSE)),
    }))
}

pub(super) fn commit(
    repository: &RepoUrl,
    found: &wire::Commit,
) -> Result<CommitInfo, ProviderError> {
    let millis = found.committer_timestamp.or(found.author_timestamp);
    let author = found.author.as_ref();
    Ok(commit::info(
        repository,
        commit_sha(&found.id)?,
        found.message.as_deref().unwrap_or_default(),
        author.and_then(|author| author.name.as_deref()),
        millis.and_then(Timestamp::from_millis),
    ))
}

pub(super) fn hook(found: &wire::Hook) -> Hook {
    let active = found.active != Some(false);
    Hook {
        info: WebhookInfo {
            id: found.id.to_string(),
            url: label(&found.url, MAX_URL),
            active,
            complete: sends_all(&found.events, &EVENTS)
                && found.ssl_verification_required != Some(false),
            scheme: SignatureScheme::BitbucketDataCenter,
            health: if active {
                WebhookHealth::Unknown
            } else {
                WebhookHealth::Disabled
            },
            last_status: None,
        },
        has_secret: found.configuration.secret.as_ref().map(|_| true),
        events: found.events.clone(),
    }
}

/// A webhook with what became of its last delivery.
pub(super) fn with_last_delivery(hook: Hook, last: &wire::HookResult) -> Hook {
    let health = match last.outcome.as_deref() {
        _ if !hook.info.active => WebhookHealth::Disabled,
        Some("SUCCESS") => WebhookHealth::Ok,
        Some("FAILURE" | "ERROR") => WebhookHealth::Failing,
        Some(_) | None => WebhookHealth::Unknown,
    };
    // The description is the status, or says what went wrong without one.
    let status = last.description.as_deref().and_then(|it| it.parse().ok());
    Hook {
        info: WebhookInfo {
            health,
            last_status: status,
            ..hook.info
        },
        ..hook
    }
}

pub(super) fn operations(
    repository: &RepositoryAccess,
    hooks: &HookReport,
) -> Vec<OperationReport> {
    let write = match repository.permission {
        Permission::Write | Permission::Admin => Verdict::Allowed,
        Permission::Read => Verdict::denied("the permission write on the repository"),
        Permission::Unknown => Verdict::Unknown,
    };
    let release = Verdict::denied("releases, which Bitbucket does not have");
    operations::report(&write, release, hooks, repository.read_only)
}
