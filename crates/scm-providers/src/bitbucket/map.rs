//! From Bitbucket Cloud's answers to our types, and what they say about rights. Scopes do not imply
//! each other.

use scm_types::{
    AccountRef, BranchInfo, CommitInfo, HookAccess, OperationReport, Permission, RepoUrl,
    RepositoryInfo, SignatureScheme, TagInfo, Timestamp, Visibility, WebhookHealth,
};

use super::{hooks::EVENTS, wire};
use crate::{
    HookReport, Identity, ProviderError, RepositoryAccess, commit,
    context::Context,
    operations::{self, Verdict},
    text::{commit_sha, label, prose, web_url},
    webhook::{Hook, MAX_URL, WebhookInfo, sends_all},
};

/// Longest message of a tag that is kept, in characters.
const MAX_PROSE: usize = 1_000_000;

/// What managing webhooks takes.
pub(super) const HOOKS: &str = "the permission admin on the repository";

pub(super) fn account(user: &wire::User) -> AccountRef {
    let login = user.nickname.as_ref().or(user.display_name.as_ref());
    AccountRef {
        id: label(&user.uuid, 64),
        login: label(login.unwrap_or(&user.uuid), 255),
    }
}

pub(super) fn repository(context: &Context, found: &wire::Repository) -> RepositoryInfo {
    let path = label(&found.full_name, 512);
    let (owner, name) = path.split_once('/').unwrap_or(("", &path));
    let main = found.mainbranch.as_ref();
    RepositoryInfo {
        id: label(&found.uuid, 64),
        owner: owner.to_owned(),
        name: name.to_owned(),
        visibility: if found.is_private == Some(false) {
            Visibility::Public
        } else {
            Visibility::Private
        },
        default_branch: main
            .and_then(|main| main.name.as_deref())
            .map(|name| label(name, 255)),
        archived: false,
        web_url: web_url(found.links.html.as_ref().map(|link| link.href.as_str())),
        moved_to: context.moved_to(&path),
    }
}

/// An empty list is a public repository without a grant. A private one is seen through some grant
/// that is not listed.
pub(super) fn permission(
    found: &wire::Page<wire::RepositoryPermission>,
    visibility: Visibility,
) -> Permission {
    match found.values.first().map(|grant| grant.permission.as_str()) {
        None if visibility != Visibility::Public => Permission::Unknown,
        Some("admin") => Permission::Admin,
        Some("write") => Permission::Write,
        Some("read") | None => Permission::Read,
        Some(_) => Permission::Unknown,
    }
}

/// `None` for a branch that stands for nothing.
pub(super) fn branch(
    found: &wire::Branch,
    default: Option<&str>,
) -> Result<Option<BranchInfo>, ProviderError> {
    let Some(target) = &found.target else {
        return Ok(None);
    };
    Ok(Some(BranchInfo {
        name: label(&found.name, 255),
        commit_sha: commit_sha(&target.hash)?,
        protected: false,
        default: Some(found.name.as_str()) == default,
    }))
}

/// `None` for a tag of anything but a commit.
pub(super) fn tag(found: &wire::Tag) -> Result<Option<TagInfo>, ProviderError> {
    let Some(target) = &found.target else {
        return Ok(None);
    };
    let message = found.message.as_deref().filter(|text| !text.is_empty());
    Ok(Some(TagInfo {
        name: label(&found.name, 255),
        commit_sha: commit_sha(&target.hash)?,
        annotated: Some(message.is_some() || found.tagger.is_some()),
        date: date(target.date.as_deref()),
        message: message.map(|text| prose(text, MAX_PROSE)),
    }))
}

pub(super) fn commit(
    repository: &RepoUrl,
    found: &wire::Commit,
) -> Result<CommitInfo, ProviderError> {
    Ok(commit::info(
        repository,
        commit_sha(&found.hash)?,
        found.message.as_deref().unwrap_or_default(),
        found.author.as_ref().and_then(wire::Author::name),
        date(found.date.as_deref()),
    ))
}

fn date(raw: Option<&str>) -> Option<Timestamp> {
    Timestamp::parse(raw?).ok()
}

pub(super) fn hook(found: &wire::Hook) -> Hook {
    let active = found.active != Some(false);
    Hook {
        info: WebhookInfo {
            id: label(&found.uuid, 64),
            url: label(&found.url, MAX_URL),
            active,
            complete: sends_all(&found.events, &EVENTS),
            scheme: SignatureScheme::Bitbucket,
            health: if active {
                WebhookHealth::Unknown
            } else {
                WebhookHealth::Disabled
            },
            last_status: None,
        },
        has_secret: found.secret_set,
        events: found.events.clone(),
    }
}

/// Whether one of the scopes is there, where scopes are told.
fn granted(identity: &Identity, any: [&str; 2]) -> Option<bool> {
    let scopes = identity.token.scopes.as_ref()?;
    Some(scopes.iter().any(|scope| any.contains(&scope.as_str())))
}

/// Webhooks, when the list could be read.
pub(super) fn hooks(identity: &Identity, repository: &RepositoryAccess, any: bool) -> HookReport {
    let granted = granted(identity, ["webhook", "write:webhook:bitbucket"]);
    let (access, missing) = match (granted, repository.permission) {
        (Some(false), _) => (HookAccess::No, Some("write:webhook:bitbucket")),
        (_, Permission::Read | Permission::Write) => (HookAccess::No, Some(HOOKS)),
        (Some(true), Permission::Admin) => (HookAccess::Yes, None),
        (None, _) | (_, Permission::Unknown) => (HookAccess::Unknown, None),
    };
    HookReport::read(any, access, missing)
}

pub(super) fn operations(
    identity: &Identity,
    repository: &RepositoryAccess,
    hooks: &HookReport,
) -> Vec<OperationReport> {
    let granted = granted(identity, ["repository:write", "write:repository:bitbucket"]);
    let write = match (granted, repository.permission) {
        (Some(false), _) => Verdict::denied("write:repository:bitbucket"),
        (_, Permission::Read) => Verdict::denied("the permission write on the repository"),
        (Some(true), Permission::Write | Permission::Admin) => Verdict::Allowed,
        (None, _) | (_, Permission::Unknown) => Verdict::Unknown,
    };
    let release = Verdict::denied("releases, which Bitbucket does not have");
    operations::report(&write, release, hooks, repository.read_only)
}
