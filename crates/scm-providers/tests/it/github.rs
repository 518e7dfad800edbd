//! What only GitHub does.

mod release_work;

use std::time::Duration;

use scm_providers::{ListRequest, ProviderError};
use scm_testkit::code_host::{Reply, Standard};
use scm_types::{HookAccess, OperationState, Permission, TokenKind};
use serde_json::json;

use crate::support::{Bench, at};

const FINE_GRAINED: &str = "github_pat_11AAAAAAA0abcdef_ghijklmnop";

async fn bench() -> Bench {
    Bench::of(Standard::Github).await
}

#[tokio::test]
async fn a_classic_token_tells_scopes_and_expiry() {
    let bench = bench().await;
    let report = bench.check().await.unwrap();
    assert_eq!(report.token.kind, TokenKind::GithubClassicPat);
    assert_eq!(report.token.scopes.unwrap(), ["admin:repo_hook", "repo"]);
    assert_eq!(report.token.expires_at, Some(at("2027-01-31T09:00:00Z")));
    assert_eq!(report.account.unwrap().login, "octocat");
    assert_eq!(report.hooks, HookAccess::Yes);
    for operation in report.operations {
        assert_eq!(operation.state, OperationState::Allowed, "{operation:?}");
    }
    for request in bench.host.requests() {
        assert_eq!(
            request.header("accept"),
            Some("application/vnd.github+json")
        );
        assert_eq!(request.header("x-github-api-version"), Some("2022-11-28"));
        let bearer = format!("Bearer {}", Standard::Github.token());
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    }
}

#[tokio::test]
async fn a_fine_grained_token_proves_nothing_about_writing() {
    let bench = bench().await;
    let user = Reply::fixture("github/user_200_fine_grained_pat_offset_expiry");
    bench.host.on("GET", "/user", user);
    let report = bench.check_as(FINE_GRAINED).await.unwrap();
    assert_eq!(report.token.kind, TokenKind::GithubFineGrainedPat);
    assert_eq!(report.token.scopes, None);
    assert_eq!(report.token.expires_at, Some(at("2027-01-31T09:00:00Z")));
    assert_eq!(report.permission, Permission::Admin);
    assert_eq!(report.hooks, HookAccess::Unknown);
    assert_eq!(report.has_webhooks, Some(true));
    for operation in &report.operations[1..] {
        assert_eq!(operation.state, OperationState::Unknown, "{operation:?}");
    }
    let refused = Reply::fixture("github/hooks_403_fine_grained_missing_permission");
    bench
        .host
        .on("GET", Standard::Github.hooks_route(), refused);
    let report = bench.check_as(FINE_GRAINED).await.unwrap();
    assert_eq!(report.hooks, HookAccess::No);
    let missing = report.operations[4].missing.as_deref();
    assert_eq!(missing, Some("repository_hooks=read"));
}

#[tokio::test]
async fn an_installation_has_no_user_and_no_role() {
    for token in ["ghs_12345_eyJhbGciOi.eyJpYXQi.c2ln", "unknown-shape"] {
        let bench = bench().await;
        let user = Reply::fixture("github/user_403_installation_token");
        bench.host.on("GET", "/user", user);
        let none = bench
            .host
            .repository_reply()
            .with(&json!({"permissions": {"pull": false}}));
        bench
            .host
            .on("GET", Standard::Github.repository_route(), none);
        let report = bench.check_as(token).await.unwrap();
        assert_eq!(report.token.kind, TokenKind::GithubInstallation);
        assert_eq!(report.account, None);
        assert_eq!(report.permission, Permission::Unknown);
        assert_eq!(report.operations[1].state, OperationState::Unknown);
    }
}

#[tokio::test]
async fn a_guard_does_not_make_an_installation() {
    let bench = bench().await;
    bench.host.on("GET", "/user", Reply::text(403, "Forbidden"));
    let error = bench.check_as("ghs_12345").await.unwrap_err();
    assert_eq!((error.code(), bench.host.calls()), ("unavailable", 1));
}

#[tokio::test]
async fn scopes_and_roles_decide_what_a_classic_token_may() {
    struct Case {
        scopes: &'static str,
        role: &'static str,
        is_private: bool,
        write: Result<(), &'static str>,
        hooks: Result<(), &'static str>,
    }
    let cases = [
        Case {
            scopes: "repo",
            role: "admin",
            is_private: true,
            write: Ok(()),
            hooks: Ok(()),
        },
        Case {
            scopes: "repo",
            role: "push",
            is_private: true,
            write: Ok(()),
            hooks: Err("the role admin on the repository"),
        },
        Case {
            scopes: "public_repo, write:repo_hook",
            role: "admin",
            is_private: false,
            write: Ok(()),
            hooks: Ok(()),
        },
        Case {
            scopes: "public_repo",
            role: "admin",
            is_private: false,
            write: Ok(()),
            hooks: Err("admin:repo_hook"),
        },
        Case {
            scopes: "",
            role: "admin",
            is_private: false,
            write: Err("public_repo"),
            hooks: Err("admin:repo_hook"),
        },
        Case {
            scopes: "admin:repo_hook",
            role: "admin",
            is_private: true,
            write: Err("repo"),
            hooks: Ok(()),
        },
        Case {
            scopes: "repo",
            role: "triage",
            is_private: true,
            write: Err("the role write on the repository"),
            hooks: Err("the role admin on the repository"),
        },
    ];
    for case in cases {
        let bench = bench().await;
        let user = Reply::fixture("github/user_200_classic_pat");
        bench
            .host
            .on("GET", "/user", user.header("x-oauth-scopes", case.scopes));
        let visibility = if case.is_private { "private" } else { "public" };
        let repository = bench.host.repository_reply().with(&json!({
            "visibility": visibility,
            "permissions": {case.role: true, "pull": true},
        }));
        bench
            .host
            .on("GET", Standard::Github.repository_route(), repository);
        let operations = bench.check().await.unwrap().operations;
        for (at, want) in [(1, case.write), (3, case.write), (4, case.hooks)] {
            let got = match operations[at].state {
                OperationState::Allowed => Ok(()),
                _ => Err(operations[at].missing.as_deref().unwrap()),
            };
            assert_eq!(got, want, "{} {} {at}", case.scopes, case.role);
        }
    }
}

#[tokio::test]
async fn refusals() {
    #[derive(Debug, PartialEq)]
    enum Class {
        Scope(Option<&'static str>, Option<String>),
        NotFound,
        Limited(u64),
    }
    type Want = fn(&str) -> Class;
    let cases: [(&str, Want); 7] = [
        ("repo_404", |_| Class::NotFound),
        ("repo_451_dmca", |_| Class::NotFound),
        ("repo_403_primary_rate_limit", |_| {
            Class::Limited(4801 + 3600)
        }),
        ("repo_403_secondary_rate_limit", |_| Class::Limited(60)),
        ("repo_429_secondary_no_retry_after", |_| Class::Limited(60)),
        ("hooks_403_fine_grained_missing_permission", |_| {
            Class::Scope(Some("repository_hooks=read"), None)
        }),
        ("repo_403_saml_sso", |base| {
            Class::Scope(
                None,
                Some(format!(
                    "{base}/orgs/octodocs-test/sso?authorization_request=A"
                )),
            )
        }),
    ];
    for (name, want) in cases {
        let bench = bench().await;
        let base = bench.host.base_url();
        let mut reply = Reply::fixture(&format!("github/{name}"))
            // 2026-10-30T17:20:00Z, two hours and twenty minutes ahead.
            .header("x-ratelimit-reset", "1793380800");
        if name.ends_with("sso") {
            let sso =
                format!("required; url={base}/orgs/octodocs-test/sso?authorization_request=A");
            reply = reply.header("x-github-sso", &sso);
        }
        bench
            .host
            .on("GET", Standard::Github.repository_route(), reply);
        let got = match bench.check().await.unwrap_err() {
            ProviderError::InsufficientScope { missing, sso_url } => {
                let text = ProviderError::InsufficientScope {
                    missing: missing.clone(),
                    sso_url: sso_url.clone(),
                };
                assert!(!text.to_string().contains("SAML"), "not the host's text");
                Class::Scope(missing.map(|text| &*text.leak()), sso_url)
            }
            ProviderError::NotFound { .. } => Class::NotFound,
            ProviderError::RateLimited { retry_after } => Class::Limited(retry_after.as_secs()),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(got, want(&base), "{name}");
    }
}

#[tokio::test]
async fn a_single_sign_on_page_elsewhere_is_not_shown() {
    let bench = bench().await;
    let refusal = Reply::fixture("github/repo_403_saml_sso"); // names github.com
    bench
        .host
        .on("GET", Standard::Github.repository_route(), refusal);
    let error = bench.check().await.unwrap_err();
    assert!(error.is_definite());
    assert!(!error.to_string().contains("https://"), "{error}");
}

#[tokio::test]
async fn a_refusal_that_counts_for_nobody_is_asked_for_twice() {
    let bench = bench().await;
    let refusal = Reply::fixture("github/user_401_bad_credentials");
    let good = Reply::fixture("github/user_200_classic_pat");
    bench.host.on("GET", "/user", [refusal.clone(), good]);
    assert!(bench.check().await.is_ok());
    bench.host.forget_requests();
    bench.host.on("GET", "/user", refusal.clone());
    assert!(bench.check().await.unwrap_err().is_definite());
    assert_eq!(bench.host.calls(), 2);
    bench.host.forget_requests();
    bench
        .host
        .on("GET", "/user", refusal.header("x-ratelimit-limit", "5000"));
    assert!(bench.check().await.unwrap_err().is_definite());
    assert_eq!(bench.host.calls(), 1);
}

#[tokio::test]
async fn the_last_call_of_an_hour_is_used_and_no_more() {
    let bench = bench().await;
    let last = Reply::fixture("github/user_200_classic_pat")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "1793372460"); // 2026-10-30T15:01:00Z
    bench.host.on("GET", "/user", last);
    let error = bench.check().await.unwrap_err();
    assert_eq!(error.code(), "rate_limited");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(61)));
    assert_eq!(bench.host.calls(), 1);
}

#[tokio::test]
async fn a_repeated_check_costs_no_quota() {
    let bench = bench().await;
    assert!(bench.check().await.is_ok());
    bench.host.forget_requests();
    let unchanged = Reply::empty(304)
        .header("etag", "\"1f2d\"")
        .header("x-oauth-scopes", "repo");
    bench.host.on("GET", "/user", unchanged);
    let report = bench.check().await.unwrap();
    assert_eq!(report.account.unwrap().login, "octocat");
    assert_eq!(
        report.token.scopes.unwrap(),
        ["repo"],
        "scopes are the present ones"
    );
    assert_eq!(
        bench.host.requests()[0].header("if-none-match"),
        Some("\"1f2d\"")
    );
}

#[tokio::test]
async fn pages_of_branches_are_asked_for_at_the_repository_wherever_links_lead() {
    let bench = bench().await;
    let provider = bench.standard();
    let info = provider.info().await.unwrap();
    let route = Standard::Github.branches_route();
    let branch = |name: &str| json!([{"name": name, "commit": {"sha": "a".repeat(40)}}]);
    for elsewhere in [
        format!("{}/repositories/1296269/branches", bench.host.api_url()),
        "https://evil.example/branches".to_owned(),
    ] {
        let links = format!(
            "<{elsewhere}?per_page=100&page=2>; rel=\"next\", \
             <{elsewhere}?per_page=100&page=2>; rel=\"last\""
        );
        let first = Reply::json(200, &branch("main")).header("link", &links);
        bench.host.on("GET", route, first);
        let second = format!("{route}?per_page=100&page=2");
        bench
            .host
            .on("GET", &second, Reply::json(200, &branch("next")));
        let found = provider.branches(&info, &ListRequest::default()).await;
        let found = found.unwrap();
        let names: Vec<_> = found.items.iter().map(|branch| &*branch.name).collect();
        assert_eq!(
            (names.as_slice(), found.next),
            (["main", "next"].as_slice(), None)
        );
        let requests = bench.host.requests();
        let asked = requests.iter().filter(|it| it.path.ends_with(route));
        let asked: Vec<_> = asked.map(|it| &*it.query).collect();
        assert_eq!(asked, ["per_page=100", "per_page=100&page=2"]);
        bench.host.forget_requests();
    }
}

#[tokio::test]
async fn an_empty_repository_may_also_be_a_conflict() {
    let bench = bench().await;
    let empty = Reply::json(409, &json!({"message": "Git Repository is empty."}));
    bench
        .host
        .on("GET", Standard::Github.branches_route(), empty);
    let report = bench.check().await.unwrap();
    assert!(report.branches.is_empty() && report.repository.default_branch.is_none());
}

#[tokio::test]
async fn a_host_without_the_api_is_not_the_credentials_fault() {
    let bench = bench().await;
    bench.host.on(
        "GET",
        "/user",
        Reply::json(404, &json!({"message": "no route"})),
    );
    let error = bench.check().await.unwrap_err();
    assert!(!error.is_definite(), "{error:?}");
}

#[tokio::test]
async fn a_disabled_repository_takes_no_writes() {
    let bench = bench().await;
    let disabled = bench
        .host
        .repository_reply()
        .with(&json!({"disabled": true}));
    bench
        .host
        .on("GET", Standard::Github.repository_route(), disabled);
    let report = bench.check().await.unwrap();
    assert_eq!(report.operations[1].state, OperationState::Denied);
    assert!(!report.repository.archived);
}
