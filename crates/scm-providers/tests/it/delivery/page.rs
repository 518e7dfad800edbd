//! The page about events: its examples are events, and it leaves none out.

use std::collections::BTreeSet;

use scm_types::{EventKind, ScmEvent};

const PAGE: &str = include_str!("../../../../../docs/events.md");

/// The blocks of the page that are marked as JSON.
fn examples() -> Vec<&'static str> {
    let blocks = PAGE.split("\n```json\n").skip(1);
    blocks
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect()
}

/// The events of the examples.
fn events() -> Vec<ScmEvent> {
    let parse = |example: &&str| {
        serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}:\n{example}"))
    };
    examples().iter().map(parse).collect()
}

#[test]
fn every_example_is_an_event_with_all_its_members() {
    for (example, event) in examples().iter().zip(events()) {
        let written: serde_json::Value = serde_json::from_str(example).unwrap();
        assert_eq!(serde_json::to_value(event).unwrap(), written, "{example}");
    }
}

#[test]
fn every_kind_has_an_example() {
    // A kind that is new has to be put here, for the match does not compile without it.
    let known = |kind: &EventKind| match kind {
        EventKind::Push(_)
        | EventKind::BranchCreated(_)
        | EventKind::BranchDeleted(_)
        | EventKind::TagCreated(_)
        | EventKind::TagDeleted(_)
        | EventKind::PullRequestOpened(_)
        | EventKind::PullRequestUpdated(_)
        | EventKind::PullRequestMerged(_)
        | EventKind::PullRequestClosed(_)
        | EventKind::ReleasePublished(_)
        | EventKind::RepositoryRenamed(_)
        | EventKind::RepositoryTransferred(_)
        | EventKind::RepositoryArchived
        | EventKind::RepositoryUnarchived
        | EventKind::RepositoryDeleted
        | EventKind::DefaultBranchChanged { .. }
        | EventKind::InstallationSuspended { .. }
        | EventKind::InstallationDeleted { .. }
        | EventKind::WebhookRemoved { .. }
        | EventKind::Ping
        | EventKind::Unknown { .. } => 21,
    };
    let events = events();
    let shown: BTreeSet<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(shown.len(), known(&events[0].kind), "{shown:?}");
}

#[test]
fn every_kind_stands_in_the_table() {
    for event in events() {
        let row = format!("\n| `{}` |", event.kind.as_str());
        assert!(PAGE.contains(&row), "{row}");
    }
}
