//! One suite that every product passes: the same situation, told by each host in its own way, comes
//! to the same class of error, and only answers about the connection are definite.

use std::time::Duration;

use scm_providers::{Missing, Outage, ProviderError};
use scm_testkit::code_host::{CodeHost, Reply, SHA, Standard};
use scm_types::{
    ConnectionReport, HookAccess, OperationState, Permission, VerificationStatus, Visibility,
};
use serde_json::{Value, json};

use crate::support::{Bench, at, chain};

/// What a check is expected to come to.
enum Want {
    /// A report that passes the look.
    Valid(fn(&ConnectionReport) -> bool),
    /// An error of this class, about the connection or not.
    Error {
        code: &'static str,
        is_definite: bool,
    },
}

use Want::Valid;

const fn definite(code: &'static str) -> Want {
    Want::Error {
        code,
        is_definite: true,
    }
}

const fn passing(code: &'static str) -> Want {
    Want::Error {
        code,
        is_definite: false,
    }
}

/// Runs one situation on all three products.
async fn suite(name: &str, script: impl Fn(&CodeHost, Standard), want: Want) {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        script(&bench.host, standard);
        let got = bench.check().await;
        judge(name, standard, &got, &want);
    }
}

fn judge(
    name: &str,
    standard: Standard,
    got: &Result<ConnectionReport, ProviderError>,
    want: &Want,
) {
    match (got, want) {
        (Ok(report), Valid(look)) => assert!(look(report), "{name}, {standard:?}: {report:?}"),
        (Err(error), Want::Error { code, is_definite }) => {
            let got = (error.code(), error.is_definite());
            assert_eq!(
                got,
                (*code, *is_definite),
                "{name}, {standard:?}: {error:?}"
            );
            let text = chain(error);
            for secret in [standard.token(), "0123456789", "10.1.2.3", "internal"] {
                assert!(!text.contains(secret), "{name}, {standard:?}: {text}");
            }
        }
        (got, _) => panic!("{name}, {standard:?}: {got:?}"),
    }
}

/// A scripted refusal of each product.
fn by<'a>(standard: Standard, github: &'a str, gitlab: &'a str, bitbucket: &'a str) -> Reply {
    let name = match standard {
        Standard::Github => github,
        Standard::Gitlab => gitlab,
        Standard::Bitbucket => bitbucket,
    };
    Reply::fixture(&format!("{}/{name}", folder(standard)))
}

fn folder(standard: Standard) -> &'static str {
    match standard {
        Standard::Github => "github",
        Standard::Gitlab => "gitlab",
        Standard::Bitbucket => "bitbucket",
    }
}

fn no_list(standard: Standard) -> Value {
    match standard {
        Standard::Github | Standard::Gitlab => json!([]),
        Standard::Bitbucket => json!({"values": []}),
    }
}

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
async fn a_refused_credential() {
    suite(
        "invalid",
        |host, standard| {
            let refusal = by(
                standard,
                "user_401_bad_credentials",
                "user_401_bad_token",
                "user_401",
            );
            host.on("GET", standard.user_route(), refusal);
        },
        definite("token_invalid"),
    )
    .await;
}

#[tokio::test]
async fn a_credential_that_is_stored_as_expired() {
    for standard in Standard::ALL {
        for (expiry, code) in [
            ("2026-10-30T14:59:59Z", "token_expired"),
            ("2026-10-30T15:00:01Z", "token_invalid"),
        ] {
            let bench = Bench::of(standard).await;
            let refusal = by(standard, "user_401_bad_credentials", "user_401", "user_401");
            bench.host.on_everything(refusal);
            let provider = bench
                .open(standard.repository(), standard.token(), Some(at(expiry)))
                .unwrap();
            let got = provider.check().await;
            judge("expired", standard, &got, &definite(code));
        }
    }
}

#[tokio::test]
async fn an_expiry_that_has_passed_does_not_condemn_a_credential_that_works() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let past = Some(at("2020-01-01T00:00:00Z"));
        let provider = bench
            .open(standard.repository(), standard.token(), past)
            .unwrap();
        assert!(provider.check().await.is_ok(), "{standard:?}");
    }
}

#[tokio::test]
async fn a_scope_that_is_missing() {
    suite(
        "scope",
        |host, standard| {
            let refusal = match standard {
                Standard::Github => {
                    Reply::fixture("github/hooks_403_fine_grained_missing_permission")
                }
                Standard::Gitlab => Reply::fixture("gitlab/project_403_insufficient_scope"),
                Standard::Bitbucket => Reply::fixture("bitbucket/user_403_scope"),
            };
            host.on("GET", standard.repository_route(), refusal);
        },
        definite("insufficient_scope"),
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
async fn a_renamed_repository_by_redirect() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let host = &bench.host;
        let (old, new) = match standard {
            Standard::Github => ("/repos/octo/old", "/repositories/1296269"),
            Standard::Gitlab => ("/projects/group%2Fsub%2Fold", "/projects/4"),
            Standard::Bitbucket => ("/repositories/ws/old", "/repositories/ws/app"),
        };
        let location = format!("{}{new}", host.api_url());
        host.on("GET", old, Reply::redirect(301, &location));
        host.on("GET", new, host.repository_reply());
        let path = standard.repository().replace("app", "old");
        let provider = bench.open(&path, standard.token(), None).unwrap();
        let report = provider.check().await.unwrap();
        let moved_to = report.repository.moved_to.as_deref();
        assert_eq!(moved_to, Some(standard.repository()), "{standard:?}");
        assert_eq!(report.branches.len(), 2, "the new place is asked");
    }
}

#[tokio::test]
async fn a_renamed_repository_without_redirect_and_another_spelling() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let path = standard.repository();
        for (now, moved) in [
            (path.replace("app", "App"), false),
            (path.replace("app", "new"), true),
        ] {
            let hooks = standard
                .hooks_route()
                .replace("app", &now[path.len() - 3..]);
            let branches = standard
                .branches_route()
                .replace("app", &now[path.len() - 3..]);
            bench
                .host
                .on("GET", standard.repository_route(), bench.host.named(&now));
            bench
                .host
                .on("GET", &hooks, Reply::json(200, &no_list(standard)));
            bench
                .host
                .on("GET", &branches, Reply::json(200, &no_list(standard)));
            let report = bench.check().await.unwrap();
            assert_eq!(
                report.repository.moved_to,
                moved.then(|| now.clone()),
                "{standard:?}"
            );
            assert_eq!(
                report.repository.name,
                now[path.len() - 3..],
                "the host's spelling"
            );
            assert_eq!(report.has_webhooks, Some(false), "{standard:?}");
        }
    }
}

/// The id of the standard repository, and the route by it.
fn known(standard: Standard) -> (&'static str, &'static str) {
    match standard {
        Standard::Github => ("1296269", "/repositories/1296269"),
        Standard::Gitlab => ("4", "/projects/4"),
        Standard::Bitbucket => (
            "{c75687fb-e99d-4579-9087-190dbd406d30}",
            "/repositories/ws/%7Bc75687fb-e99d-4579-9087-190dbd406d30%7D",
        ),
    }
}

#[tokio::test]
async fn a_known_repository_is_asked_for_by_its_id() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let (id, by_id) = known(standard);
        let path = standard.repository();
        bench.host.on("GET", by_id, bench.host.repository_reply());
        let report = bench.check_known(path, id).await.unwrap();
        assert_eq!(report.repository.id, id, "{standard:?}");
        assert_eq!(report.repository.moved_to, None, "{standard:?}");
        let by_path = standard.repository_route();
        assert_eq!(bench.host.calls_to("GET", by_id), 1, "{standard:?}");
        assert_eq!(bench.host.calls_to("GET", by_path), 0, "{standard:?}");

        // Renamed, and somebody else has the old name.
        let old = path.replace("app", "old");
        let report = bench.check_known(&old, id).await.unwrap();
        let moved_to = report.repository.moved_to.as_deref();
        assert_eq!(moved_to, Some(path), "{standard:?}");
        assert_eq!(report.branches.len(), 2, "the new place is asked");
    }
}

#[tokio::test]
async fn an_id_that_is_gone_leaves_the_path() {
    for standard in Standard::ALL {
        let (id, by_id) = known(standard);
        let path = standard.repository();
        let gone = || by(standard, "repo_404", "project_404", "repo_404");
        // GitLab's standard host answers for its id; this is another's.
        let (id, by_id) = match standard {
            Standard::Gitlab => ("5", "/projects/5"),
            _ => (id, by_id),
        };
        let bench = Bench::of(standard).await;
        bench.host.on("GET", by_id, gone());
        let report = bench.check_known(path, id).await.unwrap();
        assert_eq!(bench.host.calls_to("GET", by_id), 1, "{standard:?}");
        assert_eq!(report.repository.id, known(standard).0, "what is there");

        let by_path = standard.repository_route();
        bench.host.on("GET", by_path, gone());
        let got = bench.check_known(path, id).await;
        judge("both gone", standard, &got, &definite("not_found"));

        // What is no answer about the repository ends it.
        bench.host.forget_requests();
        bench
            .host
            .on("GET", by_id, Reply::text(401, "Unauthorized"));
        let got = bench.check_known(path, id).await;
        judge("in between", standard, &got, &passing("unavailable"));
        assert_eq!(bench.host.calls_to("GET", by_path), 0, "{standard:?}");
    }
}

#[tokio::test]
async fn an_id_of_another_form_is_not_used() {
    for standard in Standard::ALL {
        for id in ["", "..", "4/../5", "x", "{x}", "4%2F", "-1"] {
            let bench = Bench::of(standard).await;
            let report = bench.check_known(standard.repository(), id).await;
            assert_eq!(report.unwrap().branches.len(), 2, "{standard:?} {id:?}");
            let by_path = standard.repository_route();
            assert_eq!(bench.host.calls_to("GET", by_path), 1, "{standard:?} {id}");
            let asked = bench.host.requests().len();
            let plain = Bench::of(standard).await;
            plain.check().await.unwrap();
            assert_eq!(asked, plain.host.calls(), "{standard:?} {id:?}");
        }
    }
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
async fn a_credential_that_may_only_read() {
    suite(
        "read only",
        |host, standard| {
            let reply = host.repository_reply();
            let reply = match standard {
                Standard::Github => reply.with(&json!({"permissions": {"pull": true}})),
                Standard::Gitlab => reply.with(&json!({
                    "permissions": {"project_access": {"access_level": 20}, "group_access": null}
                })),
                Standard::Bitbucket => {
                    let grant = Reply::json(200, &json!({"values": [{"permission": "read"}]}));
                    host.on("GET", "/user/workspaces/ws/permissions/repositories", grant);
                    reply
                }
            };
            host.on("GET", standard.repository_route(), reply);
            let refusal = match standard {
                Standard::Github => Reply::fixture("github/repo_404"),
                Standard::Gitlab => Reply::fixture("gitlab/hooks_403_role"),
                Standard::Bitbucket => Reply::json(403, &json!({"type": "error"})),
            };
            host.on("GET", standard.hooks_route(), refusal);
        },
        Valid(|report| {
            report.permission == Permission::Read
                && report.has_webhooks.is_none()
                && report.operations[0].state == OperationState::Allowed
                && report.operations[1..].iter().all(|operation| {
                    operation.state == OperationState::Denied && operation.missing.is_some()
                })
        }),
    )
    .await;
}

#[tokio::test]
async fn rate_limits_with_a_time() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let limited =
            Reply::json(429, &json!({"message": "slow down"})).header("retry-after", "42");
        bench.host.on_everything(limited);
        let got = bench.check().await;
        judge("429", standard, &got, &passing("rate_limited"));
        let wait = got.unwrap_err().retry_after();
        assert_eq!(wait, Some(Duration::from_secs(42)), "{standard:?}");
        assert_eq!(bench.host.calls(), 1, "{standard:?}: not repeated");

        // What is known needs no call, until it is over.
        bench.host.off_everything();
        assert!(bench.check().await.is_err());
        assert_eq!(bench.host.calls(), 1, "{standard:?}: not sent");
        bench.clock.advance(Duration::from_secs(42));
        assert!(bench.check().await.is_ok());
    }
}

#[tokio::test]
async fn rate_limits_without_a_time_double() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        bench.host.on_everything(by(
            standard,
            "repo_429_secondary_no_retry_after",
            "hook_test_429_endpoint_limit",
            "any_429",
        ));
        let first = bench.check().await.unwrap_err().retry_after().unwrap();
        let least = if standard == Standard::Bitbucket {
            300
        } else {
            60
        };
        assert_eq!(first.as_secs(), least, "{standard:?}");
        bench.clock.advance(first);
        let second = bench.check().await.unwrap_err().retry_after().unwrap();
        assert_eq!(second, first * 2, "{standard:?}");
    }
}

#[tokio::test]
async fn a_limit_is_one_credentials_own() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        bench
            .host
            .on_everything(Reply::empty(429).header("retry-after", "60"));
        assert!(bench.check().await.is_err());
        bench.host.off_everything();
        assert!(bench.check().await.is_err());
        let other = format!("{}x", standard.token());
        assert!(bench.check_as(&other).await.is_ok(), "{standard:?}");
    }
}

#[tokio::test]
async fn trouble_that_passes_is_not_noticed() {
    suite(
        "5xx, then good",
        |host, standard| {
            let good = by(standard, "user_200_classic_pat", "user_200", "user_200");
            let bad = Reply::json(502, &json!({"message": "Server Error"}));
            host.on("GET", standard.user_route(), [bad, Reply::html(503), good]);
        },
        Valid(|report| report.account.is_some()),
    )
    .await;
    suite(
        "lost connection, then good",
        |host, standard| {
            host.on(
                "GET",
                standard.repository_route(),
                [Reply::close(), host.repository_reply()],
            );
        },
        Valid(|report| report.branches.len() == 2),
    )
    .await;
}

#[tokio::test]
async fn trouble_that_stays_says_nothing_about_the_connection() {
    for (name, reply) in [
        (
            "500",
            Reply::json(500, &json!({"message": "500 Internal Server Error"})),
        ),
        ("503 page", Reply::html(503)),
        ("web page instead of an answer", Reply::html(200)),
        ("web page instead of a refusal", Reply::html(401)),
        ("web page instead of a 403", Reply::html(403)),
        ("web page instead of a 404", Reply::html(404)),
        ("a guard's 401", Reply::text(401, "401 Unauthorized")),
        ("a guard's 403", Reply::text(403, "Forbidden")),
        ("a proxy's 404", Reply::text(404, "404 page not found\n")),
        (
            "a text that calls itself JSON",
            Reply::bytes(404, "application/json", "404 page not found"),
        ),
        (
            "JSON that is no object",
            Reply::json(403, &json!("Forbidden")),
        ),
        ("a 400 of something else", Reply::text(400, "Bad Request")),
        ("401 without a body", Reply::empty(401)),
        ("403 without a body", Reply::empty(403)),
        ("404 without a body", Reply::empty(404)),
        ("not JSON", Reply::text(200, "OK")),
        ("nothing", Reply::empty(200)),
        (
            "another JSON",
            Reply::json(200, &json!(["internal 0123456789"])),
        ),
        (
            "no account",
            Reply::json(200, &json!({"id": "internal 0123456789"})),
        ),
        (
            "cut JSON",
            Reply::bytes(200, "application/json", r#"{"id": 1, "login": "intern"#),
        ),
        (
            "broken off",
            Reply::json(200, &json!({"id": 1, "login": "x"})).truncated(),
        ),
        ("too large", Reply::huge(512 * 1024)),
        ("too large when unpacked", Reply::gzip_bomb(4 * 1024 * 1024)),
        ("no connection", Reply::close()),
        ("unasked 304", Reply::empty(304)),
        ("strange status", Reply::json(299, &json!({}))),
    ] {
        suite(
            name,
            |host, _| host.on_everything(reply.clone()),
            passing("unavailable"),
        )
        .await;
    }
}

#[tokio::test]
async fn refusals_of_something_in_between_say_nothing_wherever_they_come() {
    for status in [401, 403, 404, 409] {
        for reply in [
            Reply::text(status, "Forbidden"),
            Reply::empty(status),
            Reply::html(status),
        ] {
            for route in [Standard::repository_route, Standard::branches_route] {
                suite(
                    "in between",
                    |host, standard| host.on("GET", route(standard), reply.clone()),
                    passing("unavailable"),
                )
                .await;
            }
            suite(
                "in between, webhooks",
                |host, standard| host.on("GET", standard.hooks_route(), reply.clone()),
                Valid(|report| {
                    report.has_webhooks.is_none() && report.hooks == HookAccess::Unknown
                }),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn answers_that_do_not_come() {
    for standard in Standard::ALL {
        let settings = scm_providers::TransportSettings {
            request_timeout: Duration::from_millis(100),
            operation_budget: Duration::from_millis(250),
            ..crate::support::settings()
        };
        for reply in [
            Reply::never(),
            Reply::empty(200).delayed(Duration::from_mins(1)),
        ] {
            let bench = Bench::with(standard, settings.clone()).await;
            bench.host.on_everything(reply);
            let got = bench.check().await;
            judge("silence", standard, &got, &passing("unavailable"));
            let error = got.unwrap_err();
            let outage = matches!(
                error,
                ProviderError::Unavailable {
                    outage: Outage::Timeout,
                    ..
                }
            );
            assert!(outage, "{error:?}");
            assert!(bench.host.calls() <= 3);
        }
    }
}

#[tokio::test]
async fn redirects_to_another_host_do_not_take_the_credential_along() {
    for standard in Standard::ALL {
        for status in [301, 302, 307, 308] {
            let bench = Bench::of(standard).await;
            let thief = CodeHost::of(standard).await;
            let location = format!("{}{}", thief.api_url(), standard.repository_route());
            let redirect = Reply::redirect(status, &location);
            bench.host.on("GET", standard.repository_route(), redirect);
            let got = bench.check().await;
            judge("cross-host", standard, &got, &passing("unavailable"));
            let error = got.unwrap_err();
            let stopped = matches!(
                error,
                ProviderError::Unavailable {
                    outage: Outage::Redirected,
                    ..
                }
            );
            assert!(stopped, "{error:?}");
            assert_eq!(thief.calls(), 0, "{standard:?}");
        }
    }
}

#[tokio::test]
async fn redirects_in_circles_end() {
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        let route = standard.repository_route();
        let here = format!("{}{route}", bench.host.api_url());
        bench.host.on("GET", route, Reply::redirect(302, &here));
        let got = bench.check().await;
        judge("circle", standard, &got, &passing("unavailable"));
        assert_eq!(bench.host.calls_to("GET", route), 4, "{standard:?}");
    }
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

#[tokio::test]
async fn webhooks_that_cannot_be_looked_at_do_not_spoil_the_check() {
    suite(
        "hooks 500",
        |host, standard| host.on("GET", standard.hooks_route(), Reply::empty(500)),
        Valid(|report| {
            report.has_webhooks.is_none() && report.operations[4].state == OperationState::Unknown
        }),
    )
    .await;
}

#[tokio::test]
async fn branches_that_may_not_be_read_do() {
    suite(
        "branches 403",
        |host, standard| {
            let refusal = Reply::json(403, &json!({"message": "403 Forbidden"}));
            host.on("GET", standard.branches_route(), refusal);
        },
        definite("insufficient_scope"),
    )
    .await;
}

#[tokio::test]
async fn branches_that_are_not_there_make_the_repository_be_asked_for_again() {
    let missing = |host: &CodeHost, standard: Standard| {
        let refusal = by(standard, "repo_404", "project_404", "repo_404");
        host.on("GET", standard.branches_route(), refusal);
    };
    suite("branches 404", missing, passing("unavailable")).await;
    for standard in Standard::ALL {
        let bench = Bench::of(standard).await;
        missing(&bench.host, standard);
        let route = standard.repository_route();
        let gone = by(standard, "repo_404", "project_404", "repo_404");
        let there = bench.host.repository_reply();
        bench.host.on("GET", route, [there.clone(), gone]);
        let got = bench.check().await;
        judge("gone meanwhile", standard, &got, &definite("not_found"));
        let what = match got.unwrap_err() {
            ProviderError::NotFound { what } => Some(what),
            _ => None,
        };
        assert_eq!(what, Some(Missing::Repository), "{standard:?}");
        assert_eq!(bench.host.calls_to("GET", route), 2, "{standard:?}");

        let bench = Bench::of(standard).await;
        missing(&bench.host, standard);
        let limited = Reply::json(429, &json!({})).header("retry-after", "42");
        bench.host.on("GET", route, [there, limited]);
        let got = bench.check().await;
        judge("asked in vain", standard, &got, &passing("rate_limited"));
    }
}

#[test]
fn a_missing_part_says_nothing_about_the_connection() {
    for (what, is_definite) in [
        (Missing::Repository, true),
        (Missing::Blocked, true),
        (Missing::Part, false),
    ] {
        let error = ProviderError::NotFound { what };
        assert_eq!(error.is_definite(), is_definite, "{what:?}");
    }
}

#[test]
fn every_text_says_what_to_do() {
    let errors = [
        ProviderError::TokenInvalid { hint: None },
        ProviderError::TokenExpired {
            at: Some(at("2026-01-01T00:00:00Z")),
        },
        ProviderError::InsufficientScope {
            missing: Some("api".to_owned()),
            sso_url: None,
        },
        ProviderError::InsufficientScope {
            missing: None,
            sso_url: None,
        },
        ProviderError::NotFound {
            what: Missing::Repository,
        },
        ProviderError::RateLimited {
            retry_after: Duration::from_secs(42),
        },
        ProviderError::Unavailable {
            outage: Outage::Timeout,
            retry_after: None,
            source: Some("tcp 10.0.0.1".into()),
        },
    ];
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "The code host refused the credential: it is wrong or was revoked. Store a new one",
            "The credential has expired on 2026-01-01T00:00:00.000Z. Store a new one",
            "The credential may not do this; it lacks: api. Grant it, or store another credential",
            "The credential may not do this: a scope, a role or an organisation's rule is in the \
             way. Grant the rights, or store another credential",
            "The repository does not exist or cannot be seen with this credential. Check the URL \
             and the credential's access to it",
            "The code host's rate limit is used up; try again in 42 seconds",
            "The code host did not answer in time. Try again later",
        ]
    );
    assert_eq!(
        VerificationStatus::ALL.len(),
        4,
        "no status for an error that is not definite"
    );
}
