//! Walking a host's lists: whole, or a part with the place where it goes on.
//!
//! - Nothing is cut silently: a part says where the next one starts, a whole list says whether the
//!   cap cut it.
//! - Where the host tells the pages to come, they are fetched together, at most
//!   [`PARALLEL`] at a time; else one after the other.
//! - The order is the host's. Pages shift while somebody makes or removes a ref: a name is given
//!   once within an answer, and may be missed or come again between two.

mod cursor;

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scm_types::{BranchInfo, PageLimit, RefSearch, TagInfo};

pub use cursor::{InvalidListCursor, ListCursor};

use crate::{
    ProviderError,
    page::{ListPage, NextPage, PAGE_SIZE},
};

/// How many pages are fetched at once.
pub(crate) const PARALLEL: usize = 10;

/// The most names of a list that is needed as a whole.
pub(crate) const CAP: usize = 20_000;

/// The most pages of a list, also of one whose pages hold little or come again and again.
const MAX_PAGES: usize = 1_000;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// A part of the names, without regard to case.
    pub search: Option<RefSearch>,
    /// How many at the most.
    pub limit: PageLimit,
    /// Where to start; `None` is the beginning.
    pub after: Option<ListCursor>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Where it goes on; `None` at the end.
    pub next: Option<ListCursor>,
}

/// All branches and tags of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefList {
    /// The branches, in the host's order.
    pub branches: Vec<BranchInfo>,
    /// The tags, peeled, in the host's order.
    pub tags: Vec<TagInfo>,
    /// True if there are too many; then none are given.
    pub truncated: bool,
}

impl RefList {
    pub(crate) fn truncated() -> Self {
        Self {
            truncated: true,
            ..Self::default()
        }
    }
}

/// What lists hold.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

impl Named for BranchInfo {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for TagInfo {
    fn name(&self) -> &str {
        &self.name
    }
}

/// A part of a list. `filters` says that the host does not search itself, so that far more pages
/// may be needed than the limit suggests.
pub(crate) async fn part<T, F, Fut>(
    fetch: F,
    request: &ListRequest,
    filters: bool,
) -> Result<Listing<T>, ProviderError>
where
    T: Named + Send,
    F: Fn(Option<NextPage>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ListPage<T>, ProviderError>> + Send,
{
    let mut part = Part::new(request);
    let start = request.after.clone().unwrap_or(ListCursor {
        page: None,
        skip: 0,
        last: None,
    });
    let mut skip = start.skip;
    // Pages whose places are known, or the one page whose place is.
    let mut ahead: VecDeque<NextPage> = start
        .page
        .as_ref()
        .zip(start.last)
        .and_then(|(page, last)| page.up_to(last))
        .unwrap_or_default()
        .into();
    let mut at = start.page;
    let mut seen_pages = 0;
    loop {
        let wave = if filters { PARALLEL } else { part.pages_left() };
        let wave: Vec<_> = ahead.drain(..wave.min(ahead.len())).collect();
        let is_told = wave.is_empty();
        let pages = if is_told {
            fetch(at.clone()).await.map(|page| vec![(at, page)])
        } else {
            together(&fetch, wave).await
        };
        let pages = match pages {
            // The first pages were the caller's wish; that the list is there is known.
            Err(ProviderError::BadRequest { .. } | ProviderError::NotFound { .. })
                if seen_pages == 0 && request.after.is_some() =>
            {
                return Err(ProviderError::CursorGone);
            }
            other => other?,
        };
        seen_pages += pages.len();
        if seen_pages > MAX_PAGES {
            return Err(ProviderError::malformed("a list without an end"));
        }
        let (mut next, count) = (None, pages.len());
        for (number, (at, page)) in pages.into_iter().enumerate() {
            next.clone_from(&page.next);
            // What one page tells as the rest is in part what came with it.
            let rest = page.rest.as_deref().unwrap_or_default();
            if ahead.is_empty() && number + 1 == count {
                ahead = rest.to_vec().into();
            }
            let last = ahead.back().or(rest.last()).and_then(NextPage::number);
            // Behind the end, where it was only said that there are more; what the host itself
            // names after an empty page is looked at.
            let is_end = page.items.is_empty() && !is_told;
            if let Some(listing) = part.take(page, at, skip, last) {
                return Ok(listing);
            }
            if is_end {
                return Ok(part.end());
            }
            skip = 0;
        }
        // Also after the pages that were told: the list may have grown.
        match next {
            _ if !ahead.is_empty() => at = None,
            Some(next) => at = Some(next),
            None => return Ok(part.end()),
        }
    }
}

/// The whole list, up to [`CAP`] names; true if that cut it.
pub(crate) async fn all<T, F, Fut>(fetch: F) -> Result<(Vec<T>, bool), ProviderError>
where
    T: Named + Send,
    F: Fn(Option<NextPage>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ListPage<T>, ProviderError>> + Send,
{
    up_to(CAP, fetch).await
}

/// The whole list, up to `cap` names; true if that cut it.
pub(crate) async fn up_to<T, F, Fut>(cap: usize, fetch: F) -> Result<(Vec<T>, bool), ProviderError>
where
    T: Named + Send,
    F: Fn(Option<NextPage>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ListPage<T>, ProviderError>> + Send,
{
    let (mut seen, mut items) = (HashSet::new(), Vec::new());
    let mut keep = |page: ListPage<T>| {
        for item in page.items {
            if seen.insert(item.name().to_owned()) {
                items.push(item);
            }
        }
        items.len()
    };
    let mut at = None;
    let mut pages = 0;
    let is_cut = loop {
        pages += 1;
        if pages > MAX_PAGES {
            return Err(ProviderError::malformed("a list without an end"));
        }
        let page = fetch(at).await?;
        let (mut next, rest) = (page.next.clone(), page.rest.clone());
        let mut count = keep(page);
        let mut rest = rest.unwrap_or_default().into_iter();
        while rest.len() > 0 && count <= cap {
            let wave: Vec<_> = rest.by_ref().take(PARALLEL * 4).collect();
            for (_, page) in together(&fetch, wave).await? {
                next.clone_from(&page.next);
                count = keep(page);
            }
        }
        match next {
            _ if count > cap => break true,
            // Behind a full page GitLab names one more, which may hold nothing.
            Some(next) => at = Some(next),
            None => break false,
        }
    };
    items.truncate(cap);
    Ok((items, is_cut))
}

/// Several pages, in order.
async fn together<T, F, Fut>(
    fetch: &F,
    pages: Vec<NextPage>,
) -> Result<Vec<(Option<NextPage>, ListPage<T>)>, ProviderError>
where
    T: Send,
    F: Fn(Option<NextPage>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<ListPage<T>, ProviderError>> + Send,
{
    let fetched = pages.into_iter().map(|at| {
        let page = fetch(Some(at.clone()));
        async move { page.await.map(|page| (Some(at), page)) }
    });
    stream::iter(fetched).buffered(PARALLEL).try_collect().await
}

/// A part in the making.
struct Part<'a, T> {
    request: &'a ListRequest,
    limit: usize,
    seen: HashSet<String>,
    items: Vec<T>,
}

impl<'a, T: Named> Part<'a, T> {
    fn new(request: &'a ListRequest) -> Self {
        Self {
            request,
            limit: usize::from(request.limit.get()),
            seen: HashSet::new(),
            items: Vec::new(),
        }
    }

    /// How many full pages it takes to reach the limit.
    fn pages_left(&self) -> usize {
        (self.limit - self.items.len()).div_ceil(PAGE_SIZE)
    }

    /// Takes what is wanted of a page; the finished part once the limit is reached.
    fn take(
        &mut self,
        page: ListPage<T>,
        at: Option<NextPage>,
        skip: usize,
        last: Option<u64>,
    ) -> Option<Listing<T>> {
        let mut items = page.items.into_iter().enumerate().skip(skip).peekable();
        while self.items.len() < self.limit {
            let (_, item) = items.next()?;
            let search = self.request.search.as_ref();
            if search.is_none_or(|search| search.matches(item.name()))
                && self.seen.insert(item.name().to_owned())
            {
                self.items.push(item);
            }
        }
        let next = match items.peek() {
            Some((skip, _)) => Some(ListCursor {
                page: at,
                skip: *skip,
                last,
            }),
            None => page.next.map(|next| ListCursor {
                page: Some(next),
                skip: 0,
                last,
            }),
        };
        Some(Listing {
            items: std::mem::take(&mut self.items),
            next,
        })
    }

    fn end(self) -> Listing<T> {
        Listing {
            items: self.items,
            next: None,
        }
    }
}

#[cfg(test)]
mod tests;
