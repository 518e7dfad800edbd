//! From GitHub's answers to our types, and what they say about rights.

use scm_types::{
    AccountRef, BranchInfo, CommitInfo, HookAccess, OperationReport, Permission, ReleaseInfo,
    RepoUrl, RepositoryInfo, SignatureScheme, TagInfo, TagName, Timestamp, TokenKind, Visibility,
    WebhookHealth,
};

use super::{hooks::EVENTS, wire};
use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess, commit,
    context::Context,
    operations::{self, Verdict},
    text::{commit_sha, label, prose, web_url},
    webhook::{Attempt, FailedDelivery, Hook, MAX_URL, WebhookInfo, arrived, sends_all},
};

/// Longest headline of a release that is kept.
const MAX_TITLE: usize = 1_000;
/// Longest text of a release or a tag; GitHub takes 125,000 characters in a release.
pub(super) const MAX_NOTES: usize = 250_000;

/// What managing webhooks takes.
pub(super) const HOOKS: &str = "the role admin on the repository and admin:repo_hook";

pub(super) fn account(user: &wire::User) -> AccountRef {
    AccountRef {
        id: user.id.to_string(),
        login: label(&user.login, 255),
    }
}

pub(super) fn info(context: &Context, found: &wire::Repository) -> RepositoryInfo {
    let path = label(&found.full_name, 512);
    let (owner, name) = path.split_once('/').unwrap_or(("", &path));
    let visibility = match found.visibility.as_deref() {
        Some("public") => Visibility::Public,
        Some("internal") => Visibility::Internal,
        // Older Enterprise Servers tell only this.
        None if found.private == Some(false) => Visibility::Public,
        Some(_) | None => Visibility::Private,
    };
    RepositoryInfo {
        id: found.id.to_string(),
        owner: owner.to_owned(),
        name: name.to_owned(),
        visibility,
        default_branch: found.default_branch.as_deref().map(|name| label(name, 255)),
        archived: found.archived == Some(true),
        web_url: web_url(found.html_url.as_deref()),
        moved_to: context.moved_to(&path),
    }
}

pub(super) fn repository(
    context: &Context,
    identity: &Identity,
    found: &wire::Repository,
) -> RepositoryAccess {
    let info = info(context, found);
    RepositoryAccess {
        permission: permission(identity, found.permissions),
        read_only: if info.archived {
            Some("the repository is archived")
        } else if found.disabled == Some(true) {
            Some("the repository is disabled by its host")
        } else {
            None
        },
        info,
    }
}

fn permission(identity: &Identity, role: Option<wire::Permissions>) -> Permission {
    // An installation has rights, not a role.
    let is_installation = identity.token.kind == TokenKind::GithubInstallation;
    match role {
        Some(role) if role.admin => Permission::Admin,
        Some(role) if role.maintain || role.push => Permission::Write,
        Some(_) | None if is_installation => Permission::Unknown,
        Some(role) if role.triage || role.pull => Permission::Read,
        // A public repository, seen like anybody sees it.
        Some(_) => Permission::Read,
        None => Permission::Unknown,
    }
}

pub(super) fn branch(
    found: &wire::Branch,
    default: Option<&str>,
) -> Result<BranchInfo, ProviderError> {
    Ok(BranchInfo {
        name: label(&found.name, 255),
        commit_sha: commit_sha(&found.commit.sha)?,
        protected: found.protected == Some(true),
        default: Some(found.name.as_str()) == default,
    })
}

/// `None` for a tag that stands for no commit.
pub(super) fn listed_tag(found: &wire::ListedTag) -> Result<Option<TagInfo>, ProviderError> {
    let Some(commit) = &found.commit else {
        return Ok(None);
    };
    Ok(Some(TagInfo {
        name: label(&found.name, 255),
        commit_sha: commit_sha(&commit.sha)?,
        annotated: None,
        date: None,
        message: None,
    }))
}

pub(super) fn commit(
    repository: &RepoUrl,
    sha: &str,
    found: &wire::CommitFacts,
) -> Result<CommitInfo, ProviderError> {
    let author = found.author.as_ref();
    let date = found.committer.as_ref().and_then(|it| it.date.as_deref());
    Ok(commit::info(
        repository,
        commit_sha(sha)?,
        found.message.as_deref().unwrap_or_default(),
        author.and_then(|author| author.name.as_deref()),
        date.and_then(|date| Timestamp::parse(date).ok()),
    ))
}

pub(super) fn release(repository: &RepoUrl, tag: &TagName, found: &wire::Release) -> ReleaseInfo {
    ReleaseInfo {
        tag: tag.to_string(),
        name: label(found.name.as_deref().unwrap_or_default(), MAX_TITLE),
        notes: prose(found.body.as_deref().unwrap_or_default(), MAX_NOTES),
        draft: found.draft == Some(true),
        prerelease: found.prerelease == Some(true),
        url: web_url(found.html_url.as_deref()).unwrap_or_else(|| repository.release_url(tag)),
    }
}

pub(super) fn hook(found: &wire::Hook) -> Hook {
    let active = found.active != Some(false);
    let last = found.last_response.as_ref().and_then(|last| last.code);
    let health = match last {
        _ if !active => WebhookHealth::Disabled,
        None => WebhookHealth::Unknown,
        Some(status) if arrived(status) => WebhookHealth::Ok,
        Some(_) => WebhookHealth::Failing,
    };
    let bare = Hook {
        info: WebhookInfo {
            id: found.id.to_string(),
            url: String::new(),
            active,
            complete: sends_all(&found.events, &EVENTS),
            scheme: SignatureScheme::Github,
            health,
            last_status: last.filter(|status| *status > 0),
        },
        has_secret: None,
        events: found.events.clone(),
    };
    with_config(&bare, &found.config)
}

/// A webhook with another configuration.
pub(super) fn with_config(hook: &Hook, config: &wire::HookConfig) -> Hook {
    let is_json = config.content_type.as_deref() == Some("json");
    let is_verified = match &config.insecure_ssl {
        serde_json::Value::String(text) => text == "0",
        other => other.as_u64().unwrap_or_default() == 0,
    };
    Hook {
        info: WebhookInfo {
            url: label(config.url.as_deref().unwrap_or_default(), MAX_URL),
            complete: is_json && is_verified && sends_all(&hook.events, &EVENTS),
            ..hook.info.clone()
        },
        // That it is not told does not mean that there is none.
        has_secret: config.secret.as_ref().map(|_| true),
        events: hook.events.clone(),
    }
}

pub(super) fn attempt(found: &wire::HookDelivery) -> Attempt {
    let status = found.status_code.filter(|status| *status > 0);
    let at = found.delivered_at.as_deref();
    Attempt {
        delivery: FailedDelivery {
            id: found.id.to_string(),
            key: label(&found.guid, 255),
            at: at.and_then(|at| Timestamp::parse(at).ok()),
            status,
            event: found.event.as_deref().map(|event| label(event, 64)),
        },
        arrived: status.is_some_and(arrived),
    }
}

/// Webhooks, when the list could be read: reading proves nothing about writing, so the scopes
/// decide where they are told, and where they are not it stays open. The scope `repo` covers
/// webhooks ("Scopes for OAuth apps").
pub(super) fn hooks(identity: &Identity, repository: &RepositoryAccess, any: bool) -> HookReport {
    let lacks = |missing: &str| HookReport::read(any, HookAccess::No, Some(missing));
    let known = |access| HookReport::read(any, access, None);
    match &identity.token.scopes {
        Some(scopes) if has(scopes, &["repo", "admin:repo_hook", "write:repo_hook"]) => {
            match repository.permission {
                Permission::Admin => known(HookAccess::Yes),
                Permission::Unknown => known(HookAccess::Unknown),
                Permission::Read | Permission::Write => lacks("the role admin on the repository"),
            }
        }
        Some(_) => lacks("admin:repo_hook"),
        None => known(HookAccess::Unknown),
    }
}

pub(super) fn operations(
    identity: &Identity,
    repository: &RepositoryAccess,
    hooks: &HookReport,
) -> Vec<OperationReport> {
    let is_public = repository.info.visibility == Visibility::Public;
    let write = match (&identity.token.scopes, repository.permission) {
        (_, Permission::Read) => Verdict::denied("the role write on the repository"),
        (Some(scopes), _) if is_public && !has(scopes, &["repo", "public_repo"]) => {
            Verdict::denied("public_repo")
        }
        (Some(scopes), _) if !is_public && !has(scopes, &["repo"]) => Verdict::denied("repo"),
        (Some(_), Permission::Write | Permission::Admin) => Verdict::Allowed,
        // The role is the account's; a fine-grained token or an App may have fewer rights.
        (_, Permission::Unknown) | (None, Permission::Write | Permission::Admin) => {
            Verdict::Unknown
        }
    };
    operations::report(&write, write.clone(), hooks, repository.read_only)
}

fn has(scopes: &[String], any: &[&str]) -> bool {
    scopes.iter().any(|scope| any.contains(&scope.as_str()))
}
