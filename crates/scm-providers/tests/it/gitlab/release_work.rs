//! Release work where GitLab has its own ways, against a real repository.

use scm_providers::{ListRequest, ProviderError};
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};
use scm_types::{NewRelease, RefSearch};
use serde_json::json;

use crate::support::git::{GitBench, branch, new_tag, release, tag};

async fn bench() -> GitBench {
    GitBench::start(Dialect::Gitlab).await
}

#[tokio::test]
async fn a_full_page_announces_one_more_that_may_be_empty() {
    let bench = bench().await;
    let names = |what: &'static str| (0..199).map(move |n| format!("{what}-{n:03}"));
    bench.host.repo().branches(names("topic"), "main");
    bench.host.repo().tags(names("build"), "main");
    bench.host.repo().tag("v1", "main");
    let (provider, info) = bench.work().await;
    let list = provider.branches(&info, &ListRequest::default()).await;
    let list = list.unwrap();
    assert_eq!((list.items.len(), list.next), (200, None));
    let asked = bench.queries("/repository/branches");
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(asked[0], "pagination=keyset&per_page=100");
    assert!(asked[2].contains("page_token=topic-198"), "{asked:?}");

    assert_eq!(provider.tags(&info, "").await.unwrap().tags.len(), 200);
    let asked = bench.queries("/repository/tags");
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked.iter().all(|query| query.contains("order_by=name")));
}

#[tokio::test]
async fn a_search_is_walked_by_numbers_and_holds_no_anchor() {
    let bench = bench().await;
    let names = (0..250).map(|n| format!("wanted$/{n:03}"));
    bench.host.repo().branches(names, "main");
    let other = (0..50).map(|n| format!("wanted/{n:03}"));
    bench.host.repo().branches(other, "main");
    let (provider, info) = bench.work().await;
    let request = ListRequest {
        search: Some(RefSearch::parse("Wanted$").unwrap()),
        ..ListRequest::default()
    };
    let list = provider.branches(&info, &request).await.unwrap();
    assert_eq!((list.items.len(), list.next), (250, None));
    let asked = bench.queries("/repository/branches");
    assert_eq!(asked[0], "search=Wanted&per_page=100");
    assert!(asked[1].contains("page=2"), "{asked:?}");
    assert_eq!(asked.len(), 4, "{asked:?}");
}

#[tokio::test]
async fn a_tag_is_made_with_its_object_in_one_call() {
    let bench = bench().await;
    let head = bench.sha("main");
    let (provider, info) = bench.work().await;
    let made = provider.ensure_tag(&info, &new_tag("rel/v1", &head)).await;
    let made = made.unwrap();
    assert!(!made.existing);
    assert_eq!(made.value.annotated, Some(true));
    let message = made.value.message.unwrap();
    assert_eq!(message.trim_end(), "Line one\n\nLine two");
    assert!(made.value.date.is_some());
    assert_eq!(bench.host.writes().len(), 1);
    let repo = bench.host.repo();
    assert_eq!(repo.object_type("rel/v1").as_deref(), Some("tag"));

    // A message is what makes a tag annotated.
    let mut blank = new_tag("rel/v2", &head);
    blank.message = " \n".to_owned();
    provider.ensure_tag(&info, &blank).await.unwrap();
    assert_eq!(repo.object_type("rel/v2").as_deref(), Some("tag"));
    let lists = provider.tags(&info, "").await.unwrap();
    assert!(lists.tags.iter().all(|tag| tag.message.is_none()));
}

#[tokio::test]
async fn tags_of_no_commit_are_left_out() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    let head = bench.sha("main");
    let odd = json!({"name": "tree", "target": "f".repeat(40), "message": "x", "commit": null});
    let good = json!({"name": "v1", "target": head, "message": null, "commit": {"id": head}});
    let list = Reply::json(200, &json!([odd, good]));
    bench.host.instead("GET", "/repository/tags", list);
    let tags = provider.tags(&info, "").await.unwrap().tags;
    assert_eq!(tags.len(), 1);
    assert_eq!(tags[0].annotated, Some(false));
    let tree = Reply::json(200, &odd);
    bench.host.instead("GET", "/repository/tags/tree", tree);
    let error = provider.tag(&info, &tag("tree")).await.unwrap_err();
    assert_eq!(error.code(), "ref_not_found");
}

#[tokio::test]
async fn numbered_pages_of_commits_are_asked_for_in_growing_groups() {
    let bench = bench().await;
    let base = bench.sha("main");
    let messages = (0..350).map(|n| format!("Change {n}"));
    bench.host.repo().commits("main", messages);
    let head = bench.sha("main");
    let (provider, info) = bench.work().await;
    let found = provider.compare(&info, Some(&base), &head).await.unwrap();
    assert_eq!((found.count, found.exact), (350, true));
    assert_eq!(found.commits[0].subject, "Change 349");
    assert_eq!(found.commits[349].subject, "Change 0");
    let asked = bench.queries("/repository/commits");
    assert_eq!(asked.len(), 7, "{asked:?}");
    let range = format!("ref_name={base}..{head}&per_page=100&page=1");
    assert_eq!(asked[0], range);

    bench.host.forget_requests();
    let found = provider.compare(&info, None, &head).await.unwrap();
    assert_eq!(found.count, 351, "with the first commit");
    let few = bench.sha("main~20");
    bench.host.forget_requests();
    provider.compare(&info, Some(&few), &head).await.unwrap();
    assert_eq!(bench.queries("/repository/commits").len(), 1);
}

#[tokio::test]
async fn a_ref_made_elsewhere_is_no_success() {
    let bench = bench().await;
    let first = bench.sha("main");
    bench.host.repo().commit("main", "Second");
    let (provider, info) = bench.work().await;
    let elsewhere = json!({"name": "x", "commit": {"id": bench.sha("main")}});
    let elsewhere = Reply::json(201, &elsewhere);
    bench
        .host
        .instead("POST", "/repository/branches", elsewhere);
    let error = provider.ensure_branch(&info, &branch("x"), &first).await;
    let error = error.unwrap_err();
    assert_eq!(error.code(), "unavailable", "{error:?}");
    assert_eq!(bench.host.writes().len(), 1);
}

#[tokio::test]
async fn releases_know_no_mark_for_what_is_not_ready() {
    let bench = bench().await;
    bench.host.repo().annotated_tag("rel/v1", "main", "One");
    let (provider, info) = bench.work().await;
    let marked = NewRelease {
        prerelease: true,
        ..release("rel/v1")
    };
    for existing in [false, true] {
        let made = provider.ensure_release(&info, &marked).await.unwrap();
        assert_eq!(made.existing, existing);
        assert!(!made.value.prerelease && !made.value.draft);
        assert_eq!(made.value.notes, marked.notes);
    }
    let writes = bench.host.writes();
    assert_eq!(writes.len(), 1);
    let sent: serde_json::Value = serde_json::from_slice(&writes[0].body).unwrap();
    assert!(sent.get("ref").is_none(), "{sent}");
}

#[tokio::test]
async fn refused_releases() {
    for (name, code) in [
        ("release_403_protected_tag", "insufficient_scope"),
        ("release_409_exists", "release_refused"),
        ("release_422_no_ref", "release_refused"),
    ] {
        let bench = bench().await;
        let (provider, info) = bench.work().await;
        let refusal = Reply::fixture(&format!("gitlab/{name}"));
        bench.host.always("POST", "/releases", refusal);
        let error = provider.ensure_release(&info, &release("v1")).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error:?}");
        assert_eq!(bench.host.writes().len(), 1);
    }
}

#[tokio::test]
async fn histories_without_a_common_commit_descend_from_nothing() {
    let bench = bench().await;
    bench.host.repo().tag("v1", "main");
    bench.host.repo().commit("main", "Second");
    let (provider, info) = bench.work().await;
    let none = Reply::json(404, &json!({"message": "404 Merge Base Not Found"}));
    bench.host.always("GET", "/merge_base", none);
    let head = bench.sha("main");
    let found = provider.previous_tag(&info, &tag("v2"), &head).await;
    assert_eq!(found.unwrap(), None);
    bench.host.heal();
    let found = provider.previous_tag(&info, &tag("v2"), &head).await;
    assert_eq!(found.unwrap().unwrap().name, "v1");
}

#[tokio::test]
async fn a_project_without_a_repository_has_no_refs() {
    let bench = GitBench::on(GitHost::empty(Dialect::Gitlab).await);
    let (provider, info) = bench.work().await;
    let none = Reply::json(404, &json!({"message": "404 Repository Not Found"}));
    bench.host.always("GET", "/repository/", none);
    assert!(provider.tags(&info, "").await.unwrap().tags.is_empty());
    let list = provider.branches(&info, &ListRequest::default()).await;
    assert!(list.unwrap().items.is_empty());
    let error = provider.branch(&info, &branch("main")).await.unwrap_err();
    assert!(matches!(error, ProviderError::RefNotFound { .. }));
    // GitLab would make a first commit for it.
    let nowhere = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    let main = branch("main");
    let error = provider.ensure_branch(&info, &main, &nowhere).await;
    assert_eq!(error.unwrap_err().code(), "empty_repository");
    assert!(bench.host.writes().is_empty());
}
