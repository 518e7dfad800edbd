//! What only GitLab does.

mod release_work;

use scm_providers::{ListRequest, ProviderError};
use scm_testkit::code_host::{CodeHost, Reply, Standard};
use scm_types::{HookAccess, HostKind, OperationState, PageLimit, Permission, TokenKind};
use serde_json::json;

use crate::support::{Bench, at, opened, provider_host, settings};

const SELF: &str = "/personal_access_tokens/self";

async fn bench() -> Bench {
    Bench::of(Standard::Gitlab).await
}

#[tokio::test]
async fn a_token_tells_scopes_and_the_day_it_ends() {
    let bench = bench().await;
    let report = bench.check().await.unwrap();
    assert_eq!(report.token.kind, TokenKind::GitlabAccessToken);
    assert_eq!(report.token.scopes.unwrap(), ["api"]);
    assert_eq!(report.token.expires_at, Some(at("2027-01-31T00:00:00Z")));
    assert_eq!(report.account.unwrap().login, "john_smith");
    assert_eq!(report.hooks, HookAccess::Yes);
    for operation in report.operations {
        assert_eq!(operation.state, OperationState::Allowed, "{operation:?}");
    }
    let bearer = format!("Bearer {}", Standard::Gitlab.token());
    for request in bench.host.requests() {
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
        assert_eq!(request.header("private-token"), None);
    }
}

#[tokio::test]
async fn a_token_that_may_not_see_itself_is_fine() {
    for (reply, kind) in [
        (
            Reply::json(403, &json!({"message": "403 Forbidden"})),
            TokenKind::GitlabAccessToken,
        ),
        (Reply::empty(500), TokenKind::GitlabAccessToken),
        (Reply::html(200), TokenKind::GitlabAccessToken),
        (
            Reply::fixture("gitlab/pat_self_200_no_expiry"),
            TokenKind::GitlabAccessToken,
        ),
    ] {
        let bench = bench().await;
        bench.host.on("GET", SELF, reply);
        let report = bench.check().await.unwrap();
        assert_eq!(report.token.expires_at, None);
        assert_eq!(report.token.kind, kind);
    }
}

#[tokio::test]
async fn a_token_that_says_it_is_over() {
    let bench = bench().await;
    let revoked = Reply::fixture("gitlab/pat_self_200").with(&json!({"revoked": true}));
    bench.host.on("GET", SELF, revoked);
    let error = bench.check().await.unwrap_err();
    assert!(
        matches!(error, ProviderError::TokenInvalid { .. }),
        "{error:?}"
    );
    let over = json!({"active": false, "expires_at": "2026-10-30"});
    let over = Reply::fixture("gitlab/pat_self_200").with(&over);
    bench.host.on("GET", SELF, over);
    let error = bench.check().await.unwrap_err();
    assert!(
        matches!(error, ProviderError::TokenExpired { at: Some(_) }),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_oauth_token_is_asked_about_at_the_oauth_address() {
    for status in [401, 404] {
        let bench = bench().await;
        bench
            .host
            .on("GET", SELF, Reply::json(status, &json!({"message": "no"})));
        let info = Reply::fixture("gitlab/oauth_token_info_200");
        bench.host.on_root("GET", "/oauth/token/info", info);
        let report = bench.check_as("0123abcd").await.unwrap();
        assert_eq!(report.token.kind, TokenKind::GitlabOauth);
        assert_eq!(report.token.scopes.unwrap(), ["api"]);
        assert_eq!(report.token.expires_at, Some(at("2026-10-30T16:30:00Z")));
    }
    // Neither: the kind stays open, the connection is good.
    let bench = bench().await;
    bench.host.on("GET", SELF, Reply::empty(404));
    let report = bench.check_as("0123abcd").await.unwrap();
    assert_eq!(report.token.kind, TokenKind::Unknown);
    assert_eq!(report.operations[1].state, OperationState::Unknown);
}

#[tokio::test]
async fn expired_and_revoked_are_told_apart() {
    for (name, code) in [
        ("user_401_token_expired", "token_expired"),
        ("user_401_token_revoked", "token_invalid"),
        ("user_401_bad_token", "token_invalid"),
        ("user_401", "token_invalid"),
    ] {
        let bench = bench().await;
        bench
            .host
            .on("GET", "/user", Reply::fixture(&format!("gitlab/{name}")));
        let error = bench.check().await.unwrap_err();
        assert_eq!(error.code(), code, "{name}");
        assert_eq!(bench.host.calls(), 1);
    }
    let bench = bench().await;
    bench.host.on(
        "GET",
        "/user",
        Reply::json(401, &json!({"error": "dpop_error"})),
    );
    let error = bench.check().await.unwrap_err();
    assert!(error.to_string().contains("DPoP"), "{error}");
}

#[tokio::test]
async fn refusals_name_what_is_missing() {
    for (name, says) in [
        (
            "project_403_insufficient_scope",
            "the scope api or read_api",
        ),
        ("hooks_403_fine_grained", "Webhook: Read"),
    ] {
        let bench = bench().await;
        let refusal = Reply::fixture(&format!("gitlab/{name}"));
        bench
            .host
            .on("GET", Standard::Gitlab.repository_route(), refusal);
        let error = bench.check().await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    // A host that says odd things is not quoted.
    let bench = bench().await;
    for scope in [
        "<b>api</b>",
        "http://10.0.0.1/",
        "\u{1b}[31m",
        Standard::Gitlab.token(),
    ] {
        let refusal = json!({"error": "insufficient_scope", "scope": scope});
        let route = Standard::Gitlab.repository_route();
        bench.host.on("GET", route, Reply::json(403, &refusal));
        let error = bench.check().await.unwrap_err();
        let ProviderError::InsufficientScope { missing: None, .. } = error else {
            panic!("{error:?}");
        };
    }
}

#[tokio::test]
async fn roles_come_from_project_or_group() {
    for (project, group, want) in [
        (Some(50), None, Permission::Admin),
        (Some(40), Some(10), Permission::Admin),
        (None, Some(30), Permission::Write),
        (Some(20), Some(30), Permission::Write),
        (Some(20), None, Permission::Read),
        (Some(10), None, Permission::Read),
        (None, None, Permission::Unknown),
    ] {
        let level = |level: Option<u32>| level.map(|level| json!({"access_level": level}));
        let bench = bench().await;
        let reply = bench.host.repository_reply().with(&json!({
            "permissions": {"project_access": level(project), "group_access": level(group)},
        }));
        bench
            .host
            .on("GET", Standard::Gitlab.repository_route(), reply);
        let report = bench.check().await.unwrap();
        assert_eq!(report.permission, want, "{project:?} {group:?}");
        let hooks = matches!(want, Permission::Admin | Permission::Unknown);
        assert_eq!(
            report.hooks == HookAccess::Yes,
            hooks,
            "{project:?} {group:?}"
        );
    }
}

#[tokio::test]
async fn scopes_decide_what_a_maintainer_may() {
    for (scopes, write, hooks) in [
        (json!(["api"]), OperationState::Allowed, HookAccess::Yes),
        (json!(["read_api"]), OperationState::Denied, HookAccess::No),
        (
            json!(["granular"]),
            OperationState::Unknown,
            HookAccess::Unknown,
        ),
    ] {
        let bench = bench().await;
        let own = Reply::fixture("gitlab/pat_self_200").with(&json!({"scopes": scopes}));
        bench.host.on("GET", SELF, own);
        let report = bench.check().await.unwrap();
        assert_eq!(report.operations[1].state, write);
        assert_eq!(report.hooks, hooks);
    }
}

#[tokio::test]
async fn a_project_without_a_repository_has_no_branches() {
    let bench = bench().await;
    let empty = json!({"empty_repo": true, "default_branch": null});
    let empty = bench.host.repository_reply().with(&empty);
    bench
        .host
        .on("GET", Standard::Gitlab.repository_route(), empty);
    let none = Reply::json(404, &json!({"message": "404 Repository Not Found"}));
    bench
        .host
        .on("GET", Standard::Gitlab.branches_route(), none);
    assert!(bench.check().await.unwrap().branches.is_empty());
    let route = Standard::Gitlab.branches_route();
    bench
        .host
        .on("GET", route, Reply::text(404, "404 page not found"));
    assert_eq!(bench.check().await.unwrap_err().code(), "unavailable");
}

#[tokio::test]
async fn limits_told_in_plain_text_are_limits() {
    let bench = bench().await;
    bench
        .host
        .on_everything(Reply::fixture("gitlab/any_429_rack_attack"));
    let error = bench.check().await.unwrap_err();
    assert_eq!(error.code(), "rate_limited");
    assert_eq!(error.retry_after().unwrap().as_secs(), 42);
}

#[tokio::test]
async fn branches_are_walked_by_key_until_an_empty_page() {
    let bench = bench().await;
    let provider = bench.standard();
    let info = provider.info().await.unwrap();
    let route = Standard::Gitlab.branches_route();
    let next = format!("{}{route}?page_token=main", bench.host.api_url());
    let link = format!("<{next}>; rel=\"next\"");
    let sha = json!({"id": "a".repeat(40)});
    let full = json!([{"name": "feature", "commit": sha}, {"name": "main", "commit": sha}]);
    let full = Reply::json(200, &full).header("link", &link);
    bench.host.on("GET", route, full);
    let last = Reply::fixture("gitlab/branches_200_keyset_last_empty").header("link", &link);
    bench
        .host
        .on("GET", &format!("{route}?page_token=main"), last);
    bench.host.forget_requests();
    let request = ListRequest {
        limit: PageLimit::new(2).unwrap(),
        ..ListRequest::default()
    };
    let first = provider.branches(&info, &request).await.unwrap();
    assert_eq!(first.items.len(), 2);
    let asked = bench.host.requests();
    assert_eq!(asked[0].query, "pagination=keyset&per_page=100");
    assert_eq!(asked.len(), 1, "the limit was reached");
    let rest = ListRequest {
        after: first.next,
        ..request
    };
    let last = provider.branches(&info, &rest).await.unwrap();
    assert_eq!((last.items.len(), last.next), (0, None));
    assert_eq!(bench.host.requests().len(), 2);
}

#[tokio::test]
async fn an_instance_below_a_sub_path() {
    let host = CodeHost::start().await;
    let base = format!("{}/tools/gitlab", host.base_url());
    let route = |path: &str| format!("/tools/gitlab/api/v4{path}");
    host.on_root("GET", &route("/user"), Reply::fixture("gitlab/user_200"));
    let project = json!({"path_with_namespace": "group/app"});
    let project = Reply::fixture("gitlab/project_200").with(&project);
    host.on_root("GET", &route("/projects/group%2Fapp"), project);
    host.on_root(
        "GET",
        &route("/projects/4/hooks"),
        Reply::json(200, &json!([])),
    );
    let branches = route("/projects/4/repository/branches");
    host.on_root("GET", &branches, Reply::json(200, &json!([])));
    let own = Reply::json(401, &json!({"message": "401 Unauthorized"}));
    host.on_root("GET", &route(SELF), own);
    let info = Reply::fixture("gitlab/oauth_token_info_200");
    host.on_root("GET", "/tools/gitlab/oauth/token/info", info);

    let configured = provider_host(HostKind::Gitlab, &base);
    let url = format!("{base}/group/app");
    let provider = opened(configured, settings(), &url, "0123abcd");
    let report = provider.check().await.unwrap();
    assert_eq!(report.token.kind, TokenKind::GitlabOauth);
    assert_eq!(report.repository.moved_to, None);
    assert_eq!(report.repository.owner, "group");
}

#[tokio::test]
async fn a_foreign_token_is_recognised_when_it_was_refused() {
    let bench = bench().await;
    bench
        .host
        .on("GET", "/user", Reply::fixture("gitlab/user_401"));
    let error = bench.check_as("ghp_abcdefgh").await.unwrap_err();
    assert!(
        error.to_string().contains("looks like a token of GitHub"),
        "{error}"
    );
}

#[tokio::test]
async fn the_last_call_of_a_minute_is_used_and_no_more() {
    let bench = bench().await;
    let last = Reply::fixture("gitlab/user_200")
        .header("ratelimit-remaining", "0")
        .header("ratelimit-reset", "1793372430"); // 2026-10-30T15:00:30Z
    bench.host.on("GET", "/user", last);
    let error = bench.check().await.unwrap_err();
    assert_eq!(error.retry_after().unwrap().as_secs(), 31);
    assert_eq!(bench.host.calls(), 1);
}
