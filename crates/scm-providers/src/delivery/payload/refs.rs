//! What became of a branch or a tag, told alike for all products.

use scm_types::{CommitSha, EventCommit, EventKind, PushEvent, RefEvent};

use super::member::name;

/// A branch or a tag that came, went or moved.
pub(super) struct Change<'p> {
    pub(super) target: Target<'p>,
    /// What git says it stood for; `None` if it is new.
    pub(super) before: Option<CommitSha>,
    /// What git says it stands for; `None` if it is gone.
    pub(super) after: Option<CommitSha>,
    /// True if commits were taken away from it, where the host tells.
    pub(super) forced: Option<bool>,
    /// How many commits came, where the host tells.
    pub(super) commit_count: Option<u64>,
    /// The commits that are listed, newest first.
    pub(super) commits: Vec<EventCommit>,
}

/// Of what kind it is, and its short name.
pub(super) enum Target<'p> {
    Branch(&'p str),
    /// An annotated tag stands for a tag object, so its commits are told apart.
    Tag {
        name: &'p str,
        /// The commit that it stood for, where the host tells.
        old_commit: Option<CommitSha>,
        /// The commit that it stands for, where the host tells.
        new_commit: Option<CommitSha>,
    },
}

/// A full ref name, parted.
pub(super) enum RefName<'p> {
    Branch(&'p str),
    Tag(&'p str),
}

impl<'p> RefName<'p> {
    /// `None` for notes, pull requests and whatever else lies below `refs/`.
    pub(super) fn parse(full: &'p str) -> Option<Self> {
        let branch = full.strip_prefix("refs/heads/").map(Self::Branch);
        let name = branch.or_else(|| full.strip_prefix("refs/tags/").map(Self::Tag))?;
        let (Self::Branch(short) | Self::Tag(short)) = name;
        (!short.is_empty()).then_some(name)
    }
}

impl Change<'_> {
    /// The events, in the order in which they make sense.
    pub(super) fn kinds(self) -> Vec<EventKind> {
        match self.target {
            Target::Branch(raw) => {
                let branch = name(raw);
                let reference = |commit: &CommitSha| RefEvent {
                    name: branch.clone(),
                    commit_sha: Some(commit.clone()),
                };
                let (created, after) = match (self.before.as_ref(), self.after) {
                    (None, None) => return Vec::new(),
                    (Some(before), None) => {
                        return vec![EventKind::BranchDeleted(reference(before))];
                    }
                    (None, Some(after)) => {
                        (Some(EventKind::BranchCreated(reference(&after))), after)
                    }
                    (Some(_), Some(after)) => (None, after),
                };
                let push = EventKind::Push(PushEvent {
                    branch,
                    before: self.before,
                    after,
                    forced: self.forced,
                    commit_count: self.commit_count,
                    commits: self
                        .commits
                        .into_iter()
                        .take(PushEvent::MAX_COMMITS)
                        .collect(),
                });
                created.into_iter().chain([push]).collect()
            }
            Target::Tag {
                name: raw,
                old_commit,
                new_commit,
            } => {
                let reference = |commit_sha| RefEvent {
                    name: name(raw),
                    commit_sha,
                };
                let gone = self
                    .before
                    .map(|_| EventKind::TagDeleted(reference(old_commit)));
                let made = self
                    .after
                    .map(|_| EventKind::TagCreated(reference(new_commit)));
                gone.into_iter().chain(made).collect()
            }
        }
    }
}
