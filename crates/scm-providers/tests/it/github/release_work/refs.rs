//! Branches and tags.

use std::time::Duration;

use scm_providers::{ListRequest, Outage, ProviderError};
use scm_testkit::{
    code_host::Reply,
    git_host::{Dialect, GitHost},
};
use scm_types::{CommitSha, NewTag};
use serde_json::json;

use super::bench;
use crate::support::git::{GitBench, branch, new_tag, tag};

#[tokio::test]
async fn pages_that_github_numbers_are_fetched_together() {
    let bench = bench().await;
    let names = (0..2_349).map(|n| format!("topic/{n:04}"));
    bench.host.repo().branches(names, "main");
    bench.host.set_latency(Duration::from_millis(30));
    let (provider, info) = bench.work().await;
    let mut names = Vec::new();
    let mut request = ListRequest::default();
    loop {
        let part = provider.branches(&info, &request).await.unwrap();
        names.extend(part.items.into_iter().map(|branch| branch.name));
        let Some(next) = part.next else { break };
        request.after = Some(next);
    }
    names.sort();
    assert_eq!(names, bench.host.repo().branch_names());
    assert_eq!(bench.asked("GET", "/branches"), 24, "each page once");
    assert!(bench.host.most_at_once() > 1, "one after the other");
}

#[tokio::test]
async fn a_renamed_branch_is_not_taken_for_the_other() {
    let bench = bench().await;
    bench.host.repo().branch("new", "main");
    let there = format!("{}/repositories/1296269/branches/new", bench.host.api_url());
    let moved = Reply::redirect(301, &there);
    bench.host.always("GET", "/branches/old", moved);
    let (provider, info) = bench.work().await;
    let error = provider.branch(&info, &branch("old")).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::RefNotFound { .. }),
        "{error:?}"
    );
    assert!(provider.branch(&info, &branch("new")).await.is_ok());
    // So the old name is free.
    let head = bench.sha("main");
    let error = provider.ensure_branch(&info, &branch("old"), &head).await;
    assert!(!error.unwrap().existing);
}

#[tokio::test]
async fn a_branch_below_another_ones_protection_is_a_branch() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    let (name, head) = (branch("a/protection"), bench.sha("main"));
    provider.ensure_branch(&info, &name, &head).await.unwrap();
    assert_eq!(
        provider.branch(&info, &name).await.unwrap().commit_sha,
        head
    );
    assert!(bench.asked("GET", "/branches/a%2Fprotection") > 0);
}

#[tokio::test]
async fn tags_of_tags_are_gone_through() {
    let bench = bench().await;
    bench.host.repo().nested_tag("deep", "main", 5);
    bench.host.repo().nested_tag("deeper", "main", 6);
    bench.host.repo().nested_tag("three", "main", 3);
    bench.host.repo().tag("light", "main");
    bench.host.repo().tag("tree", "main^{tree}");
    bench
        .host
        .repo()
        .annotated_tag("files", "main^{tree}", "Files");
    bench.host.repo().commit("main", "Second");
    let (provider, info) = bench.work().await;
    let commit = bench.sha("main~1");
    for (name, message) in [
        ("three", Some("Level 3\n")),
        ("deep", Some("Level 5\n")),
        ("light", None),
    ] {
        let found = provider.tag(&info, &tag(name)).await.unwrap();
        assert_eq!(found.commit_sha, commit, "{name}");
        assert_eq!(found.annotated, Some(message.is_some()), "{name}");
        let lines = |text: &str| text.trim_end().to_owned();
        assert_eq!(found.message.as_deref().map(lines), message.map(lines));
    }
    for name in ["tree", "files"] {
        let error = provider.tag(&info, &tag(name)).await.unwrap_err();
        assert_eq!(error.code(), "ref_not_found", "{name}");
    }
    let error = provider.tag(&info, &tag("deeper")).await.unwrap_err();
    assert_eq!(error.code(), "unavailable");
}

#[tokio::test]
async fn an_object_without_its_ref_is_no_tag() {
    for (reply, lost) in [
        (Reply::json(502, &json!({"message": "Server Error"})), false),
        (Reply::close(), false),
        (Reply::close(), true),
    ] {
        let bench = bench().await;
        let (provider, info) = bench.work().await;
        let new = new_tag("release/v1.0.0", &bench.sha("main"));
        if lost {
            bench.host.lose("POST", "/git/refs", reply);
        } else {
            bench.host.instead("POST", "/git/refs", reply);
        }
        let first = provider.ensure_tag(&info, &new).await;
        assert_eq!(bench.host.writes().len(), 2, "each once");
        assert_eq!(first.is_ok(), lost, "{first:?}");
        let made = bench.host.repo().tag_message("release/v1.0.0");
        assert_eq!(made.is_some(), lost);

        let (provider, info) = bench.work().await;
        let again = provider.ensure_tag(&info, &new).await.unwrap();
        assert_eq!(again.existing, lost);
        assert_eq!(bench.host.writes().len(), if lost { 0 } else { 2 });
        assert_eq!(
            bench.host.repo().peel("release/v1.0.0").unwrap(),
            new.commit.as_str()
        );
        let message = bench.host.repo().tag_message("release/v1.0.0").unwrap();
        assert_eq!(message.trim_end(), new.message);
        assert_eq!(again.value.message.unwrap().trim_end(), new.message);
        assert_eq!(again.value.annotated, Some(true));
    }
}

#[tokio::test]
async fn a_lost_tag_object_makes_no_ref() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    let new = new_tag("v1", &bench.sha("main"));
    bench.host.lose("POST", "/git/tags", Reply::close());
    let error = provider.ensure_tag(&info, &new).await.unwrap_err();
    assert_eq!(error.code(), "unavailable");
    assert_eq!(bench.host.writes().len(), 1);
    assert!(bench.host.repo().tag_names().is_empty());
    assert!(!provider.ensure_tag(&info, &new).await.unwrap().existing);
}

#[tokio::test]
async fn another_ref_than_asked_for_is_no_success() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    let head = bench.sha("main");
    let object = json!({"type": "commit", "sha": "a".repeat(40)});
    let other = json!({"ref": "refs/heads/x", "object": object});
    bench
        .host
        .always("POST", "/git/refs", Reply::json(201, &other));
    let error = provider.ensure_branch(&info, &branch("x"), &head).await;
    assert_eq!(error.unwrap_err().code(), "unavailable");
    let other = json!({"sha": "b".repeat(40), "object": object});
    bench
        .host
        .always("POST", "/git/tags", Reply::json(201, &other));
    let error = provider
        .ensure_tag(&info, &new_tag("v1", &bench.sha("main")))
        .await;
    assert_eq!(error.unwrap_err().code(), "unavailable");
    assert_eq!(
        bench.asked("POST", "/git/refs"),
        1,
        "no ref to a foreign object"
    );
}

#[tokio::test]
async fn nothing_is_made_in_an_empty_repository() {
    let bench = GitBench::on(GitHost::empty(Dialect::Github).await);
    let (provider, info) = bench.work().await;
    let any = CommitSha::parse(&"a".repeat(40)).unwrap();
    let error = provider.ensure_branch(&info, &branch("x"), &any).await;
    assert!(
        matches!(error, Err(ProviderError::EmptyRepository)),
        "{error:?}"
    );
    let new = NewTag {
        name: tag("v1"),
        commit: any,
        message: "One".to_owned(),
    };
    let error = provider.ensure_tag(&info, &new).await;
    assert!(
        matches!(error, Err(ProviderError::EmptyRepository)),
        "{error:?}"
    );
    // Any other conflict says nothing about the repository.
    let bench = GitBench::start(Dialect::Github).await;
    let (provider, info) = bench.work().await;
    let busy = Reply::json(409, &json!({"message": "Conflict"}));
    bench.host.always("POST", "/git/refs", busy);
    let head = bench.sha("main");
    let error = provider.ensure_branch(&info, &branch("x"), &head).await;
    let outage = |error: ProviderError| match error {
        ProviderError::Unavailable { outage, .. } => Some(outage),
        _ => None,
    };
    assert_eq!(error.err().and_then(outage), Some(Outage::Status(409)));
}

#[tokio::test]
async fn a_write_to_a_moved_repository_is_made_at_its_new_place() {
    let bench = bench().await;
    let (provider, info) = bench.work().await;
    bench.host.rename("octo/renamed");
    let (name, head) = (branch("x"), bench.sha("main"));
    let made = provider.ensure_branch(&info, &name, &head).await.unwrap();
    assert!(!made.existing);
    let writes = bench.host.writes();
    let paths: Vec<_> = writes.iter().map(|write| &*write.path).collect();
    let want = ["octo/app", "octo/renamed"].map(|path| format!("/api/v3/repos/{path}/git/refs"));
    assert_eq!(paths, want);
}
