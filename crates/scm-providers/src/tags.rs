//! Tags in the order that releases have: by version, then by date.
//!
//! - Tags with a version ([`TagVersion`]) come before those without one; the highest first. Equal
//!   versions, and tags without one, come newest commit first; where no date is known, by name.
//! - No host sorts so, and some give no dates in their lists: these are asked for, for tags without
//!   a version only, and only so many.

use std::cmp::{Ordering, Reverse};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scm_types::{CommitSha, NewTag, RepositoryInfo, TagInfo, TagName, TagVersion, Timestamp};

use crate::{
    ProviderError,
    host::Host,
    list::{self, PARALLEL},
};

/// The most dates that are asked for one by one.
const MAX_DATES: usize = 100;

/// The most tags that are asked about whether another descends from them.
const MAX_CANDIDATES: usize = 64;

/// How many of them at once.
const CANDIDATES_AT_ONCE: usize = 4;

/// All tags, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagList {
    /// The tags.
    pub tags: Vec<TagInfo>,
    /// True if there are more than 20,000, of which the rest is missing here.
    pub truncated: bool,
    /// False if the order of tags without a version is by name where it should be by date: the host
    /// gives no dates, and there are too many such tags to ask for each.
    pub exact: bool,
}

/// All tags whose names begin with `prefix`.
pub(crate) async fn all<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    prefix: &str,
) -> Result<TagList, ProviderError> {
    let (mut tags, truncated) = listed(host, info, prefix).await?;
    let exact = date(host, info, &mut tags).await?;
    sort(&mut tags);
    Ok(TagList {
        tags,
        truncated,
        exact,
    })
}

/// The newest tag whose name begins with `prefix`.
pub(crate) async fn latest<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    prefix: &str,
) -> Result<TagList, ProviderError> {
    let (mut tags, truncated) = listed(host, info, prefix).await?;
    let mut exact = true;
    if !tags.iter().any(|tag| TagVersion::of(&tag.name).is_some()) {
        exact = date(host, info, &mut tags).await?;
    }
    sort(&mut tags);
    tags.truncate(1);
    Ok(TagList {
        tags,
        truncated,
        exact,
    })
}

/// The newest other tag that `current` descends from; a tag of the same commit is none.
///
/// Fails with [`ProviderError::PreviousTagUndecided`] if too many newer tags are no ancestors.
pub(crate) async fn previous<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    current: &TagName,
    commit: &CommitSha,
) -> Result<Option<TagInfo>, ProviderError> {
    let list = all(host, info, "").await?;
    let others = list
        .tags
        .into_iter()
        .filter(|tag| tag.name != current.as_str() && tag.commit_sha != *commit);
    let own = TagVersion::of(current.as_str());
    // A higher version is hardly ever an ancestor, so those are asked about last.
    let (likely, unlikely): (Vec<_>, Vec<_>) = others.partition(|tag| {
        own.is_none() || TagVersion::of(&tag.name).is_none_or(|version| Some(version) <= own)
    });
    let higher_first = unlikely.len() + likely.len() > MAX_CANDIDATES;
    let candidates: Vec<_> = if higher_first {
        likely.into_iter().chain(unlikely).collect()
    } else {
        unlikely.into_iter().chain(likely).collect()
    };
    let more = candidates.len() > MAX_CANDIDATES || list.truncated;
    let asked = candidates
        .into_iter()
        .take(MAX_CANDIDATES)
        .map(|tag| async move {
            let descends = host.is_ancestor(info, &tag.commit_sha, commit).await?;
            Ok::<_, ProviderError>(descends.then_some(tag))
        });
    let found = stream::iter(asked)
        .buffered(CANDIDATES_AT_ONCE)
        .try_filter_map(|tag| std::future::ready(Ok(tag)));
    let mut found = std::pin::pin!(found);
    match found.try_next().await? {
        Some(tag) => Ok(Some(tag)),
        None if more => Err(ProviderError::PreviousTagUndecided),
        None => Ok(None),
    }
}

/// The tags whose names begin with `prefix`, in the host's order; true if there are too many.
async fn listed<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    prefix: &str,
) -> Result<(Vec<TagInfo>, bool), ProviderError> {
    let fetch = |at| async move {
        let mut page = host.tag_page(info, Option::as_ref(&at)).await?;
        for tag in &mut page.items {
            // A list has none: some hosts tell them only one by one, and they may be long.
            tag.message = None;
        }
        Ok(page)
    };
    let (mut tags, truncated) = list::all(fetch).await?;
    tags.retain(|tag| tag.name.starts_with(prefix));
    Ok((tags, truncated))
}

/// The text for a host that makes a lightweight tag where there is none.
pub(crate) fn message(tag: &NewTag) -> &str {
    match tag.message.trim() {
        "" => tag.name.as_str(),
        _ => tag.message.as_str(),
    }
}

/// Asks for the dates of tags without a version; false if there are too many.
async fn date<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    tags: &mut [TagInfo],
) -> Result<bool, ProviderError> {
    let undated: Vec<(usize, CommitSha)> = tags
        .iter()
        .enumerate()
        .filter(|(_, tag)| tag.date.is_none() && TagVersion::of(&tag.name).is_none())
        .map(|(at, tag)| (at, tag.commit_sha.clone()))
        .collect();
    let exact = undated.len() <= MAX_DATES;
    let asked = undated
        .into_iter()
        .take(MAX_DATES)
        .map(|(at, sha)| async move {
            let commit = host.find_commit(info, &sha).await?;
            Ok::<_, ProviderError>((at, commit.and_then(|commit| commit.date)))
        });
    let dates: Vec<_> = stream::iter(asked)
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    for (at, date) in dates {
        tags[at].date = date;
    }
    Ok(exact)
}

/// Newest first.
fn sort(tags: &mut [TagInfo]) {
    type Key<'a> = (Option<TagVersion>, Option<Timestamp>);
    let key = |tag: &TagInfo| -> Key<'_> { (TagVersion::of(&tag.name), tag.date) };
    tags.sort_by_cached_key(|tag| {
        let (version, date) = key(tag);
        Reverse(Order(version, date, Reverse(tag.name.clone())))
    });
}

#[derive(PartialEq, Eq)]
struct Order(Option<TagVersion>, Option<Timestamp>, Reverse<String>);

impl PartialOrd for Order {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Order {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .cmp(&other.0)
            .then_with(|| self.1.cmp(&other.1))
            .then_with(|| self.2.cmp(&other.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_first() {
        let tag = |name: &str, date: Option<&str>| TagInfo {
            name: name.to_owned(),
            commit_sha: CommitSha::parse(&"a".repeat(40)).unwrap(),
            annotated: None,
            date: date.map(|date| Timestamp::parse(date).unwrap()),
            message: None,
        };
        let mut tags = vec![
            tag("nightly-b", None),
            tag("v1.0.0", None),
            tag("old", Some("2025-01-01T00:00:00Z")),
            tag("v2.0.0-rc.1", None),
            tag("new", Some("2026-01-01T00:00:00Z")),
            tag("wps_2.0.0", None),
            tag("v1.10.0", None),
            tag("nightly-a", None),
            tag("i_2.0.0", None),
        ];
        sort(&mut tags);
        let names: Vec<_> = tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "i_2.0.0",
                "wps_2.0.0",
                "v2.0.0-rc.1",
                "v1.10.0",
                "v1.0.0",
                "new",
                "old",
                "nightly-a",
                "nightly-b",
            ]
        );
    }
}
