//! What a delivery says of branches and tags, beside what is known of them.
//!
//! - What a comparison has told already is not told again, for a while: what a ref stands for now,
//!   and every step that led there from where it was.
//! - Everything else is told. If it does not follow on what is known, it is either older than that or
//!   a step was lost; both are remembered, and the next comparison tells nothing of either.

use std::{collections::HashSet, time::Duration};

use scm_store::{KnownRef, RefMoves, RefRecord, RefSource, RefWrite, StoreError};
use scm_types::{CommitSha, EventKind, FullRef, IntegrationId, ScmEvent};

use crate::Services;

/// How long after a comparison a delivery may come late. Then what looks like it is another thing.
const LATE: Duration = Duration::from_hours(6);

/// What a delivery comes to.
#[derive(Default)]
pub(crate) struct Tracked {
    /// How it moves what is known, if it is about refs that are kept.
    pub(crate) moves: Option<RefMoves>,
    told: HashSet<FullRef>,
}

impl Tracked {
    /// True if a comparison has told the event already.
    pub(crate) fn is_told(&self, event: &ScmEvent) -> bool {
        ref_of(&event.kind).is_some_and(|name| self.told.contains(&name))
    }
}

impl Services {
    /// Compares events of a delivery with what is known.
    pub(crate) async fn track(
        &self,
        id: &IntegrationId,
        events: &[ScmEvent],
    ) -> Result<Tracked, StoreError> {
        let touched = touched(events);
        if touched.is_empty() {
            return Ok(Tracked::default());
        }
        let mut tally = self.refs.tally(id).await?;
        if tally.is_none() {
            // Its webhook is from before this was kept.
            self.refs.begin(id).await?;
            tally = self.refs.tally(id).await?;
        }
        let Some(tally) = tally.filter(|tally| !tally.too_many) else {
            return Ok(Tracked::default());
        };
        let names: Vec<FullRef> = touched.iter().map(|it| it.name.clone()).collect();
        let known = self.refs.known(id, &names).await?;
        let mut tracked = Tracked::default();
        let mut refs = Vec::with_capacity(touched.len());
        for it in touched {
            let known = known.iter().find(|known| known.name == it.name);
            let record = match known.and_then(|known| already_told(&it, known)) {
                Some(record) => {
                    tracked.told.insert(it.name.clone());
                    record
                }
                None => moved(&it, known.map(|known| &known.record)),
            };
            refs.push(RefWrite {
                name: it.name,
                record,
            });
        }
        tracked.moves = Some(RefMoves {
            version: tally.version,
            refs,
        });
        Ok(tracked)
    }
}

/// What a delivery says of one ref.
#[derive(Debug, PartialEq, Eq)]
struct Touched {
    name: FullRef,
    was: Was,
    is: Is,
}

/// What it was before.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Was {
    New,
    At(CommitSha),
    /// There, but nobody says where.
    Unknown,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
enum Is {
    /// It is there; where, if that is told.
    At(Option<CommitSha>),
    Gone,
}

/// The branch or tag that an event is about, if it is about what that stands for.
fn ref_of(kind: &EventKind) -> Option<FullRef> {
    match kind {
        EventKind::Push(push) => FullRef::branch(&push.branch),
        EventKind::BranchCreated(it) | EventKind::BranchDeleted(it) => FullRef::branch(&it.name),
        EventKind::TagCreated(it) | EventKind::TagDeleted(it) => FullRef::tag(&it.name),
        _ => None,
    }
}

/// The refs that events are about; of each what it was before the first and is after the last.
fn touched(events: &[ScmEvent]) -> Vec<Touched> {
    let mut all: Vec<Touched> = Vec::new();
    for event in events {
        let Some(name) = ref_of(&event.kind) else {
            continue;
        };
        let at_or_unknown = |sha: &Option<CommitSha>| sha.clone().map_or(Was::Unknown, Was::At);
        let (was, is) = match &event.kind {
            EventKind::Push(push) => (
                push.before.clone().map_or(Was::New, Was::At),
                Is::At(Some(push.after.clone())),
            ),
            EventKind::BranchCreated(it) | EventKind::TagCreated(it) => {
                (Was::New, Is::At(it.commit_sha.clone()))
            }
            EventKind::BranchDeleted(it) | EventKind::TagDeleted(it) => {
                (at_or_unknown(&it.commit_sha), Is::Gone)
            }
            _ => continue,
        };
        match all.iter_mut().find(|known| known.name == name) {
            Some(known) => known.is = is,
            None => all.push(Touched { name, was, is }),
        }
    }
    all
}

/// What is known from now on, if a comparison has told this already.
fn already_told(touched: &Touched, known: &KnownRef) -> Option<RefRecord> {
    let record = &known.record;
    if record.source != RefSource::Reconciled || known.age > LATE {
        return None;
    }
    match &touched.is {
        Is::Gone if !record.present => return Some(record.clone()),
        Is::At(None) if record.present => return Some(record.clone()),
        Is::At(commit) if record.present && *commit == record.commit => {
            return Some(record.clone());
        }
        _ => {}
    }
    // The next step on the way from where it was: then the one after that is the next.
    let start = if record.present {
        &record.other
    } else {
        &record.commit
    };
    let goes_on = match (&touched.was, start) {
        (Was::At(was), Some(start)) => was == start,
        // It was not there before.
        (Was::New, None) => record.present,
        _ => false,
    };
    match (&touched.is, goes_on) {
        (Is::At(Some(step)), true) if record.present => Some(RefRecord {
            other: Some(step.clone()),
            ..record.clone()
        }),
        (Is::At(Some(step)), true) => Some(RefRecord {
            commit: Some(step.clone()),
            ..record.clone()
        }),
        // Gone for a moment.
        (Is::Gone, true) => Some(RefRecord {
            other: None,
            ..record.clone()
        }),
        _ => None,
    }
}

/// What is known from now on, by a delivery that is told.
fn moved(touched: &Touched, known: Option<&RefRecord>) -> RefRecord {
    let delivered = |present, commit, other| RefRecord {
        present,
        commit,
        other,
        source: RefSource::Delivery,
    };
    let commit = match &touched.is {
        Is::At(commit) => commit.clone(),
        Is::Gone => {
            let was = match &touched.was {
                Was::At(was) => Some(was.clone()),
                Was::New | Was::Unknown => known.and_then(|known| known.commit.clone()),
            };
            return delivered(false, was, None);
        }
    };
    let before = known
        .filter(|known| known.present)
        .and_then(|known| known.commit.clone());
    match (before, &touched.was, commit) {
        // Older than what is known, or a step between was lost.
        (Some(known), Was::At(was), Some(commit)) if *was != known && commit != known => {
            delivered(true, Some(known), Some(commit))
        }
        (_, _, commit) => delivered(true, commit, None),
    }
}

#[cfg(test)]
mod tests {
    use scm_types::{PushEvent, RefEvent};

    use super::*;

    /// A commit of one letter.
    fn sha(letter: char) -> CommitSha {
        CommitSha::parse(&letter.to_string().repeat(40)).unwrap()
    }

    fn shas(letter: char) -> Option<CommitSha> {
        (letter != '-').then(|| sha(letter))
    }

    fn event(kind: EventKind) -> ScmEvent {
        ScmEvent {
            kind,
            repository: None,
            actor: None,
            reconciled: false,
        }
    }

    /// `ab` is a push from a to b; `-` is nothing, `*` unknown.
    fn step(text: &str) -> Touched {
        let mut letters = text.chars();
        let (was, is) = (letters.next().unwrap(), letters.next().unwrap());
        Touched {
            name: FullRef::branch("main").unwrap(),
            was: match was {
                '-' => Was::New,
                '*' => Was::Unknown,
                was => Was::At(sha(was)),
            },
            is: match is {
                '-' => Is::Gone,
                '*' => Is::At(None),
                is => Is::At(Some(sha(is))),
            },
        }
    }

    fn record(source: RefSource, present: bool, commit: char, other: char) -> RefRecord {
        RefRecord {
            present,
            commit: shas(commit),
            other: shas(other),
            source,
        }
    }

    fn known(record: RefRecord) -> KnownRef {
        KnownRef {
            name: FullRef::branch("main").unwrap(),
            record,
            age: Duration::from_mins(1),
        }
    }

    #[test]
    fn refs_of_a_delivery() {
        let push = |before: char, after: char| {
            event(EventKind::Push(PushEvent {
                branch: "main".to_owned(),
                before: shas(before),
                after: sha(after),
                forced: None,
                commit_count: None,
                commits: Vec::new(),
            }))
        };
        let it = |commit: char| RefEvent {
            name: "main".to_owned(),
            commit_sha: shas(commit),
        };
        let tag = |step: &str| Touched {
            name: FullRef::tag("main").unwrap(),
            ..self::step(step)
        };
        let created = event(EventKind::BranchCreated(it('a')));
        assert_eq!(touched(&[created, push('-', 'a')]), [step("-a")]);
        assert_eq!(touched(&[push('a', 'b')]), [step("ab")]);
        let gone = event(EventKind::BranchDeleted(it('a')));
        assert_eq!(touched(&[gone]), [step("a-")]);
        let moved = [
            event(EventKind::TagDeleted(it('-'))),
            event(EventKind::TagCreated(it('b'))),
        ];
        assert_eq!(touched(&moved), [tag("*b")]);
        assert_eq!(touched(&[event(EventKind::Ping)]), []);
    }

    #[test]
    fn what_was_reconciled_is_not_told_again_step_by_step() {
        #[track_caller]
        fn check(mut record: RefRecord, late: &[&str], told: &[&str]) {
            for text in late {
                let next = already_told(&step(text), &known(record.clone()));
                record = next.unwrap_or_else(|| panic!("{text} after {record:?} is news"));
            }
            for text in told {
                assert_eq!(
                    already_told(&step(text), &known(record.clone())),
                    None,
                    "{text}"
                );
            }
        }
        let reconciled =
            |present, commit, other| record(RefSource::Reconciled, present, commit, other);
        // From a to d: all on the way, whether it comes as one push or as three.
        check(reconciled(true, 'd', 'a'), &["ad"], &["de", "d-"]);
        check(reconciled(true, 'd', 'a'), &["ab", "bc", "cd"], &["de"]);
        check(reconciled(true, 'd', 'a'), &["ab", "bd"], &["da", "ef"]);
        check(reconciled(true, 'd', 'a'), &["a-", "-d"], &["d-"]);
        // New at b.
        check(reconciled(true, 'b', '-'), &["-a", "ab"], &["bc"]);
        // Gone, from a.
        check(reconciled(false, 'a', '-'), &["ab", "b-"], &["-a"]);
        check(reconciled(false, 'a', '-'), &["*-"], &["-c"]);
        // A tag of which the host does not say where it is.
        check(reconciled(true, 'b', '-'), &["-*"], &["b-"]);
    }

    #[test]
    fn only_a_comparison_of_late_makes_something_told() {
        for source in [RefSource::Listing, RefSource::Delivery] {
            let known = known(record(source, true, 'b', 'a'));
            assert_eq!(already_told(&step("ab"), &known), None);
        }
        let mut known = known(record(RefSource::Reconciled, true, 'b', 'a'));
        known.age = LATE + Duration::from_secs(1);
        assert_eq!(already_told(&step("ab"), &known), None);
    }

    #[test]
    fn what_is_known_follows_deliveries() {
        use RefSource::{Delivery, Listing, Reconciled};
        #[track_caller]
        fn check(known: Option<&RefRecord>, text: &str, want: &RefRecord) {
            assert_eq!(&moved(&step(text), known), want, "{text} after {known:?}");
        }
        let delivered = |commit, other| record(Delivery, true, commit, other);
        let gone = |commit| record(Delivery, false, commit, '-');
        check(None, "ab", &delivered('b', '-'));
        check(None, "a-", &gone('a'));
        for source in [Listing, Delivery, Reconciled] {
            let at = |commit| record(source, true, commit, '-');
            for (known, text, want) in [
                (at('a'), "ab", delivered('b', '-')),
                (at('a'), "a-", gone('a')),
                (at('a'), "*-", gone('a')),
                (at('b'), "ab", delivered('b', '-')),
                (at('a'), "-c", delivered('c', '-')),
                // Does not follow: what is known stays, and what was said is remembered.
                (at('d'), "bc", delivered('d', 'c')),
                (record(source, false, 'a', '-'), "-b", delivered('b', '-')),
                (at('-'), "ab", delivered('b', '-')),
                (at('a'), "-*", delivered('-', '-')),
            ] {
                check(Some(&known), text, &want);
            }
        }
        check(Some(&delivered('d', 'b')), "bc", &delivered('d', 'c'));
        check(Some(&delivered('d', 'c')), "de", &delivered('e', '-'));
    }
}
