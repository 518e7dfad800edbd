//! What happened at a code host, told alike for all products.
//!
//! - An event is what a delivery said, not what is true now: deliveries come late, twice and out of
//!   order.
//! - Names, titles and paths are data that anybody with a right to push can choose. They are bounded
//!   and hold no control characters; nothing else about them is certain. In particular a name need
//!   not be a [`BranchName`](crate::BranchName) or a [`TagName`](crate::TagName).
//! - `None` means that the host does not tell, never that there is nothing.

use serde::{Deserialize, Serialize};

use crate::{AccountRef, CommitSha};

/// One thing that happened. JSON is flat: `kind`, the members of that kind, `repository`, `actor`,
/// `reconciled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScmEvent {
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    /// Where; `None` for what is not about one repository, such as a suspended installation.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub repository: Option<EventRepository>,
    /// Who did it, in the form of the account of a check.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub actor: Option<AccountRef>,
    /// True if no delivery told it: branches and tags were compared with what was known of them, and
    /// this is the difference.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reconciled: bool,
}

/// A repository as a delivery names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventRepository {
    /// The host's own id, in the form of [`RepositoryInfo::id`](crate::RepositoryInfo::id);
    /// survives a rename.
    pub provider_repository_id: String,
    /// Owner and name, or the group path and name, in the host's spelling, as they were when the
    /// delivery was made. Where it differs from what is known the repository was renamed or moved.
    pub path: String,
    /// Its page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub url: Option<String>,
}

/// What happened, with what is told about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum EventKind {
    /// A branch stands for another commit than before, or for its first one.
    Push(PushEvent),
    /// A branch is new. A [`Self::Push`] of the same delivery follows.
    BranchCreated(RefEvent),
    /// A branch is gone.
    BranchDeleted(RefEvent),
    /// A tag is new. One that was moved is told as deleted and created.
    TagCreated(RefEvent),
    /// A tag is gone.
    TagDeleted(RefEvent),
    /// A pull or merge request was opened, or opened again.
    PullRequestOpened(PullRequestEvent),
    /// Its commits, its texts, its target or its readiness changed.
    PullRequestUpdated(PullRequestEvent),
    /// It was merged.
    PullRequestMerged(PullRequestEvent),
    /// It was closed, declined or deleted without being merged.
    PullRequestClosed(PullRequestEvent),
    /// A release can be seen by everybody who sees the repository.
    ReleasePublished(ReleaseEvent),
    /// The repository has another name below the same owner.
    RepositoryRenamed(MoveEvent),
    /// The repository has another owner, group, project or workspace, and maybe another name.
    RepositoryTransferred(MoveEvent),
    /// The repository takes no writes any more.
    RepositoryArchived,
    /// The repository takes writes again.
    RepositoryUnarchived,
    /// The repository is gone.
    RepositoryDeleted,
    /// Another branch is the default one.
    DefaultBranchChanged {
        /// The default branch until then.
        #[cfg_attr(feature = "openapi", schema(required))]
        old: Option<String>,
        /// The default branch from then on.
        new: String,
    },
    /// An installation of a GitHub App was suspended; its tokens are refused.
    #[cfg_attr(feature = "openapi", schema(rename_all = "camelCase"))]
    InstallationSuspended {
        /// The installation's id.
        installation_id: String,
    },
    /// An installation of a GitHub App was removed.
    #[cfg_attr(feature = "openapi", schema(rename_all = "camelCase"))]
    InstallationDeleted {
        /// The installation's id.
        installation_id: String,
    },
    /// The webhook that this delivery came through was removed at the host; it is the last one.
    #[cfg_attr(feature = "openapi", schema(rename_all = "camelCase"))]
    WebhookRemoved {
        /// The webhook's id at the host.
        #[cfg_attr(feature = "openapi", schema(required))]
        webhook_id: Option<String>,
    },
    /// The host tried the webhook out.
    Ping,
    /// Something that has no kind of its own.
    Unknown {
        /// The host's name for the event.
        event: String,
        /// What the host says was done, where it says so.
        #[cfg_attr(feature = "openapi", schema(required))]
        action: Option<String>,
    },
}

/// Commits that came to a branch, or that it was set to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PushEvent {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// What it stood for; `None` if it is new.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub before: Option<CommitSha>,
    /// What it stands for.
    pub after: CommitSha,
    /// True if commits were taken away from it.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub forced: Option<bool>,
    /// How many commits came.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub commit_count: Option<u64>,
    /// The newest of them, newest first, at most [`Self::MAX_COMMITS`].
    pub commits: Vec<EventCommit>,
}

impl PushEvent {
    /// The most commits that are listed.
    pub const MAX_COMMITS: usize = 20;
}

/// A commit that was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EventCommit {
    /// Its id.
    pub sha: CommitSha,
    /// The first line of its message.
    pub title: String,
    /// The name of its author.
    pub author: String,
    /// Its page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub url: Option<String>,
}

/// A branch or a tag that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RefEvent {
    /// Its name, without `refs/heads/` or `refs/tags/`.
    pub name: String,
    /// The commit that it stands or stood for; never a tag object.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub commit_sha: Option<CommitSha>,
}

/// A pull or merge request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PullRequestEvent {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// The branch that it brings, in the repository that `source_repository_id` names.
    pub source_branch: String,
    /// The repository of the source branch; another one than the event's for a fork.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub source_repository_id: Option<String>,
    /// The branch that it is for.
    pub target_branch: String,
    /// Its page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub url: Option<String>,
    /// What merging made, of one that was merged. Shortened ids are not told.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub merge_commit: Option<CommitSha>,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReleaseEvent {
    /// Its tag.
    pub tag: String,
    /// Its headline.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub name: Option<String>,
    /// Its page.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub url: Option<String>,
}

/// A repository that is found elsewhere from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MoveEvent {
    /// Its path until then.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub old_path: Option<String>,
    /// Its path from then on.
    pub new_path: String,
}

impl EventKind {
    /// The word that stands as `kind` in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Push(_) => "push",
            Self::BranchCreated(_) => "branch_created",
            Self::BranchDeleted(_) => "branch_deleted",
            Self::TagCreated(_) => "tag_created",
            Self::TagDeleted(_) => "tag_deleted",
            Self::PullRequestOpened(_) => "pull_request_opened",
            Self::PullRequestUpdated(_) => "pull_request_updated",
            Self::PullRequestMerged(_) => "pull_request_merged",
            Self::PullRequestClosed(_) => "pull_request_closed",
            Self::ReleasePublished(_) => "release_published",
            Self::RepositoryRenamed(_) => "repository_renamed",
            Self::RepositoryTransferred(_) => "repository_transferred",
            Self::RepositoryArchived => "repository_archived",
            Self::RepositoryUnarchived => "repository_unarchived",
            Self::RepositoryDeleted => "repository_deleted",
            Self::DefaultBranchChanged { .. } => "default_branch_changed",
            Self::InstallationSuspended { .. } => "installation_suspended",
            Self::InstallationDeleted { .. } => "installation_deleted",
            Self::WebhookRemoved { .. } => "webhook_removed",
            Self::Ping => "ping",
            Self::Unknown { .. } => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_flat_and_comes_back() {
        let event = ScmEvent {
            kind: EventKind::BranchCreated(RefEvent {
                name: "release/1.0".into(),
                commit_sha: CommitSha::parse("6113728f27ae82c7b1a177c8d03f9e96e0adf246").ok(),
            }),
            repository: Some(EventRepository {
                provider_repository_id: "186853002".into(),
                path: "octo/app".into(),
                url: None,
            }),
            actor: None,
            reconciled: false,
        };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(
            json,
            json!({
                "kind": "branch_created",
                "name": "release/1.0",
                "commitSha": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
                "repository": {
                    "providerRepositoryId": "186853002",
                    "path": "octo/app",
                    "url": null,
                },
                "actor": null,
                "reconciled": false,
            })
        );
        assert_eq!(
            serde_json::from_value::<ScmEvent>(json.clone()).unwrap(),
            event
        );
        // As it was stored before there was reconciliation.
        let mut older = json;
        older.as_object_mut().unwrap().remove("reconciled");
        assert_eq!(serde_json::from_value::<ScmEvent>(older).unwrap(), event);
    }

    #[test]
    fn kinds_are_the_words_of_the_json() {
        let pull_request = PullRequestEvent {
            number: 1,
            title: String::new(),
            source_branch: "a".into(),
            source_repository_id: None,
            target_branch: "b".into(),
            url: None,
            merge_commit: None,
        };
        let moved = MoveEvent {
            old_path: None,
            new_path: "a/b".into(),
        };
        for kind in [
            EventKind::PullRequestOpened(pull_request.clone()),
            EventKind::PullRequestMerged(pull_request),
            EventKind::RepositoryRenamed(moved.clone()),
            EventKind::RepositoryTransferred(moved),
            EventKind::RepositoryArchived,
            EventKind::DefaultBranchChanged {
                old: None,
                new: "main".into(),
            },
            EventKind::InstallationDeleted {
                installation_id: "1".into(),
            },
            EventKind::WebhookRemoved { webhook_id: None },
            EventKind::Ping,
            EventKind::Unknown {
                event: "star".into(),
                action: None,
            },
        ] {
            let json = serde_json::to_value(&kind).unwrap();
            assert_eq!(json["kind"], kind.as_str());
            assert_eq!(serde_json::from_value::<EventKind>(json).unwrap(), kind);
        }
    }
}
