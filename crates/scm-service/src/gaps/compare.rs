//! The difference between what is known and what a host lists. Asks nobody and writes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use scm_providers::RefList;
use scm_store::{KnownRef, RefRecord, RefSource, RefWrite};
use scm_types::{CommitSha, EventKind, FullRef, PushEvent, RefEvent};

/// A host's list.
#[derive(Default)]
pub(super) struct Listed {
    /// What there is.
    pub(super) refs: BTreeMap<FullRef, CommitSha>,
    /// Known ones that were looked for a second time and are not there.
    pub(super) missing: BTreeSet<FullRef>,
}

impl Listed {
    pub(super) fn new(list: RefList) -> Self {
        let branches = list.branches.into_iter();
        let branches =
            branches.filter_map(|branch| Some((FullRef::branch(&branch.name)?, branch.commit_sha)));
        let tags = list.tags.into_iter();
        let tags = tags.filter_map(|tag| Some((FullRef::tag(&tag.name)?, tag.commit_sha)));
        Self {
            refs: branches.chain(tags).collect(),
            missing: BTreeSet::new(),
        }
    }
}

/// What a comparison comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// What is known from now on.
    pub(super) refs: Vec<RefWrite>,
    /// What has happened, refs that went first: a branch may be in the way of another.
    pub(super) events: Vec<EventKind>,
    /// True if something differs that was told only a moment ago, or that may be missing.
    pub(super) unsettled: bool,
}

/// True if a delivery has told of the ref so lately that the list may be the older one.
pub(super) fn is_fresh(known: &KnownRef, list_age: Duration) -> bool {
    known.record.source == RefSource::Delivery && known.age < list_age
}

/// Compares what is known with a list that is so old at the most. Without a `baseline` what differs
/// has not happened: it was never looked at.
pub(super) fn difference(
    known: &[KnownRef],
    listed: &Listed,
    list_age: Duration,
    baseline: bool,
) -> Difference {
    let mut found = Found {
        source: if baseline {
            RefSource::Reconciled
        } else {
            RefSource::Listing
        },
        ..Found::default()
    };
    let mut by_name: BTreeMap<&FullRef, &KnownRef> = BTreeMap::new();
    by_name.extend(known.iter().map(|it| (&it.name, it)));
    for it in by_name.values() {
        if it.record.present && !listed.refs.contains_key(&it.name) {
            if is_fresh(it, list_age) || !listed.missing.contains(&it.name) {
                found.unsettled = true;
            } else {
                found.gone(it);
            }
        }
    }
    for (name, commit) in &listed.refs {
        match by_name.get(name) {
            None => found.made(name, commit),
            Some(known) if is_at(&known.record, commit) => {}
            Some(known) if is_fresh(known, list_age) => found.unsettled = true,
            Some(known) if !known.record.present => found.made(name, commit),
            Some(known) => found.differs(known, commit),
        }
    }
    let events = found.went.into_iter().chain(found.came);
    Difference {
        refs: found.refs,
        events: if baseline {
            events.collect()
        } else {
            Vec::new()
        },
        unsettled: found.unsettled,
    }
}

fn is_at(record: &RefRecord, commit: &CommitSha) -> bool {
    record.present && record.commit.as_ref() == Some(commit)
}

struct Found {
    source: RefSource,
    refs: Vec<RefWrite>,
    went: Vec<EventKind>,
    came: Vec<EventKind>,
    unsettled: bool,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            source: RefSource::Listing,
            refs: Vec::new(),
            went: Vec::new(),
            came: Vec::new(),
            unsettled: false,
        }
    }
}

impl Found {
    fn write(&mut self, name: &FullRef, record: RefRecord) {
        self.refs.push(RefWrite {
            name: name.clone(),
            record,
        });
    }

    fn record(&self, present: bool, commit: Option<CommitSha>) -> RefRecord {
        RefRecord {
            present,
            commit,
            other: None,
            source: self.source,
        }
    }

    fn gone(&mut self, known: &KnownRef) {
        let commit = known.record.commit.clone();
        let told = reference(&known.name, commit.clone());
        self.went.push(match known.name {
            FullRef::Branch(_) => EventKind::BranchDeleted(told),
            FullRef::Tag(_) => EventKind::TagDeleted(told),
        });
        let record = self.record(false, commit);
        self.write(&known.name, record);
    }

    fn made(&mut self, name: &FullRef, commit: &CommitSha) {
        let told = reference(name, Some(commit.clone()));
        match name {
            FullRef::Branch(_) => {
                self.came.push(EventKind::BranchCreated(told));
                self.came.push(push(name, None, commit));
            }
            FullRef::Tag(_) => self.came.push(EventKind::TagCreated(told)),
        }
        let record = self.record(true, Some(commit.clone()));
        self.write(name, record);
    }

    /// It is there, and elsewhere than was known.
    fn differs(&mut self, known: &KnownRef, commit: &CommitSha) {
        let name = &known.name;
        let was = &known.record;
        let is_told = was.source == RefSource::Delivery && was.other.as_ref() == Some(commit);
        let before = match &was.commit {
            Some(before) if !is_told => before,
            // Nobody has told where it was, or a delivery has told where it is.
            _ => {
                let record = RefRecord {
                    commit: Some(commit.clone()),
                    other: None,
                    ..was.clone()
                };
                return self.write(name, record);
            }
        };
        match name {
            FullRef::Branch(_) => self.came.push(push(name, Some(before), commit)),
            FullRef::Tag(_) => {
                let reference = |at: &CommitSha| reference(name, Some(at.clone()));
                self.came.push(EventKind::TagDeleted(reference(before)));
                self.came.push(EventKind::TagCreated(reference(commit)));
            }
        }
        let other = (self.source == RefSource::Reconciled).then(|| before.clone());
        let record = RefRecord {
            other,
            ..self.record(true, Some(commit.clone()))
        };
        self.write(name, record);
    }
}

fn reference(name: &FullRef, commit_sha: Option<CommitSha>) -> RefEvent {
    RefEvent {
        name: name.name().to_owned(),
        commit_sha,
    }
}

/// Nobody has told how it got there.
fn push(name: &FullRef, before: Option<&CommitSha>, after: &CommitSha) -> EventKind {
    EventKind::Push(PushEvent {
        branch: name.name().to_owned(),
        before: before.cloned(),
        after: after.clone(),
        forced: None,
        commit_count: None,
        commits: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Duration = Duration::from_mins(1);

    fn sha(letter: char) -> CommitSha {
        CommitSha::parse(&letter.to_string().repeat(40)).unwrap()
    }

    fn name(short: &str) -> FullRef {
        FullRef::parse(&format!("refs/{short}")).unwrap()
    }

    /// Such as `heads/main a`; `-` is a commit that nobody told.
    fn known(texts: &[&str], source: RefSource) -> Vec<KnownRef> {
        let known = |text: &&str| {
            let (short, commit) = text.split_once(' ').unwrap();
            let commit = commit.chars().next().unwrap();
            KnownRef {
                name: name(short),
                record: RefRecord {
                    present: true,
                    commit: (commit != '-').then(|| sha(commit)),
                    other: None,
                    source,
                },
                age: LIST * 2,
            }
        };
        texts.iter().map(known).collect()
    }

    fn listed(texts: &[&str], known: &[KnownRef]) -> Listed {
        let refs: BTreeMap<_, _> = texts
            .iter()
            .map(|text| {
                let (short, commit) = text.split_once(' ').unwrap();
                (name(short), sha(commit.chars().next().unwrap()))
            })
            .collect();
        let missing = known.iter().map(|known| known.name.clone());
        let missing = missing.filter(|name| !refs.contains_key(name)).collect();
        Listed { refs, missing }
    }

    /// Kind, name, and where it was and is.
    fn told(events: &[EventKind]) -> Vec<String> {
        let letter = |sha: Option<&CommitSha>| {
            sha.map_or('-', |sha| sha.as_str().chars().next().unwrap_or('?'))
        };
        let told = |event: &EventKind| {
            let kind = event.as_str();
            match event {
                EventKind::Push(it) => {
                    let (before, after) = (letter(it.before.as_ref()), letter(Some(&it.after)));
                    format!("{kind} {} {before}{after}", it.branch)
                }
                EventKind::BranchCreated(it)
                | EventKind::BranchDeleted(it)
                | EventKind::TagCreated(it)
                | EventKind::TagDeleted(it) => {
                    format!("{kind} {} {}", it.name, letter(it.commit_sha.as_ref()))
                }
                other => panic!("{other:?}"),
            }
        };
        events.iter().map(told).collect()
    }

    #[test]
    fn what_differs_is_told() {
        #[track_caller]
        fn check(before: &[&str], now: &[&str], want: &[&str]) {
            for source in [
                RefSource::Listing,
                RefSource::Delivery,
                RefSource::Reconciled,
            ] {
                let known = known(before, source);
                let listed = listed(now, &known);
                let found = difference(&known, &listed, LIST, true);
                assert_eq!(told(&found.events), want, "{before:?} {now:?}");
                assert!(!found.unsettled);
                // Without a baseline the same is known, and nothing told.
                let silent = difference(&known, &listed, LIST, false);
                assert_eq!(silent.refs.len(), found.refs.len());
                assert_eq!(silent.events, []);
            }
        }
        check(&[], &[], &[]);
        check(&["heads/main a"], &["heads/main a"], &[]);
        check(&["heads/main a"], &["heads/main b"], &["push main ab"]);
        check(
            &[],
            &["heads/main a", "tags/v1 a"],
            &["branch_created main a", "push main -a", "tag_created v1 a"],
        );
        check(
            &["heads/main a", "tags/v1 b"],
            &[],
            &["branch_deleted main a", "tag_deleted v1 b"],
        );
        check(
            &["tags/v1 a"],
            &["tags/v1 b"],
            &["tag_deleted v1 a", "tag_created v1 b"],
        );
        // A rename: the old name is out of the way first.
        check(
            &["heads/a a"],
            &["heads/a/b a"],
            &["branch_deleted a a", "branch_created a/b a", "push a/b -a"],
        );
        // Where it was nobody has told.
        check(&["tags/v1 -"], &["tags/v1 a"], &[]);
        check(&["tags/v1 -"], &[], &["tag_deleted v1 -"]);
    }

    #[test]
    fn what_a_delivery_told_a_moment_ago_is_newer_than_the_list() {
        let mut known = known(
            &["heads/main b", "heads/new a", "heads/old a"],
            RefSource::Delivery,
        );
        known[2].record.present = false;
        let listed = listed(&["heads/main a", "heads/old a"], &known);
        for it in &mut known {
            it.age = LIST / 2;
        }
        let found = difference(&known, &listed, LIST, true);
        let unsettled = Difference {
            unsettled: true,
            ..Difference::default()
        };
        assert_eq!(found, unsettled);
        for it in &mut known {
            it.age = LIST;
        }
        let found = difference(&known, &listed, LIST, true);
        assert_eq!(
            told(&found.events),
            [
                "branch_deleted new a",
                "push main ba",
                "branch_created old a",
                "push old -a"
            ]
        );
    }

    #[test]
    fn what_is_missing_once_is_not_gone() {
        let known = known(&["heads/main a"], RefSource::Listing);
        let found = difference(&known, &Listed::default(), LIST, true);
        assert!(found.unsettled && found.events.is_empty() && found.refs.is_empty());
    }

    #[test]
    fn what_a_delivery_said_out_of_turn_is_not_told_again() {
        let mut before = known(&["heads/main d"], RefSource::Delivery);
        before[0].record.other = Some(sha('c'));
        let check = |now: &str| {
            let list = listed(&[now], &before);
            difference(&before, &list, LIST, true)
        };
        assert_eq!(told(&check("heads/main e").events), ["push main de"]);
        assert_eq!(check("heads/main d"), Difference::default());
        let adopted = check("heads/main c");
        assert_eq!(adopted.events, []);
        assert_eq!(adopted.refs[0].record.commit, Some(sha('c')));
        assert_eq!(adopted.refs[0].record.other, None);
    }

    #[test]
    fn where_it_was_is_remembered_for_late_deliveries() {
        let before = known(&["heads/main a"], RefSource::Listing);
        let list = listed(&["heads/main b", "heads/new a"], &before);
        let found = difference(&before, &list, LIST, true);
        let other: Vec<_> = found
            .refs
            .iter()
            .map(|it| it.record.other.clone())
            .collect();
        assert_eq!(other, [Some(sha('a')), None]);
        assert!(
            found
                .refs
                .iter()
                .all(|it| it.record.source == RefSource::Reconciled)
        );
    }
}
