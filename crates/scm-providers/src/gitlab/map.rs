//! From GitLab's answers to our types, and what roles and scopes say about rights ("Roles and
//! permissions").

use scm_types::{
    AccountRef, BranchInfo, CommitInfo, HookAccess, OperationReport, Permission, ReleaseInfo,
    RepoUrl, RepositoryInfo, SignatureScheme, TagInfo, TagName, Timestamp, Visibility,
    WebhookHealth,
};

use super::wire;
use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess, commit,
    context::Context,
    operations::{self, Verdict},
    text::{commit_sha, label, prose, web_url},
    webhook::{Attempt, FailedDelivery, Hook, MAX_URL, WebhookInfo, arrived},
};

/// Longest text that is kept, in characters; GitLab takes no longer notes.
const MAX_PROSE: usize = 1_000_000;

const DEVELOPER: u32 = 30;
const MAINTAINER: u32 = 40;

/// What managing webhooks takes.
pub(super) const HOOKS: &str = "the role Maintainer on the project";

pub(super) fn account(user: &wire::User) -> AccountRef {
    AccountRef {
        id: user.id.to_string(),
        login: label(&user.username, 255),
    }
}

pub(super) fn repository(context: &Context, found: &wire::Project) -> RepositoryAccess {
    let path = label(&found.path_with_namespace, 1024);
    let (owner, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let level = found
        .permissions
        .as_ref()
        .and_then(wire::Permissions::level);
    let is_archived = found.archived == Some(true);
    RepositoryAccess {
        permission: match level {
            None => Permission::Unknown,
            Some(MAINTAINER..) => Permission::Admin,
            Some(DEVELOPER..) => Permission::Write,
            Some(_) => Permission::Read,
        },
        read_only: is_archived.then_some("the repository is archived"),
        info: RepositoryInfo {
            id: found.id.to_string(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            visibility: match found.visibility.as_deref() {
                Some("public") => Visibility::Public,
                Some("internal") => Visibility::Internal,
                _ => Visibility::Private,
            },
            default_branch: found
                .default_branch
                .as_deref()
                .filter(|_| found.empty_repo != Some(true))
                .map(|name| label(name, 255)),
            archived: is_archived,
            web_url: web_url(found.web_url.as_deref()),
            moved_to: context.moved_to(&path),
        },
    }
}

pub(super) fn branch(
    found: &wire::Branch,
    default: Option<&str>,
) -> Result<BranchInfo, ProviderError> {
    Ok(BranchInfo {
        name: label(&found.name, 255),
        commit_sha: commit_sha(&found.commit.id)?,
        protected: found.protected == Some(true),
        default: found
            .default
            .unwrap_or(Some(found.name.as_str()) == default),
    })
}

/// `None` for a tag of anything but a commit.
pub(super) fn tag(found: &wire::Tag) -> Result<Option<TagInfo>, ProviderError> {
    let Some(commit) = &found.commit else {
        return Ok(None);
    };
    let is_object = |target: &String| *target != commit.id;
    let is_annotated = found.message.is_some() || found.target.as_ref().is_some_and(is_object);
    let date = commit
        .committed_date
        .as_ref()
        .or(commit.created_at.as_ref());
    Ok(Some(TagInfo {
        name: label(&found.name, 255),
        commit_sha: commit_sha(&commit.id)?,
        annotated: Some(is_annotated),
        date: date.and_then(|date| Timestamp::parse(date).ok()),
        message: found.message.as_deref().map(|text| prose(text, MAX_PROSE)),
    }))
}

pub(super) fn commit(
    repository: &RepoUrl,
    found: &wire::Commit,
) -> Result<CommitInfo, ProviderError> {
    let message = found.message.as_ref().or(found.title.as_ref());
    let date = found.committed_date.as_ref().or(found.created_at.as_ref());
    Ok(commit::info(
        repository,
        commit_sha(&found.id)?,
        message.map_or("", String::as_str),
        found.author_name.as_deref(),
        date.and_then(|date| Timestamp::parse(date).ok()),
    ))
}

pub(super) fn release(repository: &RepoUrl, tag: &TagName, found: &wire::Release) -> ReleaseInfo {
    let text = |text: &Option<String>| prose(text.as_deref().unwrap_or_default(), MAX_PROSE);
    ReleaseInfo {
        tag: tag.to_string(),
        name: text(&found.name),
        notes: text(&found.description),
        draft: false,
        prerelease: false,
        url: web_url(found.links.itself.as_deref()).unwrap_or_else(|| repository.release_url(tag)),
    }
}

/// Whether scopes that are told suffice for writing. Fine-grained tokens tell only that they are.
fn writes(identity: &Identity) -> Option<bool> {
    let scopes = identity.token.scopes.as_ref()?;
    let has = |wanted: &str| scopes.iter().any(|scope| scope == wanted);
    if has("granular") {
        None
    } else {
        Some(has("api"))
    }
}

pub(super) fn hook(found: &wire::Hook) -> Hook {
    let is_told = [
        found.push_events,
        found.tag_push_events,
        found.merge_requests_events,
        found.releases_events,
    ];
    let is_empty = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
    let of_all_branches = found.branch_filter_strategy.as_deref() == Some("all_branches")
        || is_empty(&found.push_events_branch_filter);
    let is_signed = found.signing_token_present == Some(true);
    Hook {
        info: WebhookInfo {
            id: found.id.to_string(),
            url: label(&found.url, MAX_URL),
            // There is no switch: what the host has turned off is told as its health.
            active: true,
            complete: is_told.iter().all(|told| *told)
                && of_all_branches
                && is_empty(&found.custom_webhook_template)
                && found.enable_ssl_verification != Some(false),
            scheme: if is_signed {
                SignatureScheme::GitlabSignature
            } else {
                SignatureScheme::GitlabToken
            },
            health: match found.alert_status.as_deref() {
                Some("executable") => WebhookHealth::Ok,
                Some("temporarily_disabled") => WebhookHealth::Failing,
                Some("disabled") => WebhookHealth::Disabled,
                Some(_) | None => WebhookHealth::Unknown,
            },
            last_status: None,
        },
        has_secret: found.token_present.map(|present| present || is_signed),
        events: Vec::new(),
    }
}

/// What a delivery is told apart by is the same for all attempts; what has none is itself alone.
pub(super) fn attempt(found: &wire::HookEvent) -> Attempt {
    let id = found.id.to_string();
    let key = found.header("webhook-id");
    let key = key.or_else(|| found.header("idempotency-key"));
    let created = found.created_at.as_deref();
    let sent = found.header("webhook-timestamp").and_then(seconds);
    let status = found.status();
    Attempt {
        arrived: status.is_some_and(arrived),
        delivery: FailedDelivery {
            key: label(key.unwrap_or(&id), 255),
            id,
            at: created.and_then(|at| Timestamp::parse(at).ok()).or(sent),
            status,
            event: found.trigger.as_deref().map(|event| label(event, 64)),
        },
    }
}

fn seconds(raw: &str) -> Option<Timestamp> {
    Timestamp::from_millis(raw.parse::<i64>().ok()?.checked_mul(1_000)?)
}

/// Webhooks, when the list could be read.
pub(super) fn hooks(identity: &Identity, repository: &RepositoryAccess, any: bool) -> HookReport {
    let (access, missing) = match (writes(identity), repository.permission) {
        (Some(false), _) => (HookAccess::No, Some("the scope api")),
        (_, Permission::Read | Permission::Write) => (HookAccess::No, Some(HOOKS)),
        // Only maintainers and administrators can read the list.
        (Some(true), Permission::Admin | Permission::Unknown) => (HookAccess::Yes, None),
        (None, Permission::Admin | Permission::Unknown) => (HookAccess::Unknown, None),
    };
    HookReport::read(any, access, missing)
}

pub(super) fn operations(
    identity: &Identity,
    repository: &RepositoryAccess,
    hooks: &HookReport,
) -> Vec<OperationReport> {
    let write = match (writes(identity), repository.permission) {
        (Some(false), _) => Verdict::denied("the scope api"),
        (_, Permission::Read) => Verdict::denied("the role Developer on the project"),
        (Some(true), Permission::Write | Permission::Admin) => Verdict::Allowed,
        (None, _) | (Some(true), Permission::Unknown) => Verdict::Unknown,
    };
    operations::report(&write, write.clone(), hooks, repository.read_only)
}
