//! What only Bitbucket Cloud does.

mod release_work;

use scm_providers::{ListRequest, ProviderError};
use scm_testkit::code_host::{Reply, Standard};
use scm_types::{HookAccess, OperationState, Permission, TokenKind};
use serde_json::json;

use crate::support::{Bench, at};

const ACCESS_TOKEN: &str = "ATCTT3xFfGN0abcdef";
const GRANTS: &str = "/user/workspaces/ws/permissions/repositories";

async fn bench() -> Bench {
    Bench::of(Standard::Bitbucket).await
}

#[tokio::test]
async fn an_api_token_goes_as_basic_and_tells_no_scopes() {
    let bench = bench().await;
    let report = bench.check().await.unwrap();
    assert_eq!(report.token.kind, TokenKind::BitbucketApiToken);
    assert_eq!(report.token.scopes, None);
    assert_eq!(report.token.expires_at, None);
    let account = report.account.unwrap();
    assert_eq!(account.login, "evzijst");
    assert_eq!(account.id, "{a4934530-db4c-419c-a478-9ab4964c2ee7}");
    assert_eq!(report.permission, Permission::Admin);
    assert_eq!(
        report.hooks,
        HookAccess::Unknown,
        "reading a list proves nothing about writing"
    );
    assert_eq!(report.operations[1].state, OperationState::Unknown);
    assert_eq!(
        report.operations[3].state,
        OperationState::Denied,
        "no releases"
    );
    for request in bench.host.requests() {
        let header = request.header("authorization").unwrap();
        assert_eq!(
            header,
            "Basic ZGV2QGV4YW1wbGUuY29tOkFUQVRUM3hGZkdGMDEyMzQ1Njc4OQ=="
        );
    }
    let requests = bench.host.requests();
    let asked = requests
        .iter()
        .find(|request| request.path.ends_with("/permissions/repositories"));
    assert_eq!(
        asked.unwrap().query,
        "q=repository.full_name%3D%22ws%2Fapp%22"
    );
    let withdrawn = |path: &str| path.ends_with("/user/permissions/repositories");
    assert!(!requests.iter().any(|request| withdrawn(&request.path)));
}

#[tokio::test]
async fn scopes_are_used_where_they_are_told() {
    for (scopes, write, hooks) in [
        (
            "write:repository:bitbucket, write:webhook:bitbucket",
            OperationState::Allowed,
            HookAccess::Yes,
        ),
        (
            "repository:write webhook account",
            OperationState::Allowed,
            HookAccess::Yes,
        ),
        (
            "read:repository:bitbucket",
            OperationState::Denied,
            HookAccess::No,
        ),
    ] {
        let bench = bench().await;
        let user = Reply::fixture("bitbucket/user_200").header("x-oauth-scopes", scopes);
        bench.host.on("GET", "/user", user);
        let report = bench.check().await.unwrap();
        assert_eq!(report.operations[1].state, write, "{scopes}");
        assert_eq!(report.hooks, hooks, "{scopes}");
    }
}

#[tokio::test]
async fn an_access_token_has_no_user_to_ask_for() {
    let bench = bench().await;
    let report = bench.check_as(ACCESS_TOKEN).await.unwrap();
    assert_eq!(report.token.kind, TokenKind::BitbucketAccessToken);
    assert_eq!(report.account, None);
    assert_eq!(report.permission, Permission::Unknown);
    assert_eq!(bench.host.calls_to("GET", "/user"), 0);
    assert_eq!(bench.host.calls_to("GET", GRANTS), 0);
    let bearer = format!("Bearer {ACCESS_TOKEN}");
    assert_eq!(
        bench.host.requests()[0].header("authorization"),
        Some(bearer.as_str())
    );

    bench
        .host
        .on_everything(Reply::fixture("bitbucket/user_401"));
    let error = bench.check_as(ACCESS_TOKEN).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::TokenInvalid { .. }),
        "the repository tells"
    );
}

#[tokio::test]
async fn a_bearer_of_unknown_shape_is_judged_by_the_repository() {
    const BEARER: &str = "someBearer0123456789=";
    let refusal = || Reply::fixture("bitbucket/user_401");
    let bench = bench().await;
    bench.host.on("GET", "/user", refusal());
    bench.host.on("GET", GRANTS, refusal());
    let report = bench.check_as(BEARER).await.unwrap();
    assert_eq!(report.account, None);
    assert_eq!(report.permission, Permission::Unknown);

    let route = Standard::Bitbucket.repository_route();
    bench.host.on("GET", route, refusal());
    let error = bench.check_as(BEARER).await.unwrap_err();
    assert!(matches!(error, ProviderError::TokenInvalid { .. }));
    let provider = bench
        .open("ws/app", BEARER, Some(at("2026-01-01T00:00:00Z")))
        .unwrap();
    let error = provider.check().await.unwrap_err();
    assert!(matches!(error, ProviderError::TokenExpired { .. }));

    // One that belongs to an account is condemned by it.
    bench.host.forget_requests();
    assert!(bench.check().await.unwrap_err().is_definite());
    assert_eq!(bench.host.calls(), 1);
}

#[tokio::test]
async fn an_account_that_may_not_be_read_is_no_failure() {
    let bench = bench().await;
    bench
        .host
        .on("GET", "/user", Reply::fixture("bitbucket/user_403_scope"));
    bench
        .host
        .on("GET", GRANTS, Reply::fixture("bitbucket/user_403_scope"));
    let report = bench.check().await.unwrap();
    assert_eq!(report.account, None);
    assert_eq!(report.permission, Permission::Unknown);
}

#[tokio::test]
async fn grants_give_the_permission() {
    for (reply, want) in [
        (
            json!({"values": [{"permission": "admin"}]}),
            Permission::Admin,
        ),
        (
            json!({"values": [{"permission": "write"}]}),
            Permission::Write,
        ),
        (
            json!({"values": [{"permission": "read"}]}),
            Permission::Read,
        ),
        // The standard repository is private.
        (json!({"values": []}), Permission::Unknown),
        (
            json!({"values": [{"permission": "owner"}]}),
            Permission::Unknown,
        ),
        (json!("nonsense"), Permission::Unknown),
    ] {
        let bench = bench().await;
        bench.host.on("GET", GRANTS, Reply::json(200, &reply));
        assert_eq!(bench.check().await.unwrap().permission, want, "{reply}");
    }
    for reply in [
        Reply::fixture("bitbucket/cross_workspace_410"),
        Reply::empty(404),
    ] {
        let bench = bench().await;
        bench.host.on("GET", GRANTS, reply);
        assert_eq!(bench.check().await.unwrap().permission, Permission::Unknown);
    }

    let bench = bench().await;
    let public = bench
        .host
        .repository_reply()
        .with(&json!({"is_private": false}));
    bench
        .host
        .on("GET", Standard::Bitbucket.repository_route(), public);
    let none = Reply::json(200, &json!({"values": []}));
    bench.host.on("GET", GRANTS, none);
    assert_eq!(bench.check().await.unwrap().permission, Permission::Read);
}

#[tokio::test]
async fn refusals_of_the_repository() {
    for (reply, code) in [
        (Reply::fixture("bitbucket/repo_403_private"), "not_found"),
        (Reply::fixture("bitbucket/repo_404"), "not_found"),
        (Reply::fixture("bitbucket/cross_workspace_410"), "not_found"),
        (
            Reply::fixture("bitbucket/user_403_scope"),
            "insufficient_scope",
        ),
        (Reply::fixture("bitbucket/user_401"), "token_invalid"),
        (Reply::fixture("bitbucket/any_429"), "rate_limited"),
        (Reply::json(555, &json!({})), "unavailable"),
    ] {
        let bench = bench().await;
        bench
            .host
            .on("GET", Standard::Bitbucket.repository_route(), reply);
        let error = bench.check().await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        if code == "insufficient_scope" {
            assert!(error.to_string().contains("read:user:bitbucket"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_user_name_in_place_of_the_address_gets_a_hint() {
    let bench = bench().await;
    bench
        .host
        .on_everything(Reply::fixture("bitbucket/user_401"));
    for token in ["dev:ATATT3xabc", "ATATT3xabc"] {
        let error = bench.check_as(token).await.unwrap_err();
        assert!(error.to_string().contains("e-mail address"), "{error}");
        assert!(!error.to_string().contains("abc"), "{error}");
    }
}

#[tokio::test]
async fn no_conditional_requests_are_made() {
    let bench = bench().await;
    let tagged = Reply::fixture("bitbucket/user_200").header("etag", "\"x\"");
    bench.host.on("GET", "/user", tagged);
    assert!(bench.check().await.is_ok());
    assert!(bench.check().await.is_ok());
    for request in bench.host.requests() {
        assert_eq!(request.header("if-none-match"), None);
    }
}

#[tokio::test]
async fn pages_of_branches_are_asked_for_at_the_repository_wherever_links_lead() {
    let bench = bench().await;
    let provider = bench.standard();
    let info = provider.info().await.unwrap();
    let route = Standard::Bitbucket.branches_route();
    let page = |name: &str| json!({"values": [{"name": name, "target": {"hash": "a".repeat(40)}}]});
    for elsewhere in [bench.host.api_url(), "https://evil.example/2.0".to_owned()] {
        let mut first = page("main");
        first["next"] = json!(format!("{elsewhere}{route}?page=2"));
        bench.host.on("GET", route, Reply::json(200, &first));
        let second = Reply::json(200, &page("release/1.0"));
        bench.host.on("GET", &format!("{route}?page=2"), second);
        let list = provider.branches(&info, &ListRequest::default()).await;
        let list = list.unwrap();
        let names: Vec<_> = list.items.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["main", "release/1.0"]);
        assert_eq!(list.next, None);
    }
}
