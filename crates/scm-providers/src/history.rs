//! Walking the commits between two others.
//!
//! - At most [`Comparison::CAP`] commits are given. Reading goes on until the end or until one more
//!   than that was seen, so the number is exact whenever nothing was left out.
//! - Pages that are told by a number are fetched together, in growing groups: most comparisons are
//!   short, and nothing tells beforehand how many pages there are.

use std::future::Future;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scm_types::{CommitInfo, Comparison};

use crate::{
    ProviderError,
    list::PARALLEL,
    page::{ListPage, NextPage, PAGE_SIZE},
};

/// The page that tells whether there is more than the cap.
const LAST_PAGE: usize = Comparison::CAP / PAGE_SIZE + 1;

/// Commits on pages told by their numbers, from 1. A page that is not full is the last.
pub(crate) async fn numbered<F, Fut>(fetch: F) -> Result<Comparison, ProviderError>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<Vec<CommitInfo>, ProviderError>>,
{
    let mut history = History::default();
    let (mut first, mut group) = (1, 1);
    while first <= LAST_PAGE {
        let pages = first..(first + group).min(LAST_PAGE + 1);
        first = pages.end;
        group = (group * 2).min(PARALLEL);
        let pages: Vec<_> = stream::iter(pages.map(&fetch))
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        for page in pages {
            let is_last = page.len() < PAGE_SIZE;
            history.take(page);
            if is_last {
                return Ok(history.end(true));
            }
        }
    }
    Ok(history.end(false))
}

/// Commits on pages that each tell the next.
pub(crate) async fn chained<F, Fut>(fetch: F) -> Result<Comparison, ProviderError>
where
    F: Fn(Option<NextPage>) -> Fut,
    Fut: Future<Output = Result<ListPage<CommitInfo>, ProviderError>>,
{
    let mut history = History::default();
    let mut at = None;
    // Enough for one commit a page; a host that never comes to an end is left alone then.
    for _ in 0..=Comparison::CAP {
        let page = fetch(at).await?;
        history.take(page.items);
        at = page.next;
        if at.is_none() || history.is_over() {
            break;
        }
    }
    Ok(history.end(at.is_none()))
}

/// A comparison in the making.
#[derive(Default)]
struct History {
    commits: Vec<CommitInfo>,
    seen: usize,
}

impl History {
    fn take(&mut self, page: Vec<CommitInfo>) {
        self.seen += page.len();
        let room = Comparison::CAP - self.commits.len();
        self.commits.extend(page.into_iter().take(room));
    }

    fn is_over(&self) -> bool {
        self.seen > Comparison::CAP
    }

    /// `is_whole` says that the last commit was reached.
    fn end(self, is_whole: bool) -> Comparison {
        Comparison {
            count: u64::try_from(self.seen).unwrap_or(u64::MAX),
            exact: is_whole,
            truncated: !is_whole || self.is_over(),
            commits: self.commits,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use scm_types::CommitSha;

    use super::*;

    fn commits(count: usize) -> Vec<CommitInfo> {
        let commit = CommitInfo {
            sha: CommitSha::parse(&"a".repeat(40)).unwrap(),
            subject: String::new(),
            author: String::new(),
            date: None,
            pull_request: None,
            url: String::new(),
        };
        vec![commit; count]
    }

    #[tokio::test]
    async fn numbered_pages() {
        async fn check(there: usize, want: (u64, bool, bool, usize), pages: &[usize]) {
            let asked = Mutex::new(Vec::new());
            let fetch = |page: usize| {
                asked.lock().unwrap().push(page);
                let left = there.saturating_sub((page - 1) * PAGE_SIZE);
                async move { Ok(commits(left.min(PAGE_SIZE))) }
            };
            let found = numbered(fetch).await.unwrap();
            let got = (
                found.count,
                found.exact,
                found.truncated,
                found.commits.len(),
            );
            assert_eq!(got, want, "{there}");
            assert_eq!(*asked.lock().unwrap(), pages, "{there}");
        }
        let all: Vec<_> = (1..=11).collect();
        check(0, (0, true, false, 0), &[1]).await;
        check(99, (99, true, false, 99), &[1]).await;
        check(100, (100, true, false, 100), &[1, 2, 3]).await;
        check(250, (250, true, false, 250), &[1, 2, 3]).await;
        check(999, (999, true, false, 999), &all).await;
        check(1_000, (1_000, true, false, 1_000), &all).await;
        check(1_050, (1_050, true, true, 1_000), &all).await;
        check(5_000, (1_100, false, true, 1_000), &all).await;
    }

    #[tokio::test]
    async fn chained_pages() {
        async fn check(sizes: &[usize], endless: bool, want: (u64, bool, bool, usize)) {
            let asked = Mutex::new(0);
            let fetch = |_| {
                let mut asked = asked.lock().unwrap();
                let size = sizes.get(*asked).copied().unwrap_or_default();
                *asked += 1;
                let is_last = *asked >= sizes.len() && !endless;
                async move {
                    Ok(ListPage {
                        items: commits(size),
                        next: NextPage::of_query("page=x").filter(|_| !is_last),
                        rest: None,
                    })
                }
            };
            let found = chained(fetch).await.unwrap();
            let got = (
                found.count,
                found.exact,
                found.truncated,
                found.commits.len(),
            );
            assert_eq!(got, want, "{sizes:?}");
        }
        check(&[0], false, (0, true, false, 0)).await;
        check(&[100, 0, 3], false, (103, true, false, 103)).await;
        check(&[500, 500], false, (1_000, true, false, 1_000)).await;
        check(&[500, 500, 0], false, (1_000, true, false, 1_000)).await;
        check(&[500, 500, 1], false, (1_001, true, true, 1_000)).await;
        check(&[500, 500, 1, 9], false, (1_001, false, true, 1_000)).await;
        check(&[7], true, (7, false, true, 7)).await;
    }
}
