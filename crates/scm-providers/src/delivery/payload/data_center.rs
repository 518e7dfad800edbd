//! Bitbucket Data Center's deliveries. The event stands in the body (`eventKey`), which is what is
//! signed; only the test delivery has it in the header alone.

mod wire;

use scm_types::{
    AccountRef, EventCommit, EventKind, EventRepository, MoveEvent, PullRequestEvent, ScmEvent,
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
    if envelope.test == Some(true) {
        let origin = Origin {
            repository: None,
            actor: None,
        };
        return origin.tell(vec![EventKind::Ping]);
    }
    let event = envelope.event_key.as_deref().or(event);
    let event = event.ok_or(PayloadError::Event)?;
    let found = match event {
        "repo:modified" => envelope.new.as_ref(),
        _ => envelope.repository.as_ref().or_else(|| envelope.target()),
    };
    let origin = Origin {
        repository: found.map(repository),
        actor: envelope.actor.as_ref().map(actor),
    };
    let kinds = match event {
        "repo:refs_changed" => push(&serde_json::from_str(text)?)?,
        "pr:opened" => vec![EventKind::PullRequestOpened(pull_request(text)?)],
        "pr:modified" | "pr:from_ref_updated" => {
            vec![EventKind::PullRequestUpdated(pull_request(text)?)]
        }
        "pr:merged" => vec![EventKind::PullRequestMerged(pull_request(text)?)],
        "pr:declined" | "pr:deleted" => vec![EventKind::PullRequestClosed(pull_request(text)?)],
        "repo:modified" => modified(&envelope),
        "diagnostics:ping" => vec![EventKind::Ping],
        _ => vec![unknown(event, None)],
    };
    origin.tell(kinds)
}

fn repository(found: &wire::Repository) -> EventRepository {
    EventRepository {
        provider_repository_id: found.id.to_string(),
        path: path(found),
        url: found.page().and_then(|url| web_url(Some(url))),
    }
}

fn path(found: &wire::Repository) -> String {
    name(&format!("{}/{}", found.project.key, found.slug))
}

fn actor(found: &wire::User) -> AccountRef {
    AccountRef {
        id: found
            .id
            .map_or_else(|| person(&found.name), |id| id.to_string()),
        login: person(&found.name),
    }
}

fn push(found: &wire::Push) -> Result<Vec<EventKind>, PayloadError> {
    // The commits that are listed are not said to belong to one of several changes.
    let (to_commit, commits) = match found.changes.as_slice() {
        [_] => (
            found.to_commit.as_ref(),
            found.commits.as_deref().unwrap_or_default(),
        ),
        _ => (None, &[][..]),
    };
    let mut kinds = Vec::new();
    for changed in &found.changes {
        let target = match RefName::parse(&changed.reference.id) {
            Some(RefName::Branch(name)) => Target::Branch(name),
            Some(RefName::Tag(name)) => Target::Tag {
                name,
                // The hashes of an annotated tag are not said to be commits.
                old_commit: None,
                new_commit: to_commit.and_then(|found| commit(Some(&found.id))),
            },
            None => {
                kinds.push(unknown("repo:refs_changed", None));
                continue;
            }
        };
        let change = Change {
            target,
            before: object(changed.from_hash.as_deref())?,
            after: object(changed.to_hash.as_deref())?,
            forced: None,
            commit_count: None,
            commits: commits.iter().filter_map(pushed).collect(),
        };
        kinds.extend(change.kinds());
    }
    Ok(kinds)
}

fn pushed(found: &wire::Commit) -> Option<EventCommit> {
    let author = found.author.as_ref();
    let author = author.and_then(|author| author.display_name.as_ref().or(author.name.as_ref()));
    Some(EventCommit {
        sha: commit(Some(&found.id))?,
        title: title(found.message.as_deref().unwrap_or_default()),
        author: person(author.map_or("", String::as_str)),
        url: None,
    })
}

fn pull_request(text: &str) -> Result<PullRequestEvent, PayloadError> {
    let delivery: wire::PullRequestDelivery = serde_json::from_str(text)?;
    let found = delivery.pull_request;
    let source = found.from_ref.repository.as_ref();
    let merged = found.properties.as_ref();
    let merged = merged.and_then(|properties| properties.merge_commit.as_ref());
    Ok(PullRequestEvent {
        number: found.id,
        title: title(&found.title),
        source_branch: name(found.from_ref.short_name()),
        source_repository_id: source.map(|found| found.id.to_string()),
        target_branch: name(found.to_ref.short_name()),
        url: found
            .links
            .as_ref()
            .and_then(wire::Links::page)
            .and_then(|url| web_url(Some(url))),
        merge_commit: merged.and_then(|merged| commit(Some(&merged.id))),
    })
}

/// A repository before and after a change of its settings, which may be several at once.
fn modified(envelope: &wire::Envelope) -> Vec<EventKind> {
    const EVENT: &str = "repo:modified";
    let Some((old, new)) = envelope.old.as_ref().zip(envelope.new.as_ref()) else {
        return vec![unknown(EVENT, None)];
    };
    let mut kinds = Vec::new();
    let (old_path, new_path) = (path(old), path(new));
    if old_path != new_path {
        let moved = MoveEvent {
            old_path: Some(old_path),
            new_path,
        };
        kinds.push(if old.project.key == new.project.key {
            EventKind::RepositoryRenamed(moved)
        } else {
            EventKind::RepositoryTransferred(moved)
        });
    }
    match (old.archived, new.archived) {
        (Some(false), Some(true)) => kinds.push(EventKind::RepositoryArchived),
        (Some(true), Some(false)) => kinds.push(EventKind::RepositoryUnarchived),
        _ => {}
    }
    if kinds.is_empty() {
        kinds.push(unknown(EVENT, None));
    }
    kinds
}
