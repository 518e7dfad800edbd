//! What only Bitbucket Data Center does: the check of a connection.

mod release_work;

use scm_providers::{Known, ListRequest, ProviderError};
use scm_testkit::{
    code_host::{CodeHost, Reply},
    git_host::{Dialect, GitHost},
};
use scm_types::{
    AccountRef, ConnectionReport, HookAccess, HostKind, OperationState, Permission, ScmType,
    TokenKind, Visibility,
};
use serde_json::{Value, json};

use crate::support::{at, git::GitBench, opened, provider_host, settings};

const REPOSITORY: &str = "/rest/api/latest/projects/KEY/repos/app";

async fn bench() -> GitBench {
    GitBench::start(Dialect::DataCenter).await
}

async fn check(bench: &GitBench) -> Result<ConnectionReport, ProviderError> {
    bench.provider().check().await
}

async fn check_as(bench: &GitBench, token: &str) -> Result<ConnectionReport, ProviderError> {
    let provider = bench.open(token, Known::default()).unwrap();
    provider.check().await
}

fn refusal(status: u16, exception: &str) -> Reply {
    let exception = format!("com.atlassian.bitbucket.{exception}");
    let error = json!({"context": null, "message": "No <b>x</b>", "exceptionName": exception});
    Reply::json(status, &json!({"errors": [error]}))
}

/// The repository as the host gives it, changed.
fn repository(changes: &Value) -> Reply {
    let plain = json!({
        "id": 84,
        "slug": "app",
        "public": false,
        "project": {"key": "KEY"},
        "links": {"self": [{"href": "https://bb.example.com/projects/KEY/repos/app/browse"}]},
    });
    Reply::json(200, &plain).with(changes)
}

#[tokio::test]
async fn an_administrator_may_do_everything() {
    let bench = bench().await;
    let _ = bench.host.add_hook("https://hooks.example.com/dc");
    let report = check(&bench).await.unwrap();
    assert_eq!(bench.provider().scm_type(), ScmType::Bitbucket);
    assert_eq!(report.token.kind, TokenKind::DataCenterAccessToken);
    assert_eq!((report.token.scopes, report.token.expires_at), (None, None));
    assert_eq!(report.account.unwrap().login, "dev");
    assert_eq!(report.permission, Permission::Admin);
    assert_eq!(
        (report.hooks, report.has_webhooks),
        (HookAccess::Yes, Some(true))
    );
    let info = report.repository;
    assert_eq!(
        (info.id.as_str(), info.owner.as_str(), info.name.as_str()),
        ("84", "KEY", "app")
    );
    assert_eq!(info.default_branch.as_deref(), Some("main"));
    assert_eq!(
        (info.visibility, info.moved_to),
        (Visibility::Private, None)
    );
    assert!(
        info.web_url
            .unwrap()
            .ends_with("/projects/KEY/repos/app/browse")
    );
    assert_eq!(report.branches.len(), 1);
    assert!(report.branches[0].default);
    let states: Vec<_> = report.operations.iter().map(|it| it.state).collect();
    let (yes, no) = (OperationState::Allowed, OperationState::Denied);
    assert_eq!(states, [yes, yes, yes, no, yes], "no releases");

    let requests = bench.host.requests();
    assert_eq!(requests[0].path, REPOSITORY);
    for request in requests {
        let bearer = format!("Bearer {}", Dialect::DataCenter.token());
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
        assert_eq!(request.header("if-none-match"), None);
    }
}

#[tokio::test]
async fn of_everybody_else_only_trying_tells() {
    let bench = bench().await;
    bench.host.set_read_only_token(true);
    let report = check(&bench).await.unwrap();
    assert_eq!(report.permission, Permission::Unknown);
    assert_eq!((report.hooks, report.has_webhooks), (HookAccess::No, None));
    assert_eq!(report.operations[1].state, OperationState::Unknown);
    let hooks = &report.operations[4];
    assert_eq!(hooks.state, OperationState::Denied);
    assert!(hooks.missing.as_ref().unwrap().contains("admin"));
}

#[tokio::test]
async fn an_archived_repository_takes_nothing() {
    let bench = bench().await;
    bench.host.set_archived(true);
    let report = check(&bench).await.unwrap();
    assert!(report.repository.archived);
    let denied = report.operations[1].missing.as_deref();
    assert_eq!(denied, Some("the repository is archived"));
}

#[tokio::test]
async fn webhooks_that_cannot_be_looked_at_now_stay_unknown() {
    let bench = bench().await;
    bench.host.always("GET", "/webhooks", Reply::html(200));
    let report = check(&bench).await.unwrap();
    assert_eq!(report.permission, Permission::Unknown);
    assert_eq!(report.hooks, HookAccess::Unknown);
    assert_eq!(report.operations[1].state, OperationState::Unknown);
}

#[tokio::test]
async fn refusals_of_the_repository() {
    let named = |reply: Reply| reply.header("x-ausername", "dev");
    for (reply, code) in [
        (
            Reply::fixture("bitbucket/datacenter_repo_401_no_permission"),
            "not_found",
        ),
        (
            refusal(401, "auth.IncorrectPasswordAuthenticationException"),
            "token_invalid",
        ),
        (
            named(refusal(401, "auth.TokenAuthenticationException")),
            "token_invalid",
        ),
        (
            refusal(401, "auth.CaptchaRequiredAuthenticationException"),
            "token_invalid",
        ),
        (Reply::json(401, &json!({"errors": []})), "token_invalid"),
        (
            named(Reply::json(401, &json!({"errors": [{"message": "x"}]}))),
            "not_found",
        ),
        (refusal(403, "AuthorisationException"), "insufficient_scope"),
        (Reply::fixture("bitbucket/datacenter_repo_404"), "not_found"),
        (refusal(404, "project.NoSuchProjectException"), "not_found"),
        (Reply::json(400, &json!({"errors": "odd"})), "bad_request"),
        (Reply::empty(429).header("retry-after", "7"), "rate_limited"),
        (Reply::empty(500), "unavailable"),
        (Reply::html(401), "unavailable"),
        (Reply::text(404, "404 page not found"), "unavailable"),
    ] {
        let bench = bench().await;
        bench.host.always("GET", "", reply);
        let error = check(&bench).await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        let definite = matches!(code, "not_found" | "token_invalid" | "insufficient_scope");
        assert_eq!(error.is_definite(), definite);
        assert!(!error.to_string().contains("<b>"), "{error}");
        if code == "rate_limited" {
            assert_eq!(error.retry_after().unwrap().as_secs(), 7);
        }
        if definite {
            assert_eq!(
                bench.host.calls(),
                1,
                "passwords are locked after some attempts"
            );
        }
    }
}

#[tokio::test]
async fn a_limit_without_a_time_is_waited_for() {
    let bench = bench().await;
    bench.host.always("GET", "", Reply::empty(429));
    let error = check(&bench).await.unwrap_err();
    assert_eq!(error.retry_after().unwrap().as_secs(), 60);
}

#[tokio::test]
async fn a_credential_whose_end_is_stored_has_expired() {
    let bench = bench().await;
    let refused = refusal(401, "auth.IncorrectPasswordAuthenticationException");
    bench.host.always("GET", "", refused);
    let known = Known {
        expires_at: Some(at("2026-01-01T00:00:00Z")),
        ..Known::default()
    };
    let provider = bench.open(Dialect::DataCenter.token(), known).unwrap();
    let error = provider.check().await.unwrap_err();
    assert!(matches!(error, ProviderError::TokenExpired { at: Some(_) }));
}

#[tokio::test]
async fn hints_for_refused_credentials() {
    let bench = bench().await;
    let refused = refusal(401, "auth.IncorrectPasswordAuthenticationException");
    bench.host.always("GET", "", refused);
    for (token, says) in [
        ("ATCTT3xabcd", "Bitbucket Cloud"),
        ("dev@example.com:ATATT3xabcd", "Bitbucket Cloud"),
        ("glpat-abcd", "GitLab"),
    ] {
        let error = check_as(&bench, token).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains("abcd"), "{error}");
    }
    bench.host.heal();
    let captcha = refusal(401, "auth.CaptchaRequiredAuthenticationException");
    bench.host.always("GET", "", captcha);
    let error = check_as(&bench, "dev:secret").await.unwrap_err();
    assert!(error.to_string().contains("captcha"), "{error}");
}

#[tokio::test]
async fn a_name_and_a_password_go_as_basic() {
    for (token, kind) in [
        ("dev:secret", TokenKind::DataCenterPassword),
        ("dev:BBDC-abcd", TokenKind::DataCenterAccessToken),
    ] {
        let bench = bench().await;
        let report = check_as(&bench, token).await.unwrap();
        assert_eq!(report.token.kind, kind);
        for request in bench.host.requests() {
            let header = request.header("authorization").unwrap();
            assert!(header.starts_with("Basic ZGV2O"), "{header}");
        }
    }
}

#[tokio::test]
async fn the_account_is_the_one_that_the_answer_was_given_to() {
    let account = |id: &str, login: &str| {
        let (id, login) = (id.to_owned(), login.to_owned());
        Some(AccountRef { id, login })
    };
    for (headers, want) in [
        (
            vec![("x-ausername", "jane%40example.com")],
            account("jane@example.com", "jane@example.com"),
        ),
        (
            vec![("x-ausername", "jane"), ("x-auserid", "7")],
            account("7", "jane"),
        ),
        (vec![], None),
    ] {
        let bench = bench().await;
        let mut reply = repository(&json!({"public": true}));
        for (name, value) in headers {
            reply = reply.header(name, value);
        }
        bench.host.instead("GET", "/repos/app", reply);
        assert_eq!(check(&bench).await.unwrap().account, want);
    }
}

#[tokio::test]
async fn an_answer_given_to_nobody_refuses_the_credential() {
    let bench = bench().await;
    let public = repository(&json!({"public": true})).header("x-ausername", "anonymous");
    bench.host.always("GET", "/repos/app", public);
    let error = check(&bench).await.unwrap_err();
    assert!(
        matches!(error, ProviderError::TokenInvalid { .. }),
        "{error:?}"
    );
    assert_eq!(bench.host.calls(), 1);
}

#[tokio::test]
async fn repositories_of_a_public_project_are_public() {
    for (changes, want) in [
        (json!({"public": true}), Visibility::Public),
        (
            json!({"project": {"key": "KEY", "public": true}}),
            Visibility::Public,
        ),
        (json!({"public": null}), Visibility::Private),
    ] {
        let bench = bench().await;
        bench
            .host
            .instead("GET", "/repos/app", repository(&changes));
        let info = bench.provider().info().await.unwrap();
        assert_eq!(info.visibility, want, "{changes}");
    }
}

#[tokio::test]
async fn an_empty_repository_has_no_default_branch() {
    let bench = GitBench::on(GitHost::empty(Dialect::DataCenter).await);
    let missing = refusal(404, "repository.NoDefaultBranchException");
    for reply in [None, Some(missing)] {
        if let Some(reply) = reply {
            bench.host.always("GET", "/default-branch", reply.clone());
            bench.host.always("GET", "/branches", reply);
        }
        let report = check(&bench).await.unwrap();
        assert_eq!(report.repository.default_branch, None);
        assert!(report.branches.is_empty());
    }
    let gone = Reply::fixture("bitbucket/datacenter_repo_404");
    bench.host.heal();
    bench.host.always("GET", "/default-branch", gone);
    let error = check(&bench).await.unwrap_err();
    assert_eq!(error.code(), "not_found", "it is gone meanwhile: {error:?}");
}

#[tokio::test]
async fn a_repository_is_asked_for_by_its_path_whatever_is_stored() {
    let bench = bench().await;
    let known = Known {
        repository_id: Some("9999".to_owned()),
        ..Known::default()
    };
    let provider = bench.open(Dialect::DataCenter.token(), known).unwrap();
    let info = provider.info().await.unwrap();
    assert_eq!(info.id, "84", "the caller sees that it is another one");
    assert_eq!(bench.host.requests()[0].path, REPOSITORY);

    let moved = repository(&json!({"slug": "app2", "project": {"key": "NEW"}}));
    bench.host.instead("GET", "/repos/app", moved);
    let main = json!({"displayId": "main"});
    let main = Reply::json(200, &main);
    bench
        .host
        .instead("GET", "/NEW/repos/app2/default-branch", main);
    let info = provider.info().await.unwrap();
    assert_eq!(info.moved_to.as_deref(), Some("NEW/app2"));
    assert_eq!(info.default_branch.as_deref(), Some("main"));
}

#[tokio::test]
async fn a_repository_whose_path_leads_elsewhere_is_no_answer() {
    for changes in [json!({"slug": ".."}), json!({"project": {"key": ""}})] {
        let bench = bench().await;
        bench
            .host
            .instead("GET", "/repos/app", repository(&changes));
        let error = bench.provider().info().await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{changes}");
    }
}

#[tokio::test]
async fn a_personal_repository_below_a_context_path() {
    let host = CodeHost::start().await;
    let base = format!("{}/tools/bitbucket", host.base_url());
    let path = "/tools/bitbucket/rest/api/latest/projects/~dev/repos/app";
    let personal = repository(&json!({"project": {"key": "~dev"}}));
    host.on_root("GET", path, personal.header("x-ausername", "dev"));
    let main = json!({"id": "refs/heads/main", "displayId": "main"});
    let default = format!("{path}/default-branch");
    host.on_root("GET", &default, Reply::json(200, &main));
    let none = Reply::json(200, &json!({"values": [], "isLastPage": true}));
    host.on_root("GET", &format!("{path}/webhooks"), none);
    let list = Reply::fixture("bitbucket/datacenter_branches_200_page1");
    let list = list.with(&json!({"isLastPage": true, "nextPageStart": null}));
    host.on_root("GET", &format!("{path}/branches"), list);

    let configured = provider_host(HostKind::BitbucketDataCenter, &base);
    let url = format!("{base}/projects/~dev/repos/app/browse");
    let provider = opened(configured, settings(), &url, "BBDC-abcd");
    let report = provider.check().await.unwrap();
    assert_eq!(report.repository.moved_to, None);
    assert_eq!(report.repository.owner, "~dev");
    assert_eq!(report.branches[0].name, "master");
    assert_eq!(report.has_webhooks, Some(false));
    let request = ListRequest::default();
    let list = provider.branches(&report.repository, &request).await;
    assert_eq!(list.unwrap().items.len(), 1);
}
