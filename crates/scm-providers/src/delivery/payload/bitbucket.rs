//! Bitbucket Cloud's deliveries. The event stands in a header.

mod wire;

use scm_types::{
    AccountRef, EventCommit, EventKind, EventRepository, MoveEvent, PullRequestEvent, ScmEvent,
};

use super::{
    Origin, PayloadError,
    member::{commit, name, object, person, title, word},
    refs::{Change, Target},
    unknown,
};
use crate::text::web_url;

pub(super) fn events(event: Option<&str>, text: &str) -> Result<Vec<ScmEvent>, PayloadError> {
    let event = event.ok_or(PayloadError::Event)?;
    let envelope: wire::Envelope = serde_json::from_str(text)?;
    let origin = Origin {
        repository: envelope.repository.as_ref().map(repository),
        actor: envelope.actor.as_ref().map(actor),
    };
    let kinds = match event {
        "repo:push" => push(text)?,
        "pullrequest:created" => vec![EventKind::PullRequestOpened(pull_request(text)?)],
        "pullrequest:updated" => vec![EventKind::PullRequestUpdated(pull_request(text)?)],
        "pullrequest:fulfilled" => vec![EventKind::PullRequestMerged(pull_request(text)?)],
        "pullrequest:rejected" => vec![EventKind::PullRequestClosed(pull_request(text)?)],
        "repo:updated" => vec![updated(&serde_json::from_str(text)?)],
        // It does not say where the repository was until then.
        "repo:transfer" => vec![EventKind::RepositoryTransferred(MoveEvent {
            old_path: None,
            new_path: origin.path()?.to_owned(),
        })],
        "repo:deleted" => vec![EventKind::RepositoryDeleted],
        _ => vec![unknown(event, None)],
    };
    origin.tell(kinds)
}

fn repository(found: &wire::Repository) -> EventRepository {
    let links = found.links.as_ref();
    EventRepository {
        provider_repository_id: word(&found.uuid),
        path: name(&found.full_name),
        url: links
            .and_then(wire::Links::page)
            .and_then(|url| web_url(Some(url))),
    }
}

fn actor(found: &wire::User) -> AccountRef {
    let login = found.nickname.as_ref().or(found.display_name.as_ref());
    AccountRef {
        id: word(&found.uuid),
        login: person(login.unwrap_or(&found.uuid)),
    }
}

fn push(text: &str) -> Result<Vec<EventKind>, PayloadError> {
    let delivery: wire::PushDelivery = serde_json::from_str(text)?;
    let mut kinds = Vec::new();
    for change in &delivery.push.changes {
        kinds.extend(changed(change)?);
    }
    Ok(kinds)
}

fn changed(found: &wire::Change) -> Result<Vec<EventKind>, PayloadError> {
    let (old, new) = (found.old.as_ref(), found.new.as_ref());
    let Some(state) = new.or(old) else {
        return Err(PayloadError::Missing("the old or the new state of a ref"));
    };
    let target = match state.kind.as_deref() {
        Some("branch") => Target::Branch(&state.name),
        Some("tag") => Target::Tag {
            name: &state.name,
            old_commit: old.and_then(tagged),
            new_commit: new.and_then(tagged),
        },
        _ => return Ok(vec![unknown("repo:push", None)]),
    };
    let commits = found.commits.as_deref();
    let count = commits.map(<[_]>::len);
    let change = Change {
        target,
        before: stands_for(old)?,
        after: stands_for(new)?,
        forced: found.forced,
        commit_count: count
            .filter(|_| found.truncated == Some(false))
            .and_then(|count| count.try_into().ok()),
        commits: commits
            .unwrap_or_default()
            .iter()
            .filter_map(pushed)
            .collect(),
    };
    Ok(change.kinds())
}

fn stands_for(state: Option<&wire::State>) -> Result<Option<scm_types::CommitSha>, PayloadError> {
    let Some(state) = state else {
        return Ok(None);
    };
    object(state.target.as_ref().map(|target| target.hash.as_str()))
}

/// Bitbucket tells the commit of a tag, not the tag object.
fn tagged(state: &wire::State) -> Option<scm_types::CommitSha> {
    commit(state.target.as_ref().map(|target| target.hash.as_str()))
}

fn pushed(found: &wire::Commit) -> Option<EventCommit> {
    let author = found.author.as_ref().and_then(wire::Author::name);
    let links = found.links.as_ref();
    Some(EventCommit {
        sha: commit(Some(&found.hash))?,
        title: title(found.message.as_deref().unwrap_or_default()),
        author: person(author.unwrap_or_default()),
        url: links
            .and_then(wire::Links::page)
            .and_then(|url| web_url(Some(url))),
    })
}

fn pull_request(text: &str) -> Result<PullRequestEvent, PayloadError> {
    let delivery: wire::PullRequestDelivery = serde_json::from_str(text)?;
    let found = delivery.pullrequest;
    let links = found.links.as_ref();
    let merged = found.merge_commit.as_ref();
    Ok(PullRequestEvent {
        number: found.id,
        title: title(&found.title),
        source_branch: name(&found.source.branch.name),
        source_repository_id: found.source.repository.map(|found| word(&found.uuid)),
        target_branch: name(&found.destination.branch.name),
        url: links
            .and_then(wire::Links::page)
            .and_then(|url| web_url(Some(url))),
        // Mostly cut to twelve digits.
        merge_commit: merged.and_then(|merged| commit(Some(&merged.hash))),
    })
}

/// A changed setting: of interest if the repository is found elsewhere afterwards.
fn updated(found: &wire::UpdatedDelivery) -> EventKind {
    let path = found
        .changes
        .as_ref()
        .and_then(|changes| changes.full_name.as_ref());
    let Some((old, new)) = path.and_then(|path| path.old.as_ref().zip(path.new.as_ref())) else {
        return unknown("repo:updated", None);
    };
    let workspace = |path: &str| {
        path.split_once('/')
            .map(|(workspace, _)| workspace.to_lowercase())
    };
    let moved = MoveEvent {
        old_path: Some(name(old)),
        new_path: name(new),
    };
    if workspace(old) == workspace(new) {
        EventKind::RepositoryRenamed(moved)
    } else {
        EventKind::RepositoryTransferred(moved)
    }
}
