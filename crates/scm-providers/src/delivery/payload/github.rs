//! GitHub's deliveries. The event stands in a header, `action` says what was done.

mod wire;

use scm_types::{
    AccountRef, EventCommit, EventKind, EventRepository, MoveEvent, PullRequestEvent, ReleaseEvent,
    ScmEvent,
};

use super::{
    Origin, PayloadError,
    member::{commit, name, object, person, title, word},
    refs::{Change, RefName, Target},
    unknown,
};
use crate::text::web_url;

/// The most commits that GitHub lists; if there are so many, there may be more.
const LISTED: usize = 2_048;

pub(super) fn events(event: Option<&str>, text: &str) -> Result<Vec<ScmEvent>, PayloadError> {
    let event = event.ok_or(PayloadError::Event)?;
    let envelope: wire::Envelope = serde_json::from_str(text)?;
    let action = envelope.action.as_deref();
    let origin = Origin {
        repository: envelope.repository.as_ref().map(repository),
        actor: envelope.sender.as_ref().map(actor),
    };
    let kinds = match (event, action) {
        ("push", _) => push(&serde_json::from_str(text)?)?,
        // `push` tells the same, and the commit.
        ("create" | "delete", _) => Vec::new(),
        ("pull_request", Some(action)) => vec![pull_request(action, text)?],
        ("release", Some("published")) => vec![release(&serde_json::from_str(text)?)],
        ("repository", Some(action)) => vec![changed(action, &origin, text)?],
        ("installation", Some(action @ ("suspend" | "deleted"))) => {
            vec![installation(action, &serde_json::from_str(text)?)]
        }
        ("meta", Some("deleted")) => {
            let meta: wire::Meta = serde_json::from_str(text)?;
            vec![EventKind::WebhookRemoved {
                webhook_id: meta.hook_id.map(|id| id.to_string()),
            }]
        }
        ("ping", _) => vec![EventKind::Ping],
        _ => vec![unknown(event, action)],
    };
    origin.tell(kinds)
}

fn repository(found: &wire::Repository) -> EventRepository {
    EventRepository {
        provider_repository_id: found.id.to_string(),
        path: name(&found.full_name),
        url: web_url(found.html_url.as_deref()),
    }
}

fn actor(found: &wire::User) -> AccountRef {
    AccountRef {
        id: found.id.to_string(),
        login: person(&found.login),
    }
}

fn push(found: &wire::Push) -> Result<Vec<EventKind>, PayloadError> {
    let head = found.head_commit.as_ref();
    let target = match RefName::parse(&found.reference) {
        Some(RefName::Branch(name)) => Target::Branch(name),
        Some(RefName::Tag(name)) => Target::Tag {
            name,
            // `before` and `after` of an annotated tag are tag objects.
            old_commit: None,
            new_commit: head.and_then(|head| commit(Some(&head.id))),
        },
        None => return Ok(vec![unknown("push", None)]),
    };
    let commits = found.commits.as_deref();
    let count = commits.map(<[_]>::len).filter(|count| *count < LISTED);
    let change = Change {
        target,
        before: object(found.before.as_deref())?,
        after: object(found.after.as_deref())?,
        forced: found.forced,
        commit_count: count.and_then(|count| count.try_into().ok()),
        // GitHub lists the oldest first.
        commits: commits
            .unwrap_or_default()
            .iter()
            .rev()
            .filter_map(pushed)
            .collect(),
    };
    Ok(change.kinds())
}

fn pushed(found: &wire::Commit) -> Option<EventCommit> {
    let author = found
        .author
        .as_ref()
        .and_then(|author| author.name.as_deref());
    Some(EventCommit {
        sha: commit(Some(&found.id))?,
        title: title(found.message.as_deref().unwrap_or_default()),
        author: person(author.unwrap_or_default()),
        url: web_url(found.url.as_deref()),
    })
}

fn pull_request(action: &str, text: &str) -> Result<EventKind, PayloadError> {
    let kind = match action {
        "opened" | "reopened" => EventKind::PullRequestOpened,
        "edited" | "synchronize" | "ready_for_review" | "converted_to_draft" => {
            EventKind::PullRequestUpdated
        }
        "closed" => EventKind::PullRequestClosed,
        // Labels, reviews, assignments.
        _ => return Ok(unknown("pull_request", Some(action))),
    };
    let delivery: wire::PullRequestDelivery = serde_json::from_str(text)?;
    let found = delivery.pull_request;
    let is_merged = action == "closed" && found.merged == Some(true);
    let event = PullRequestEvent {
        number: found.number,
        title: title(&found.title),
        source_branch: name(&found.head.reference),
        source_repository_id: found.head.repo.map(|repo| repo.id.to_string()),
        target_branch: name(&found.base.reference),
        url: web_url(found.html_url.as_deref()),
        // Before the merge it is a commit that only tries it out.
        merge_commit: found
            .merge_commit_sha
            .filter(|_| is_merged)
            .and_then(|sha| commit(Some(&sha))),
    };
    Ok(if is_merged {
        EventKind::PullRequestMerged(event)
    } else {
        kind(event)
    })
}

fn release(found: &wire::ReleaseDelivery) -> EventKind {
    EventKind::ReleasePublished(ReleaseEvent {
        tag: name(&found.release.tag_name),
        name: found.release.name.as_deref().map(title),
        url: web_url(found.release.html_url.as_deref()),
    })
}

/// Something about the repository itself.
fn changed(action: &str, origin: &Origin, text: &str) -> Result<EventKind, PayloadError> {
    let changes = || -> Result<wire::Changes, PayloadError> {
        let delivery: wire::RepositoryDelivery = serde_json::from_str(text)?;
        Ok(delivery.changes.unwrap_or_default())
    };
    Ok(match action {
        "renamed" => {
            let path = origin.path()?;
            let old = changes()?.old_name();
            EventKind::RepositoryRenamed(MoveEvent {
                old_path: old
                    .zip(path.split_once('/'))
                    .map(|(old, (owner, _))| name(&format!("{owner}/{old}"))),
                new_path: path.to_owned(),
            })
        }
        "transferred" => {
            let path = origin.path()?;
            let old = changes()?.old_owner();
            EventKind::RepositoryTransferred(MoveEvent {
                old_path: old
                    .zip(path.split_once('/'))
                    .map(|(old, (_, repository))| name(&format!("{old}/{repository}"))),
                new_path: path.to_owned(),
            })
        }
        "archived" => EventKind::RepositoryArchived,
        "unarchived" => EventKind::RepositoryUnarchived,
        "deleted" => EventKind::RepositoryDeleted,
        "edited" => default_branch(changes()?, text)?,
        _ => unknown("repository", Some(action)),
    })
}

/// `edited` is about the description, the topics, the home page or the default branch.
fn default_branch(changes: wire::Changes, text: &str) -> Result<EventKind, PayloadError> {
    let Some(change) = changes.default_branch else {
        return Ok(unknown("repository", Some("edited")));
    };
    let delivery: wire::DefaultBranch = serde_json::from_str(text)?;
    Ok(EventKind::DefaultBranchChanged {
        old: change.from.as_deref().map(name),
        new: name(&delivery.repository.default_branch),
    })
}

fn installation(action: &str, found: &wire::InstallationDelivery) -> EventKind {
    let installation_id = word(&found.installation.id.to_string());
    if action == "suspend" {
        EventKind::InstallationSuspended { installation_id }
    } else {
        EventKind::InstallationDeleted { installation_id }
    }
}
