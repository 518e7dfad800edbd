//! GitLab's deliveries. The event stands in the body (`object_kind`), which is what is signed. There
//! is none for a project that was renamed, moved or deleted: whoever compares the event's path with
//! the one that is stored notices.

mod wire;

use scm_types::{
    AccountRef, EventCommit, EventKind, EventRepository, PullRequestEvent, ReleaseEvent, ScmEvent,
};

use super::{
    Origin, PayloadError,
    member::{commit, name, object, person, title},
    refs::{Change, RefName, Target},
    unknown,
};
use crate::text::web_url;

pub(super) fn events(event: Option<&str>, text: &str) -> Result<Vec<ScmEvent>, PayloadError> {
    let envelope: wire::Envelope = serde_json::from_str(text)?;
    let event = envelope.object_kind.as_deref().or(event);
    let event = event.ok_or(PayloadError::Event)?;
    let origin = Origin {
        repository: envelope.project.as_ref().map(repository),
        actor: actor(&envelope),
    };
    let kinds = match event {
        "push" | "tag_push" => push(event, &serde_json::from_str(text)?)?,
        "merge_request" => vec![merge_request(text)?],
        "release" => vec![release(text)?],
        _ => vec![unknown(event, None)],
    };
    origin.tell(kinds)
}

fn repository(found: &wire::Project) -> EventRepository {
    EventRepository {
        provider_repository_id: found.id.to_string(),
        path: name(&found.path_with_namespace),
        url: web_url(found.web_url.as_deref()),
    }
}

/// Pushes name their user in other members than the rest; releases name none.
fn actor(envelope: &wire::Envelope) -> Option<AccountRef> {
    let user = envelope.user.as_ref();
    let pushed_by = || envelope.user_id.zip(envelope.user_username.as_ref());
    let (id, login) = user
        .map(|user| (user.id, &user.username))
        .or_else(pushed_by)?;
    Some(AccountRef {
        id: id.to_string(),
        login: person(login),
    })
}

fn push(event: &str, found: &wire::Push) -> Result<Vec<EventKind>, PayloadError> {
    let target = match RefName::parse(&found.reference) {
        Some(RefName::Branch(name)) => Target::Branch(name),
        Some(RefName::Tag(name)) => Target::Tag {
            name,
            // `before` and `after` of an annotated tag are tag objects.
            old_commit: None,
            new_commit: commit(found.checkout_sha.as_deref()),
        },
        None => return Ok(vec![unknown(event, None)]),
    };
    let commits = found.commits.as_deref().unwrap_or_default();
    let change = Change {
        target,
        before: object(found.before.as_deref())?,
        after: object(found.after.as_deref())?,
        forced: None,
        commit_count: found.total_commits_count,
        // GitLab lists the newest twenty, the oldest of them first.
        commits: commits.iter().rev().filter_map(pushed).collect(),
    };
    Ok(change.kinds())
}

fn pushed(found: &wire::Commit) -> Option<EventCommit> {
    let text = found.title.as_deref().or(found.message.as_deref());
    let author = found
        .author
        .as_ref()
        .and_then(|author| author.name.as_deref());
    Some(EventCommit {
        sha: commit(Some(&found.id))?,
        title: title(text.unwrap_or_default()),
        author: person(author.unwrap_or_default()),
        url: web_url(found.url.as_deref()),
    })
}

fn merge_request(text: &str) -> Result<EventKind, PayloadError> {
    const EVENT: &str = "merge_request";
    let action: wire::Attributes<wire::Action> = serde_json::from_str(text)?;
    let action = action.object_attributes.action;
    let kind = match action.as_deref() {
        Some("open" | "reopen") => EventKind::PullRequestOpened,
        Some("update") => EventKind::PullRequestUpdated,
        Some("merge") => EventKind::PullRequestMerged,
        Some("close") => EventKind::PullRequestClosed,
        // Approvals, and what a test sends.
        action => return Ok(unknown(EVENT, action)),
    };
    let found: wire::Attributes<wire::MergeRequest> = serde_json::from_str(text)?;
    let found = found.object_attributes;
    let is_merged = action.as_deref() == Some("merge");
    Ok(kind(PullRequestEvent {
        number: found.iid,
        title: title(&found.title),
        source_branch: name(&found.source_branch),
        source_repository_id: found.source_project_id.map(|id| id.to_string()),
        target_branch: name(&found.target_branch),
        url: web_url(found.url.as_deref()),
        merge_commit: commit(found.merge_commit_sha.as_deref()).filter(|_| is_merged),
    }))
}

fn release(text: &str) -> Result<EventKind, PayloadError> {
    let action: wire::Action = serde_json::from_str(text)?;
    if action.action.as_deref() != Some("create") {
        return Ok(unknown("release", action.action.as_deref()));
    }
    let found: wire::Release = serde_json::from_str(text)?;
    Ok(EventKind::ReleasePublished(ReleaseEvent {
        tag: name(&found.tag),
        name: found.name.as_deref().map(title),
        url: web_url(found.url.as_deref()),
    }))
}
