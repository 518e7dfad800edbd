//! Tags.

use std::{fmt, str::FromStr};

use scm_providers::{ProviderError, TagList};
use scm_types::{
    BranchName, Caller, CommitSha, Ensured, IntegrationId, NewTag as TagAt, Operation, PageLimit,
    RefSearch, RefSpec, Role, TagInfo, TagName,
};

use super::{open::Work, refs::expect};
use crate::{ServiceError, Services};

/// The longest name in a cursor: what a host can hold, not only what we would make.
const MAX_CURSOR: usize = 1_024;

/// Which part of the tags is wanted.
#[derive(Debug, Clone, Default)]
pub struct TagRequest {
    /// Only names that begin so.
    pub prefix: String,
    /// Only names that contain this, without regard to case.
    pub search: Option<RefSearch>,
    /// How many at the most.
    pub limit: PageLimit,
    /// Where to start; `None` is the newest.
    pub after: Option<TagCursor>,
}

/// The place behind which a page of tags starts: the last tag before it. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCursor {
    position: usize,
    name: String,
}

/// A text that is no place in a list of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the nextCursor of an earlier answer, unchanged")]
pub struct InvalidTagCursor;

impl fmt::Display for TagCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.position, self.name)
    }
}

impl FromStr for TagCursor {
    type Err = InvalidTagCursor;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let (position, name) = raw.split_once('.').ok_or(InvalidTagCursor)?;
        let fits = !name.is_empty() && name.len() <= MAX_CURSOR;
        Ok(Self {
            position: position.parse().map_err(|_| InvalidTagCursor)?,
            name: fits.then(|| name.to_owned()).ok_or(InvalidTagCursor)?,
        })
    }
}

/// A page of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPage {
    /// The tags, newest first: by version, then by date.
    pub items: Vec<TagInfo>,
    /// Where it goes on; `None` at the end.
    pub next: Option<TagCursor>,
    /// True if the host has more than 20,000 tags and those beyond were not looked at.
    pub truncated: bool,
    /// False if tags without a version stand by name where they should stand by date.
    pub exact: bool,
}

/// Where a tag is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagTarget {
    /// At the head of a branch.
    Branch {
        /// The branch.
        name: BranchName,
        /// The commit that its head must be.
        expected_sha: Option<CommitSha>,
    },
    /// At a commit.
    Commit(CommitSha),
}

/// A tag to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTag {
    /// Its name.
    pub name: TagName,
    /// Where.
    pub target: TagTarget,
    /// Its message; without one it is the name.
    pub message: Option<String>,
}

impl Services {
    /// A page of tags, newest first. Needs the role viewer.
    pub async fn tags(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        request: &TagRequest,
    ) -> Result<TagPage, ServiceError> {
        let work = self
            .work(caller, Role::Viewer, id, Operation::ReadRepository)
            .await?;
        let list = work.provider.tags(&work.info, &request.prefix).await?;
        Ok(page(list, request))
    }

    /// The newest tag, by version, then by date; none if there is no tag. Needs the role viewer.
    pub async fn latest_tag(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        prefix: &str,
    ) -> Result<TagPage, ServiceError> {
        let work = self
            .work(caller, Role::Viewer, id, Operation::ReadRepository)
            .await?;
        let list = work.provider.latest_tag(&work.info, prefix).await?;
        Ok(TagPage {
            items: list.tags,
            next: None,
            truncated: list.truncated,
            exact: list.exact,
        })
    }

    /// One tag, peeled to its commit. Needs the role viewer.
    pub async fn tag(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        name: &TagName,
    ) -> Result<TagInfo, ServiceError> {
        let work = self
            .work(caller, Role::Viewer, id, Operation::ReadRepository)
            .await?;
        Ok(work.provider.tag(&work.info, name).await?)
    }

    /// An annotated tag. Needs the role editor.
    ///
    /// There already at that commit: nothing is done, even if it is a lightweight one. There at
    /// another: [`ProviderError::RefConflict`]. If the branch's head is not the expected commit:
    /// [`ServiceError::UnexpectedCommit`].
    pub async fn create_tag(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        new: &NewTag,
    ) -> Result<Ensured<TagInfo>, ServiceError> {
        let work = self
            .work(caller, Role::Editor, id, Operation::CreateTag)
            .await?;
        let message = new.message.clone();
        let message = message.filter(|message| !message.trim().is_empty());
        match work.target(&new.name, &new.target).await? {
            Target::Existing(tag) => Ok(Ensured::existing(tag)),
            Target::At(commit) => {
                let tag = TagAt {
                    message: message.unwrap_or_else(|| new.name.to_string()),
                    name: new.name.clone(),
                    commit,
                };
                Ok(work.provider.ensure_tag(&work.info, &tag).await?)
            }
        }
    }
}

/// Where a tag goes.
pub(super) enum Target {
    /// There is one where it was expected, and the branch went on since.
    Existing(TagInfo),
    /// Here, unless there is one.
    At(CommitSha),
}

impl Work {
    /// Looks for the commit that a tag is to be made at.
    pub(super) async fn target(
        &self,
        tag: &TagName,
        target: &TagTarget,
    ) -> Result<Target, ServiceError> {
        let (name, expected) = match target {
            TagTarget::Commit(sha) => {
                let spec = RefSpec::Commit(sha.clone());
                let found = self.provider.resolve(&self.info, &spec).await?;
                return Ok(Target::At(found.commit));
            }
            TagTarget::Branch { name, expected_sha } => (name, expected_sha.as_ref()),
        };
        let spec = RefSpec::Branch(name.clone());
        let head = self.provider.resolve(&self.info, &spec).await?;
        let Err(moved) = expect(&head, expected) else {
            return Ok(Target::At(head.commit));
        };
        match self.provider.tag(&self.info, tag).await {
            Ok(found) if Some(&found.commit_sha) == expected => Ok(Target::Existing(found)),
            Ok(_) | Err(ProviderError::RefNotFound { .. }) => Err(moved),
            Err(error) => Err(error.into()),
        }
    }
}

/// The part of the list behind the cursor. A tag that was removed meanwhile leaves its place to the
/// one that stood behind it.
fn page(list: TagList, request: &TagRequest) -> TagPage {
    let search = request.search.as_ref();
    let fits = |tag: &TagInfo| search.is_none_or(|search| search.matches(&tag.name));
    let mut tags: Vec<_> = list.tags.into_iter().filter(fits).collect();
    let start = request.after.as_ref().map_or(0, |after| {
        let at = tags.iter().position(|tag| tag.name == after.name);
        at.map_or(after.position.saturating_sub(1), |at| at + 1)
    });
    let mut rest = tags.split_off(start.min(tags.len()));
    let limit = usize::from(request.limit.get());
    let more = rest.len() > limit;
    rest.truncate(limit);
    let next = rest.last().filter(|_| more).map(|tag| TagCursor {
        position: start + rest.len(),
        name: tag.name.clone(),
    });
    TagPage {
        items: rest,
        next,
        truncated: list.truncated,
        exact: list.exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> TagList {
        TagList {
            tags: names
                .iter()
                .map(|name| TagInfo {
                    name: (*name).to_owned(),
                    commit_sha: CommitSha::parse(&"a".repeat(40)).unwrap(),
                    annotated: None,
                    date: None,
                    message: None,
                })
                .collect(),
            truncated: false,
            exact: true,
        }
    }

    fn names(page: &TagPage) -> Vec<&str> {
        page.items.iter().map(|tag| tag.name.as_str()).collect()
    }

    #[test]
    fn pages_follow_one_another() {
        let all = ["v4", "v3", "v2", "v1"];
        let mut request = TagRequest {
            limit: PageLimit::new(2).unwrap(),
            ..TagRequest::default()
        };
        let first = page(list(&all), &request);
        assert_eq!(names(&first), ["v4", "v3"]);
        let text = first.next.unwrap().to_string();
        request.after = Some(text.parse().unwrap());
        let last = page(list(&all), &request);
        assert_eq!(names(&last), ["v2", "v1"]);
        assert_eq!(last.next, None);
        let grown = page(list(&["v5", "v4", "v3", "v2"]), &request);
        assert_eq!(names(&grown), ["v2"], "one came before");
        let shrunk = page(list(&["v4", "v2", "v1"]), &request);
        assert_eq!(names(&shrunk), ["v2", "v1"], "it was removed");
        request.after = Some("99.v9".parse().unwrap());
        assert!(page(list(&all), &request).items.is_empty());
    }

    #[test]
    fn places_that_are_none() {
        for raw in ["", "1", ".v1", "x.v1", "1.", "-1.v1"] {
            assert_eq!(raw.parse::<TagCursor>(), Err(InvalidTagCursor), "{raw:?}");
        }
    }
}
