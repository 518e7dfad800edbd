//! Commits and comparisons.

use scm_testkit::code_host::Reply;
use scm_types::{CommitSha, RefSpec};

use super::{bench, log};
use crate::support::git::tag;

#[tokio::test]
async fn of_a_long_comparison_only_the_newest_pages_are_read() {
    let bench = bench().await;
    let base = bench.sha("main");
    let messages = (0..2_550).map(|n| format!("Commit {n} (#{n})"));
    bench.host.repo().commits("main", messages);
    let head = bench.sha("main");
    let (provider, info) = bench.work().await;
    let found = provider.compare(&info, Some(&base), &head).await.unwrap();
    assert_eq!(
        (found.count, found.exact, found.truncated),
        (2_550, true, true)
    );
    let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
    assert_eq!(shas, log(&bench, "main", 1_000));
    assert_eq!(found.commits[0].subject, "Commit 2549 (#2549)");
    assert_eq!(
        found.commits[0].pull_request.as_ref().unwrap().number,
        2_549
    );
    // The first, and those with numbers 16 to 26.
    assert_eq!(bench.asked("GET", "/compare/"), 12);

    for (rev, want) in [("main~1550", 1_000), ("main~2450", 100), ("main~2449", 101)] {
        bench.host.forget_requests();
        let head = bench.sha(rev);
        let found = provider.compare(&info, Some(&base), &head).await.unwrap();
        assert_eq!(
            (found.count, found.exact, found.truncated),
            (want, true, false)
        );
        let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
        assert_eq!(shas, log(&bench, &format!("{base}..{rev}"), 1_000));
        let pages = usize::try_from(want.div_ceil(100)).unwrap();
        assert_eq!(bench.asked("GET", "/compare/"), pages);
    }
    let back = provider.compare(&info, Some(&head), &base).await.unwrap();
    assert_eq!(back, scm_types::Comparison::empty());
}

#[tokio::test]
async fn a_history_without_a_base_is_read_as_far_as_it_is_listed() {
    let bench = bench().await;
    let messages = (0..1_200).map(|n| format!("Commit {n}"));
    bench.host.repo().commits("main", messages);
    let (provider, info) = bench.work().await;
    for (rev, count, is_whole, calls) in [
        ("main", 1_000, false, 10),
        ("main~200", 1_000, false, 10),
        ("main~201", 1_000, true, 10),
        ("main~1101", 100, true, 1),
        ("main~1200", 1, true, 1),
    ] {
        bench.host.forget_requests();
        let found = provider
            .compare(&info, None, &bench.sha(rev))
            .await
            .unwrap();
        let got = (found.count, found.exact, found.truncated);
        assert_eq!(got, (count, is_whole, !is_whole), "{rev}");
        let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
        assert_eq!(shas, log(&bench, rev, 1_000), "{rev}");
        assert_eq!(bench.asked("GET", "/commits"), calls, "{rev}");
    }
}

#[tokio::test]
async fn histories_with_nothing_in_common_are_whole() {
    let bench = bench().await;
    let base = bench.sha("main");
    bench.host.repo().commit("island", "One");
    bench.host.repo().commit("island", "Two");
    let head = bench.sha("island");
    let (provider, info) = bench.work().await;
    let found = provider.compare(&info, Some(&base), &head).await.unwrap();
    let shas: Vec<_> = found.commits.iter().map(|it| it.sha.as_str()).collect();
    assert_eq!(shas, log(&bench, "main..island", 9));
    assert_eq!((found.count, found.exact), (2, true));
    // No tag of the other history comes before one of this.
    bench.host.repo().tag("v1", "main");
    bench.host.repo().tag("v2", "island");
    let before = provider.previous_tag(&info, &tag("v2"), &head).await;
    assert_eq!(before.unwrap(), None);
    // A 404 for another reason is not mistaken for that.
    bench
        .host
        .always("GET", "/compare/", Reply::fixture("github/repo_404"));
    assert!(provider.compare(&info, Some(&base), &head).await.is_err());
}

#[tokio::test]
async fn what_a_commit_descends_from_is_asked_without_its_files() {
    let bench = bench().await;
    bench.host.repo().tag("v1.0.0", "main");
    bench.host.repo().commit("main", "Second");
    bench.host.repo().tag("v2.0.0", "main");
    bench.host.repo().branch("side", "main~1");
    bench.host.repo().commit("side", "Fix");
    bench.host.repo().tag("v1.0.1", "side");
    let (provider, info) = bench.work().await;
    let head = bench.sha("v2.0.0");
    let before = provider.previous_tag(&info, &tag("v2.0.0"), &head).await;
    assert_eq!(before.unwrap().unwrap().name, "v1.0.0");
    let asked = format!("/compare/{head}...{}", bench.sha("v1.0.0"));
    assert_eq!(bench.asked("GET", &asked), 1, "the ancestor is the head");
}

#[tokio::test]
async fn commits_are_found_by_their_whole_id() {
    let bench = bench().await;
    let object = bench.host.repo().annotated_tag("v1", "main", "One");
    let (provider, info) = bench.work().await;
    let head = bench.sha("main");
    let spec = RefSpec::Commit(head.clone());
    assert_eq!(provider.resolve(&info, &spec).await.unwrap().commit, head);
    for other in [object.as_str(), &"0".repeat(40), &"0".repeat(64)] {
        let spec = RefSpec::Commit(CommitSha::parse(other).unwrap());
        let error = provider.resolve(&info, &spec).await.unwrap_err();
        assert_eq!(error.code(), "ref_not_found", "{other}");
    }
}
