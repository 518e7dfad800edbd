//! The repository as it is described: good, missing, archived, empty, oddly named.

use scm_testkit::code_host::{Reply, SHA, Standard};
use scm_types::{OperationState, Permission, Visibility};
use serde_json::json;

use super::{Want::Valid, by, definite, no_list, passing, suite};
use crate::support::Bench;

#[tokio::test]
async fn a_good_connection() {
    suite(
        "good",
        |_, _| {},
        Valid(|report| {
            let info = &report.repository;
            report.account.is_some()
                && info.name == "app"
                && ["octo", "group/sub", "ws"].contains(&info.owner.as_str())
                && !info.id.is_empty()
                && info.default_branch.as_deref() == Some("main")
                && info.moved_to.is_none()
                && !info.archived
                && info
                    .web_url
                    .as_deref()
                    .is_some_and(|url| url.ends_with("/app"))
                && report.permission == Permission::Admin
                && report.has_webhooks == Some(true)
                && report.branches.len() == 2
                && report.branches[0].name == "main"
                && report.branches[0].default
                && !report.branches[1].default
                && report.branches[1].name == "feature/login"
                && report.branches[1].commit_sha.as_str() == SHA
                && report.operations.len() == 5
                && report.operations[0].state == OperationState::Allowed
        }),
    )
    .await;
}

#[tokio::test]
async fn a_repository_that_is_not_there() {
    suite(
        "not found",
        |host, standard| {
            let refusal = by(standard, "repo_404", "project_404", "repo_404");
            host.on("GET", standard.repository_route(), refusal);
        },
        definite("not_found"),
    )
    .await;
}

#[tokio::test]
async fn a_path_that_is_none_is_no_answer_of_the_api() {
    for path in ["", "app", "/app", "octo/", "../app"] {
        suite(
            "no path",
            |host, standard| {
                let named = json!({"full_name": path, "path_with_namespace": path});
                let reply = host.repository_reply().with(&named);
                host.on("GET", standard.repository_route(), reply);
            },
            passing("unavailable"),
        )
        .await;
    }
}

#[tokio::test]
async fn an_archived_repository_denies_writes() {
    for standard in [Standard::Github, Standard::Gitlab] {
        let bench = Bench::of(standard).await;
        let archived = bench
            .host
            .repository_reply()
            .with(&json!({"archived": true}));
        bench.host.on("GET", standard.repository_route(), archived);
        let report = bench.check().await.unwrap();
        assert!(report.repository.archived);
        for operation in &report.operations[1..] {
            assert_eq!(
                operation.state,
                OperationState::Denied,
                "{standard:?} {operation:?}"
            );
            assert!(operation.missing.as_deref().unwrap().contains("archived"));
        }
    }
}

#[tokio::test]
async fn an_empty_repository() {
    suite(
        "empty",
        |host, standard| {
            let empty = host.repository_reply();
            let empty = match standard {
                Standard::Github => empty,
                Standard::Gitlab => {
                    empty.with(&json!({"empty_repo": true, "default_branch": null}))
                }
                Standard::Bitbucket => empty.with(&json!({"mainbranch": null})),
            };
            host.on("GET", standard.repository_route(), empty);
            host.on(
                "GET",
                standard.branches_route(),
                Reply::json(200, &no_list(standard)),
            );
        },
        Valid(|report| report.branches.is_empty() && report.repository.default_branch.is_none()),
    )
    .await;
}

#[tokio::test]
async fn odd_names_are_encoded() {
    for (standard, path, route) in [
        (Standard::Github, "octo/a.b_c-d", "/repos/octo/a.b_c-d"),
        (
            Standard::Github,
            "ünï/日本",
            "/repos/%C3%BCn%C3%AF/%E6%97%A5%E6%9C%AC",
        ),
        (Standard::Gitlab, "a/b/c/d.e", "/projects/a%2Fb%2Fc%2Fd.e"),
        (
            Standard::Gitlab,
            "grp/日 本",
            "/projects/grp%2F%E6%97%A5%20%E6%9C%AC",
        ),
        (
            Standard::Bitbucket,
            "ws/repo+x",
            "/repositories/ws/repo%2Bx",
        ),
    ] {
        let bench = Bench::of(standard).await;
        let provider = bench.open(path, standard.token(), None).unwrap();
        let _ = provider.check().await;
        assert_eq!(
            bench.host.calls_to("GET", route),
            1,
            "{path}: {:?}",
            bench.host.requests()
        );
    }
}

#[tokio::test]
async fn visibilities() {
    for (standard, members, want) in [
        (
            Standard::Github,
            json!({"visibility": "internal"}),
            Visibility::Internal,
        ),
        (
            Standard::Github,
            json!({"visibility": null, "private": true}),
            Visibility::Private,
        ),
        (
            Standard::Github,
            json!({"visibility": "public"}),
            Visibility::Public,
        ),
        (
            Standard::Github,
            json!({"visibility": null, "private": false}),
            Visibility::Public,
        ),
        (
            Standard::Github,
            json!({"visibility": null, "private": null}),
            Visibility::Private,
        ),
        (
            Standard::Gitlab,
            json!({"visibility": "internal"}),
            Visibility::Internal,
        ),
        (
            Standard::Gitlab,
            json!({"visibility": "public"}),
            Visibility::Public,
        ),
        (
            Standard::Gitlab,
            json!({"visibility": "private"}),
            Visibility::Private,
        ),
        (
            Standard::Bitbucket,
            json!({"is_private": false}),
            Visibility::Public,
        ),
        (
            Standard::Bitbucket,
            json!({"is_private": true}),
            Visibility::Private,
        ),
    ] {
        let bench = Bench::of(standard).await;
        let reply = bench.host.repository_reply().with(&members);
        bench.host.on("GET", standard.repository_route(), reply);
        let report = bench.check().await.unwrap();
        assert_eq!(report.repository.visibility, want, "{standard:?} {members}");
    }
}
