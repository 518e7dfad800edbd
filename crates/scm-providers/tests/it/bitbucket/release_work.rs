//! Release work where Bitbucket Cloud has its own ways, against a real repository.

use scm_providers::{ListRequest, ProviderError};
use scm_testkit::{code_host::Reply, git_host::Dialect};
use serde_json::json;

use crate::support::git::{GitBench, branch, new_tag, tag};

async fn bench() -> GitBench {
    GitBench::start(Dialect::Bitbucket).await
}

#[tokio::test]
async fn pages_whose_number_is_told_are_all_asked_for() {
    let bench = bench().await;
    let names = (0..349).map(|n| format!("topic/{n:03}"));
    bench.host.repo().branches(names, "main");
    let (provider, info) = bench.work().await;
    let list = provider.branches(&info, &ListRequest::default()).await;
    let list = list.unwrap();
    assert_eq!((list.items.len(), list.next), (350, None));
    let mut asked = bench.queries("/refs/branches");
    asked.sort();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(asked[3].contains("page=4"), "{asked:?}");
}

#[tokio::test]
async fn without_a_size_each_page_tells_the_next() {
    let bench = bench().await;
    let names = (0..149).map(|n| format!("topic/{n:03}"));
    bench.host.repo().branches(names, "main");
    let (provider, info) = bench.work().await;
    let next = format!("{}/x?pagelen=100&sort=name&page=2", bench.host.api_url());
    let target = json!({"hash": bench.sha("main")});
    let first: Vec<_> = (0..100)
        .map(|n| json!({"name": format!("first-{n}"), "target": target}))
        .collect();
    let first = Reply::json(200, &json!({"pagelen": 100, "values": first, "next": next}));
    bench.host.instead("GET", "/refs/branches", first);
    let list = provider.branches(&info, &ListRequest::default()).await;
    let list = list.unwrap();
    assert_eq!((list.items.len(), list.next), (150, None));
    let asked = bench.queries("/repositories/ws/app/refs/branches");
    assert_eq!(
        asked,
        ["pagelen=100&sort=name", "pagelen=100&sort=name&page=2"]
    );
}

#[tokio::test]
async fn a_name_is_asked_for_in_quotes_and_compared_once_more() {
    let bench = bench().await;
    let odd = r#"a"b{c}"#;
    bench.host.repo().branch(odd, "main");
    let (provider, info) = bench.work().await;
    assert_eq!(
        provider.branch(&info, &branch(odd)).await.unwrap().name,
        odd
    );
    let asked = bench.queries("/refs/branches");
    assert_eq!(asked, ["q=name%3D%22a%5C%22b%7Bc%7D%22&pagelen=100"]);

    let target = json!({"hash": bench.sha("main")});
    let others =
        json!({"values": [{"name": "Rel", "target": target}, {"name": "rel2", "target": target}]});
    for kind in ["/refs/branches", "/refs/tags"] {
        bench.host.instead("GET", kind, Reply::json(200, &others));
    }
    let error = provider.branch(&info, &branch("rel")).await.unwrap_err();
    assert!(matches!(error, ProviderError::RefNotFound { .. }));
    let error = provider.tag(&info, &tag("rel")).await.unwrap_err();
    assert!(matches!(error, ProviderError::RefNotFound { .. }));
}

#[tokio::test]
async fn a_tag_is_annotated_if_it_has_a_message_or_a_tagger() {
    let bench = bench().await;
    let repo = bench.host.repo();
    repo.tag("light", "main");
    repo.annotated_tag("heavy", "main", "Notes\n\n- one");
    let (provider, info) = bench.work().await;
    let light = provider.tag(&info, &tag("light")).await.unwrap();
    assert_eq!((light.annotated, light.message), (Some(false), None));
    let heavy = provider.tag(&info, &tag("heavy")).await.unwrap();
    assert_eq!(heavy.annotated, Some(true));
    assert_eq!(heavy.message.unwrap().trim_end(), "Notes\n\n- one");
    assert_eq!(heavy.date, light.date, "that of the commit");
    assert!(heavy.date.is_some());
}

#[tokio::test]
async fn a_refusal_that_names_nothing_is_decided_by_looking() {
    let bench = bench().await;
    let head = bench.sha("main");
    let (provider, info) = bench.work().await;
    let refusal = Reply::fixture("bitbucket/tag_400_exists");
    bench.host.lose("POST", "/refs/tags", refusal.clone());
    let made = provider.ensure_tag(&info, &new_tag("v1", &head)).await;
    assert!(made.unwrap().existing, "somebody else was faster");
    bench.host.instead("POST", "/refs/tags", refusal);
    let error = provider.ensure_tag(&info, &new_tag("v2", &head)).await;
    assert_eq!(error.unwrap_err().code(), "ref_refused");
    let error = provider.has_releases();
    assert!(!error);
}

#[tokio::test]
async fn commits_are_followed_to_an_empty_page() {
    let bench = bench().await;
    let base = bench.sha("main");
    let messages = (0..200).map(|n| format!("Change {n}"));
    bench.host.repo().commits("main", messages);
    let head = bench.sha("main");
    let (provider, info) = bench.work().await;
    let found = provider.compare(&info, Some(&base), &head).await.unwrap();
    assert_eq!((found.count, found.exact), (200, true));
    assert_eq!(found.commits[0].subject, "Change 199");
    let asked = bench.queries("/repositories/ws/app/commits");
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(
        asked[0],
        format!("include={head}&exclude={base}&pagelen=100")
    );
}
