//! Tags.

use std::{fmt, str::FromStr};

use scm_providers::{ProviderError, TagList};
use scm_types::{
    AuditAction, AuditDetail, BranchName, Caller, CommitSha, Ensured, IntegrationId,
    NewTag as TagAt, Operation, PageLimit, RefSearch, RefSpec, Role, TagInfo, TagName, TagOrder,
    Timestamp,
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

/// The place behind which a page of tags starts: the last tag before it. Opaque to callers. It is
/// found again also when that tag is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCursor {
    name: String,
    date: Option<Timestamp>,
}

/// A text that is no place in a list of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the nextCursor of an earlier answer, unchanged")]
pub struct InvalidTagCursor;

impl fmt::Display for TagCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date {
            Some(date) => write!(f, "tag.{}.{}", date.as_millis(), self.name),
            None => write!(f, "tag..{}", self.name),
        }
    }
}

impl FromStr for TagCursor {
    type Err = InvalidTagCursor;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let place = raw.strip_prefix("tag.").ok_or(InvalidTagCursor)?;
        let (date, name) = place.split_once('.').ok_or(InvalidTagCursor)?;
        let date = match date {
            "" => None,
            date => {
                let millis = date.parse().map_err(|_| InvalidTagCursor)?;
                Some(Timestamp::from_millis(millis).ok_or(InvalidTagCursor)?)
            }
        };
        let fits = !name.is_empty() && name.len() <= MAX_CURSOR;
        Ok(Self {
            name: fits.then(|| name.to_owned()).ok_or(InvalidTagCursor)?,
            date,
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
            .work(caller, Role::Viewer, id, &[Operation::ReadRepository])
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
            .work(caller, Role::Viewer, id, &[Operation::ReadRepository])
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
            .work(caller, Role::Viewer, id, &[Operation::ReadRepository])
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
        let operations = [Operation::CreateTag];
        let opened = self.opened(caller, Role::Editor, id, &operations).await?;
        let detail = AuditDetail::default().with("name", &new.name);
        let noting = opened.making(self, AuditAction::TagCreated, detail);
        let made = async {
            let work = self.work_with(opened, &operations).await?;
            work.make_tag(new).await
        };
        let made = made.await;
        let facts = |detail: AuditDetail, made: &Ensured<TagInfo>| {
            let detail = detail.with("commit", &made.value.commit_sha);
            detail.with("existing", made.existing)
        };
        noting.ended(&made, facts).await;
        made
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
    async fn make_tag(&self, new: &NewTag) -> Result<Ensured<TagInfo>, ServiceError> {
        let message = new.message.clone();
        let message = message.filter(|message| !message.trim().is_empty());
        match self.target(&new.name, &new.target).await? {
            Target::Existing(tag) => Ok(Ensured::existing(tag)),
            Target::At(commit) => {
                let tag = TagAt {
                    message: message.unwrap_or_else(|| new.name.to_string()),
                    name: new.name.clone(),
                    commit,
                };
                Ok(self.provider.ensure_tag(&self.info, &tag).await?)
            }
        }
    }

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

/// The part of the list behind the cursor.
fn page(list: TagList, request: &TagRequest) -> TagPage {
    let search = request.search.as_ref();
    let after = request.after.as_ref();
    let after = after.map(|after| TagOrder::of(&after.name, after.date));
    let is_behind = |tag: &TagInfo| {
        let after = after.as_ref();
        after.is_none_or(|after| TagOrder::of(&tag.name, tag.date) < *after)
    };
    let fits = |tag: &TagInfo| search.is_none_or(|search| search.matches(&tag.name));
    let mut tags = list.tags;
    tags.retain(|tag| fits(tag) && is_behind(tag));
    let limit = usize::from(request.limit.get());
    let more = tags.len() > limit;
    tags.truncate(limit);
    let next = tags.last().filter(|_| more).map(|tag| TagCursor {
        name: tag.name.clone(),
        date: tag.date,
    });
    TagPage {
        items: tags,
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
        let all = ["v4.0", "v3.0", "v2.0", "v1.0"];
        let mut request = TagRequest {
            limit: PageLimit::new(2).unwrap(),
            ..TagRequest::default()
        };
        let first = page(list(&all), &request);
        assert_eq!(names(&first), ["v4.0", "v3.0"]);
        let text = first.next.unwrap().to_string();
        request.after = Some(text.parse().unwrap());
        let last = page(list(&all), &request);
        assert_eq!(names(&last), ["v2.0", "v1.0"]);
        assert_eq!(last.next, None);
        let grown = page(list(&["v5.0", "v4.0", "v3.0", "v2.0"]), &request);
        assert_eq!(names(&grown), ["v2.0"], "one came before");
        let shrunk = page(list(&["v2.0", "v1.0"]), &request);
        assert_eq!(
            names(&shrunk),
            ["v2.0", "v1.0"],
            "all before it were removed"
        );
    }

    #[test]
    fn places_that_are_none() {
        for raw in ["", "1", "tag", "tag.", "tag..", "tag.x.v1", "2.0.", "99.v9"] {
            assert_eq!(raw.parse::<TagCursor>(), Err(InvalidTagCursor), "{raw:?}");
        }
    }
}
