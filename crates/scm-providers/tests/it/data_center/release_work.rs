//! Release work where Data Center has its own ways, against a real repository.

use scm_providers::{ListRequest, ProviderError};
use scm_testkit::{code_host::Reply, git_host::Dialect};
use scm_types::{PageLimit, RefSearch, RefSpec};
use serde_json::{Value, json};

use super::{bench, refusal};
use crate::support::git::{branch, new_tag, tag};

fn page(names: &[&str], start: u64, next: Option<u64>) -> Reply {
    let sha = "a".repeat(40);
    let values = names
        .iter()
        .map(|name| json!({"displayId": name, "latestCommit": sha}));
    let page = json!({
        "start": start,
        "values": values.collect::<Vec<_>>(),
        "isLastPage": next.is_none(),
        "nextPageStart": next,
    });
    Reply::json(200, &page)
}

#[tokio::test]
async fn a_list_goes_on_where_the_page_says() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    let pages = [
        page(&["a", "b"], 0, Some(137)),
        page(&["d"], 137, Some(200)),
        page(&["c"], 200, None),
    ];
    for page in pages {
        bench.host.instead("GET", "/branches", page);
    }
    let request = ListRequest {
        search: Some(RefSearch::parse("A&b").unwrap()),
        ..ListRequest::default()
    };
    let list = provider.branches(&info, &request).await.unwrap();
    assert_eq!(
        (list.items.len(), list.next),
        (0, None),
        "none has the text"
    );
    let asked = bench.queries("/branches");
    assert_eq!(
        asked,
        [
            "limit=100&orderBy=ALPHABETICAL&filterText=A%26b",
            "limit=100&orderBy=ALPHABETICAL&filterText=A%26b&start=137",
            "limit=100&orderBy=ALPHABETICAL&filterText=A%26b&start=200",
        ]
    );
}

#[tokio::test]
async fn a_part_goes_on_from_its_cursor() {
    let bench = bench().await;
    let names = (0..249).map(|n| format!("topic/{n:03}"));
    bench.host.repo().branches(names, "main");
    let (provider, info) = bench.work().await;
    let mut request = ListRequest {
        limit: PageLimit::new(120).unwrap(),
        ..ListRequest::default()
    };
    let mut count = 0;
    loop {
        let part = provider.branches(&info, &request).await.unwrap();
        count += part.items.len();
        match part.next {
            Some(next) => request.after = Some(next.to_string().parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(count, 250);
}

#[tokio::test]
async fn a_list_that_leads_back_is_at_its_end() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    bench
        .host
        .always("GET", "/branches", page(&["a"], 0, Some(0)));
    let list = provider.branches(&info, &ListRequest::default()).await;
    assert_eq!(list.unwrap().items.len(), 1);
    assert_eq!(bench.host.calls(), 1);
}

#[tokio::test]
async fn a_branch_is_looked_for_until_its_exact_name() {
    let bench = bench().await;
    let names = (0..150).map(|n| format!("a-zz-{n:03}"));
    bench.host.repo().branches(names, "main");
    bench.host.repo().branch("zz", "main");
    let (provider, info) = bench.work().await;
    assert_eq!(
        provider.branch(&info, &branch("zz")).await.unwrap().name,
        "zz"
    );
    let asked = bench.queries("/branches");
    assert!(
        asked.len() <= 2 && asked[0].contains("filterText=zz"),
        "{asked:?}"
    );
    let error = provider.branch(&info, &branch("zz-00")).await.unwrap_err();
    assert!(matches!(error, ProviderError::RefNotFound { .. }));
}

#[tokio::test]
async fn tags_are_peeled_and_told_apart() {
    let bench = bench().await;
    let repo = bench.host.repo();
    repo.tag("rel/light", "main");
    repo.annotated_tag("rel/heavy", "main", "Notes");
    repo.commit("main", "Later");
    repo.tag("rel/later", "main");
    let want = bench.sha("rel/light");
    let (provider, info) = bench.work().await;
    for (name, annotated) in [("rel/light", false), ("rel/heavy", true)] {
        let found = provider.tag(&info, &tag(name)).await.unwrap();
        assert_eq!(found.annotated, Some(annotated), "{name}");
        assert_eq!(found.commit_sha, want);
        assert_eq!(found.date, None);
    }
    let asked = bench.host.requests();
    assert!(
        asked[0].path.ends_with("/tags/rel/light"),
        "{}",
        asked[0].path
    );

    // Without a version they are sorted by dates, which are asked for.
    let tags = provider.tags(&info, "rel/").await.unwrap();
    assert!(tags.exact && tags.tags.iter().all(|tag| tag.date.is_some()));
}

#[tokio::test]
async fn times_are_milliseconds() {
    let bench = bench().await;
    let base = bench.sha("main");
    let head = bench.host.repo().commit("main", "Second");
    let (provider, info) = bench.work().await;
    let commit: Value = json!({
        "id": head,
        "message": "Second\n",
        "author": {"name": "Zoë", "emailAddress": "z@example.com"},
        "authorTimestamp": 1_767_225_599_000_u64,
        "committerTimestamp": 1_767_225_600_001_u64,
    });
    let list = json!({"values": [commit], "isLastPage": true, "start": 0});
    bench
        .host
        .instead("GET", "/commits", Reply::json(200, &list));
    let head = bench.sha("main");
    let found = provider.compare(&info, Some(&base), &head).await.unwrap();
    let date = found.commits[0].date.unwrap();
    assert_eq!(date.to_string(), "2026-01-01T00:00:00.001Z");
    assert_eq!(found.commits[0].author, "Zoë");
    let asked = bench.queries("/commits");
    assert_eq!(asked, [format!("until={head}&limit=100&since={base}")]);
}

#[tokio::test]
async fn refs_are_made_at_a_commit_and_the_answer_is_read() {
    let bench = bench().await;
    let first = bench.sha("main");
    bench.host.repo().commit("main", "Second");
    let (provider, info) = bench.work().await;
    let made = provider
        .ensure_branch(&info, &branch("rel/1"), &first)
        .await;
    assert!(!made.unwrap().existing);
    let made = provider.ensure_tag(&info, &new_tag("v1", &first)).await;
    assert_eq!(made.unwrap().value.annotated, Some(true));
    for write in bench.host.writes() {
        let sent: Value = serde_json::from_slice(&write.body).unwrap();
        assert_eq!(sent["startPoint"], first.as_str());
    }
    let elsewhere = Reply::fixture("bitbucket/datacenter_branch_create_200");
    bench.host.instead("POST", "/branches", elsewhere);
    let error = provider
        .ensure_branch(&info, &branch("rel/2"), &first)
        .await;
    assert_eq!(error.unwrap_err().code(), "unavailable");
}

#[tokio::test]
async fn refusals_of_writes() {
    for (reply, code) in [
        (
            Reply::fixture("bitbucket/datacenter_branch_409_exists"),
            "ref_refused",
        ),
        (
            refusal(400, "repository.DuplicateRefException"),
            "ref_refused",
        ),
        (
            refusal(409, "hook.repository.RepositoryHookVetoedException"),
            "ref_refused",
        ),
        (refusal(401, "AuthorisationException"), "insufficient_scope"),
        (refusal(403, "AuthorisationException"), "insufficient_scope"),
        (
            refusal(404, "repository.NoSuchRepositoryException"),
            "not_found",
        ),
        (refusal(404, "commit.NoSuchCommitException"), "ref_refused"),
        (Reply::empty(502), "unavailable"),
    ] {
        let bench = bench().await;
        let head = bench.sha("main");
        let (provider, info) = bench.work().await;
        bench.host.always("POST", "", reply);
        let error = provider.ensure_branch(&info, &branch("rel/1"), &head).await;
        let error = error.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert_eq!(bench.host.writes().len(), 1);
    }
}

#[tokio::test]
async fn a_repository_that_went_away_is_no_missing_ref() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    bench.host.rename("KEY/other");
    let error = provider.tag(&info, &tag("v1")).await.unwrap_err();
    assert_eq!(error.code(), "not_found", "{error:?}");
    assert!(error.is_definite());
    let spec = RefSpec::parse("refs/heads/main").unwrap();
    let error = provider.resolve(&info, &spec).await.unwrap_err();
    assert_eq!(error.code(), "not_found", "{error:?}");
    assert_eq!(bench.host.dialect(), Dialect::DataCenter);
}
