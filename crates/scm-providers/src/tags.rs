//! Tags in the order that releases have: by version, then by date.
//!
//! - Tags with a version ([`TagVersion`]) come before those without one; the highest first. Equal
//!   versions, and tags without one, come newest commit first; where no date is known, by name.
//! - No host sorts so, and some give no dates in their lists: these are asked for where the order
//!   hangs on them, and only so many.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scm_types::{CommitSha, NewTag, RepositoryInfo, TagInfo, TagName, TagOrder, TagVersion};

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
    /// False if some tags of equal version, or without one, stand by name where they should stand by
    /// date: the host gives no dates, and there are too many such tags to ask for each.
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
    let highest = tags.iter().map(|tag| TagVersion::of(&tag.name)).max();
    tags.retain(|tag| Some(TagVersion::of(&tag.name)) == highest);
    let exact = date(host, info, &mut tags).await?;
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
/// Fails with [`ProviderError::PreviousTagUndecided`] if too many newer tags are no ancestors, or
/// too many of one version (or without one) have no date.
pub(crate) async fn previous<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    current: &TagName,
    commit: &CommitSha,
) -> Result<Option<TagInfo>, ProviderError> {
    let (mut tags, truncated) = listed(host, info, "").await?;
    tags.retain(|tag| tag.name != current.as_str() && tag.commit_sha != *commit);
    let is_many = tags.len() > MAX_CANDIDATES;
    let own = TagVersion::of(current.as_str());
    let mut asked = 0;
    for mut group in by_version(tags, own.as_ref().filter(|_| is_many)) {
        if !date(host, info, &mut group).await? {
            return Err(ProviderError::PreviousTagUndecided);
        }
        sort(&mut group);
        let room = MAX_CANDIDATES - asked;
        asked += group.len();
        let is_cut = group.len() > room;
        group.truncate(room);
        if let Some(tag) = first_ancestor(host, info, group, commit).await? {
            return Ok(Some(tag));
        }
        if is_cut {
            return Err(ProviderError::PreviousTagUndecided);
        }
    }
    if truncated {
        return Err(ProviderError::PreviousTagUndecided);
    }
    Ok(None)
}

/// Tags of one version each, the highest first, those without one last. With a `bound`, versions
/// above it come after all others: hardly ever does a tag descend from a higher one.
fn by_version(tags: Vec<TagInfo>, bound: Option<&TagVersion>) -> Vec<Vec<TagInfo>> {
    let mut groups = BTreeMap::<_, Vec<TagInfo>>::new();
    for tag in tags {
        let version = TagVersion::of(&tag.name);
        let is_above = bound.is_some() && version.as_ref() > bound;
        let group = groups.entry((is_above, Reverse(version))).or_default();
        group.push(tag);
    }
    groups.into_values().collect()
}

/// The first of the tags that a commit descends from.
async fn first_ancestor<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    tags: Vec<TagInfo>,
    commit: &CommitSha,
) -> Result<Option<TagInfo>, ProviderError> {
    let asked = tags.into_iter().map(|tag| async move {
        let descends = host.is_ancestor(info, &tag.commit_sha, commit).await?;
        Ok::<_, ProviderError>(descends.then_some(tag))
    });
    let found = stream::iter(asked)
        .buffered(CANDIDATES_AT_ONCE)
        .try_filter_map(|tag| std::future::ready(Ok(tag)));
    std::pin::pin!(found).try_next().await
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

/// Asks for the dates that the order hangs on: of tags that share their version, or have none, with
/// one of another commit. False if there are too many.
async fn date<H: Host>(
    host: &H,
    info: &RepositoryInfo,
    tags: &mut [TagInfo],
) -> Result<bool, ProviderError> {
    let mut commits = BTreeMap::<_, Vec<&CommitSha>>::new();
    for tag in tags.iter().filter(|tag| tag.date.is_none()) {
        let version = Reverse(TagVersion::of(&tag.name));
        let of_version = commits.entry(version).or_default();
        if !of_version.contains(&&tag.commit_sha) {
            of_version.push(&tag.commit_sha);
        }
    }
    // The highest versions first, so that the beginning of the order is the last to be in doubt.
    let tied = commits.into_values().filter(|commits| commits.len() > 1);
    let undated: Vec<CommitSha> = tied.flatten().cloned().collect();
    let exact = undated.len() <= MAX_DATES;
    let asked = undated.into_iter().take(MAX_DATES).map(|sha| async move {
        let commit = host.find_commit(info, &sha).await?;
        Ok::<_, ProviderError>((sha, commit.and_then(|commit| commit.date)))
    });
    let dates: HashMap<_, _> = stream::iter(asked)
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    for tag in tags {
        tag.date = tag
            .date
            .or_else(|| dates.get(&tag.commit_sha).copied().flatten());
    }
    Ok(exact)
}

/// Newest first.
fn sort(tags: &mut [TagInfo]) {
    tags.sort_by_cached_key(|tag| Reverse(TagOrder::of(&tag.name, tag.date)));
}

#[cfg(test)]
mod tests {
    use scm_types::Timestamp;

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
