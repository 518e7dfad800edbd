//! Against a list in memory, page by page.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::*;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item(String);

impl Named for Item {
    fn name(&self) -> &str {
        &self.0
    }
}

/// A host with a list of names.
struct Fake {
    names: Mutex<Vec<String>>,
    /// Whether it tells how many pages there are.
    counts: bool,
    calls: AtomicUsize,
    /// Calls under way, and the most there ever were.
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Fake {
    fn of(count: usize, counts: bool) -> Self {
        Self {
            names: Mutex::new((0..count).map(|n| format!("branch-{n}")).collect()),
            counts,
            calls: AtomicUsize::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    async fn page(&self, at: Option<NextPage>) -> Result<ListPage<Item>, ProviderError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, Ordering::Relaxed);

        let number = at.as_ref().and_then(NextPage::number).unwrap_or(1);
        let names = self.names.lock().unwrap().clone();
        let start = (usize::try_from(number).unwrap() - 1) * PAGE_SIZE;
        let items = names.iter().skip(start).take(PAGE_SIZE).cloned().map(Item);
        let last = names.len().div_ceil(PAGE_SIZE) as u64;
        let next = (number < last)
            .then(|| NextPage::of_pairs(&[("page", &(number + 1).to_string())]).unwrap());
        Ok(ListPage {
            items: items.collect(),
            rest: next
                .as_ref()
                .filter(|_| self.counts)
                .and_then(|next| next.up_to(last)),
            next,
        })
    }

    async fn part(&self, request: &ListRequest) -> Listing<Item> {
        let filters = request.search.is_some();
        part(|at| self.page(at), request, filters).await.unwrap()
    }

    /// The whole list in parts; the names, and the sizes of the parts.
    async fn walk(&self, search: Option<&str>, limit: u64) -> (Vec<String>, Vec<usize>) {
        let (mut names, mut sizes) = (Vec::new(), Vec::new());
        let mut request = ListRequest {
            search: search.map(|text| RefSearch::parse(text).unwrap()),
            limit: PageLimit::new(limit).unwrap(),
            after: None,
        };
        loop {
            let part = self.part(&request).await;
            sizes.push(part.items.len());
            names.extend(part.items.into_iter().map(|item| item.0));
            match part.next {
                Some(next) => request.after = Some(next.to_string().parse().unwrap()),
                None => return (names, sizes),
            }
        }
    }
}

#[tokio::test]
async fn every_name_comes_once_and_in_order() {
    for counts in [true, false] {
        for count in [0, 1, 99, 100, 101, 250, 1_000, 1_001, 2_350] {
            for limit in [1_000, 250, 100, 33] {
                let fake = Fake::of(count, counts);
                let (names, sizes) = fake.walk(None, limit).await;
                assert_eq!(names, *fake.names.lock().unwrap(), "{count}, {limit}");
                let limit = usize::try_from(limit).unwrap();
                let full = &sizes[..sizes.len() - 1];
                assert!(full.iter().all(|size| *size == limit), "{count}: {sizes:?}");
                assert!(fake.most.load(Ordering::Relaxed) <= PARALLEL);
            }
        }
    }
}

#[tokio::test]
async fn no_page_is_fetched_in_vain() {
    for counts in [true, false] {
        let fake = Fake::of(2_350, counts);
        fake.walk(None, 1_000).await;
        assert_eq!(fake.calls.load(Ordering::Relaxed), 24, "{counts}");
        let fake = Fake::of(2_350, counts);
        fake.part(&ListRequest {
            limit: PageLimit::new(100).unwrap(),
            ..ListRequest::default()
        })
        .await;
        assert_eq!(fake.calls.load(Ordering::Relaxed), 1, "{counts}");
    }
}

#[tokio::test]
async fn a_search_goes_on_until_the_part_is_full() {
    for counts in [true, false] {
        let fake = Fake::of(2_350, counts);
        let (names, _) = fake.walk(Some("77"), 5).await;
        let all = fake.names.lock().unwrap().clone();
        let want: Vec<_> = all.into_iter().filter(|name| name.contains("77")).collect();
        assert_eq!(names, want);
    }
}

#[tokio::test]
async fn a_list_that_grows_or_shrinks_is_walked_to_its_end() {
    let fake = Fake::of(1_150, true);
    let mut request = ListRequest {
        limit: PageLimit::new(1_000).unwrap(),
        ..ListRequest::default()
    };
    let first = fake.part(&request).await;
    assert_eq!(first.items.len(), 1_000);
    request.after = first.next;
    fake.names
        .lock()
        .unwrap()
        .extend((0..400).map(|n| format!("new-{n}")));
    assert_eq!(
        fake.part(&request).await.items.len(),
        550,
        "all that came behind it"
    );
    fake.names.lock().unwrap().truncate(900);
    let gone = fake.part(&request).await;
    assert!(gone.items.is_empty() && gone.next.is_none());
}

#[tokio::test]
async fn a_cursor_of_somebodys_making_costs_no_more_than_a_part() {
    let fake = Fake::of(50, true);
    let page = NextPage::of_pairs(&[("page", "1000")]).unwrap();
    let request = ListRequest {
        after: Some(ListCursor {
            page: Some(page),
            skip: 0,
            last: Some(u64::MAX),
        }),
        ..ListRequest::default()
    };
    assert!(fake.part(&request).await.items.is_empty());
    assert!(fake.calls.load(Ordering::Relaxed) <= PARALLEL);
}

#[tokio::test]
async fn a_whole_list_is_cut_at_the_cap_and_says_so() {
    for counts in [true, false] {
        for (count, cut) in [
            (0, false),
            (2_350, false),
            (20_000, false),
            (20_001, true),
            (21_000, true),
        ] {
            let fake = Fake::of(count, counts);
            let (items, is_cut) = all(|at| fake.page(at)).await.unwrap();
            assert_eq!(
                (items.len(), is_cut),
                (count.min(CAP), cut),
                "{count}, {counts}"
            );
        }
    }
}

#[test]
fn places_as_text() {
    let page = NextPage::of_query("page=2&q=a%20b");
    for (page, skip, last) in [
        (None, 7, None),
        (page.clone(), 0, Some(24)),
        (page, 100, None),
    ] {
        let cursor = ListCursor { page, skip, last };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    for raw in [
        "",
        "1",
        "1.1",
        "20001.0.",
        "x.0.",
        "1.0.!",
        "1.0.YSBi",
        "-1.0.",
        "1.0.cGFnZT0y.x",
    ] {
        assert_eq!(raw.parse::<ListCursor>(), Err(InvalidListCursor), "{raw:?}");
    }
}

#[tokio::test]
async fn a_list_without_an_end_is_left() {
    let again = |_| async {
        Ok(ListPage {
            items: vec![Item("main".to_owned())],
            next: NextPage::of_query("page_token=again"),
            rest: None,
        })
    };
    assert!(all(again).await.is_err());
    assert!(part(again, &ListRequest::default(), false).await.is_err());
}

#[tokio::test]
async fn an_empty_page_in_the_middle_is_passed() {
    let names = [vec!["a"], vec![], vec!["b"]];
    let fetch = |at: Option<NextPage>| {
        let at = at.map_or(0, |at| at.query().len());
        let items = names[at].iter().map(|name| Item((*name).to_owned()));
        let page = ListPage {
            items: items.collect(),
            next: (at < 2).then(|| NextPage::of_query(&"x".repeat(at + 1)).unwrap()),
            rest: None,
        };
        async move { Ok(page) }
    };
    let found = part(fetch, &ListRequest::default(), false).await.unwrap();
    assert_eq!(found.items.len(), 2);
    assert_eq!(all(fetch).await.unwrap().0.len(), 2);
}
