//! Branches: complete lists, exact names, and making one whatever is there.

use std::collections::BTreeSet;

use scm_providers::{ListRequest, ProviderError};
use scm_testkit::git_host::Dialect;
use scm_types::{PageLimit, RefKind, RefSearch};

use super::{NAMES, conflict, on_every_dialect};
use crate::support::git::{GitBench, branch};

/// Walks a list to its end; the names, and how many parts it took.
async fn walk(bench: &GitBench, search: Option<&str>, limit: u64) -> (Vec<String>, usize) {
    let (mut names, mut parts) = (Vec::new(), 0);
    let mut request = ListRequest {
        search: search.map(|text| RefSearch::parse(text).unwrap()),
        limit: PageLimit::new(limit).unwrap(),
        after: None,
    };
    loop {
        // A new handle for each part: nothing is kept between two requests but the cursor.
        let (provider, info) = bench.work().await;
        let part = provider.branches(&info, &request).await.unwrap();
        assert!(part.items.len() <= usize::try_from(limit).unwrap());
        names.extend(part.items.into_iter().map(|branch| branch.name));
        parts += 1;
        match part.next {
            Some(next) => request.after = Some(next.to_string().parse().unwrap()),
            None => return (names, parts),
        }
    }
}

#[tokio::test]
async fn every_branch_is_listed_once_whatever_the_size_of_the_parts() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let names = (0..2_349).map(|n| format!("team-{}/branch-{n:04}", n % 7));
        bench.host.repo().branches(names, "main");
        let want: BTreeSet<String> = bench.host.repo().branch_names().into_iter().collect();
        assert_eq!(want.len(), 2_350);
        for limit in [1_000, 250] {
            let (names, parts) = walk(&bench, None, limit).await;
            assert_eq!(names.len(), 2_350, "{dialect:?}, {limit}");
            assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), want);
            let fewest = 2_350_usize.div_ceil(usize::try_from(limit).unwrap());
            assert!((fewest..=fewest + 1).contains(&parts), "{dialect:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_search_finds_every_name_that_contains_it_in_any_case() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let names = (0..450).map(|n| match n % 3 {
            0 => format!("App/Release-{n}"),
            1 => format!("release/{n}$"),
            _ => format!("feature/{n}"),
        });
        bench.host.repo().branches(names, "main");
        let all = bench.host.repo().branch_names();
        for (search, limit) in [
            ("RELEASE", 1_000),
            ("release", 7),
            ("3$", 100),
            ("nope", 10),
        ] {
            let wanted = all
                .iter()
                .filter(|name| name.to_lowercase().contains(&search.to_lowercase()));
            let want: BTreeSet<_> = wanted.cloned().collect();
            let (names, _) = walk(&bench, Some(search), limit).await;
            assert_eq!(names.len(), want.len(), "{dialect:?}, {search}");
            assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), want);
        }
    })
    .await;
}

#[tokio::test]
async fn a_branch_is_found_by_its_exact_name() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        for name in NAMES {
            bench.host.repo().commit(name, "On a branch");
        }
        let (provider, info) = bench.work().await;
        for name in NAMES {
            let found = provider.branch(&info, &branch(name)).await.unwrap();
            assert_eq!(found.name, name, "{dialect:?}");
            let want = bench.sha(&format!("refs/heads/{name}"));
            assert_eq!(found.commit_sha, want, "{dialect:?}, {name}");
            assert!(!found.default);
        }
        assert!(provider.branch(&info, &branch("main")).await.unwrap().default);
        for name in ["release", "release/v1.0", "Main", "feature/a", "100", "mai*".trim_end_matches('*')] {
            let error = provider.branch(&info, &branch(name)).await.unwrap_err();
            assert!(
                matches!(&error, ProviderError::RefNotFound { kind: RefKind::Branch, name: missing } if missing == name),
                "{dialect:?}, {name}: {error:?}"
            );
            assert!(!error.is_definite() && error.to_string().contains(name));
        }
    })
    .await;
}

#[tokio::test]
async fn a_branch_is_made_once_and_found_again() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let first = bench.sha("main");
        bench.host.repo().commit("main", "Second");
        let (provider, info) = bench.work().await;
        for name in NAMES {
            let new = branch(name);
            let made = provider.ensure_branch(&info, &new, &first).await.unwrap();
            assert!(!made.existing, "{dialect:?}, {name}");
            assert_eq!(made.value.name, name);
            assert_eq!(made.value.commit_sha, first);
            assert_eq!(bench.sha(&format!("refs/heads/{name}")), first);

            let writes = bench.host.writes().len();
            let again = provider.ensure_branch(&info, &new, &first).await.unwrap();
            assert!(again.existing, "{dialect:?}, {name}");
            assert_eq!(again.value, made.value);
            assert_eq!(bench.host.writes().len(), writes, "nothing is sent");
        }
    })
    .await;
}

#[tokio::test]
async fn a_branch_elsewhere_is_a_conflict_that_names_both_commits() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let first = bench.sha("main");
        bench.host.repo().commit("main", "Second");
        let second = bench.sha("main");
        let (provider, info) = bench.work().await;
        let error = provider
            .ensure_branch(&info, &branch("main"), &first)
            .await
            .unwrap_err();
        let got = conflict(&error, RefKind::Branch);
        assert_eq!(got, (&second, &first), "{dialect:?}");
        assert_eq!(bench.sha("main"), second, "nothing was moved");
        assert!(bench.host.writes().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_name_in_the_way_of_another_is_refused() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let first = bench.sha("main");
        let (provider, info) = bench.work().await;
        let error = provider
            .ensure_branch(&info, &branch("main/sub"), &first)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "ref_refused", "{dialect:?}: {error:?}");
        assert_eq!(bench.host.repo().branch_names(), ["main"]);
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_is_not_there_makes_no_branch() {
    on_every_dialect(|bench| async move {
        let dialect = bench.host.dialect();
        let (provider, info) = bench.work().await;
        let nowhere = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let error = provider
            .ensure_branch(&info, &branch("new"), &nowhere)
            .await
            .unwrap_err();
        assert_eq!(error.code(), "ref_refused", "{dialect:?}: {error:?}");
        assert_eq!(bench.host.repo().branch_names(), ["main"]);
    })
    .await;
}

#[tokio::test]
async fn a_place_that_is_gone_is_told() {
    // Its keys are names, and the page before ended with one that is gone now.
    let bench = GitBench::start(Dialect::Gitlab).await;
    let names = (0..150).map(|n| format!("branch-{n:03}"));
    bench.host.repo().branches(names, "main");
    let mut request = ListRequest {
        limit: PageLimit::new(100).unwrap(),
        ..ListRequest::default()
    };
    let (provider, info) = bench.work().await;
    let first = provider.branches(&info, &request).await.unwrap();
    request.after = first.next;
    let last = &first.items.last().unwrap().name;
    bench.host.repo().delete_ref(&format!("refs/heads/{last}"));
    let error = provider.branches(&info, &request).await.unwrap_err();
    assert!(matches!(error, ProviderError::CursorGone), "{error:?}");
}

#[tokio::test]
async fn a_cursor_carries_nothing_but_a_place() {
    for dialect in Dialect::ALL {
        let bench = GitBench::start(dialect).await;
        let (provider, info) = bench.work().await;
        // skip, last page, and a query of somebody's making: page=2&start=0&sudo=root&q=x
        let cursor = "0.0.cGFnZT0yJnN0YXJ0PTAmc3Vkbz1yb290JnE9eA";
        let request = ListRequest {
            after: Some(cursor.parse().unwrap()),
            ..ListRequest::default()
        };
        let _ = provider.branches(&info, &request).await;
        let asked = bench.host.requests();
        let query = &asked.last().unwrap().query;
        assert!(
            !query.contains("sudo") && !query.contains("q=x"),
            "{dialect:?}: {query}"
        );
    }
}
