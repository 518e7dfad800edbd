//! Credentials: refused, expired, too narrow.

use scm_testkit::code_host::{Reply, Standard};
use scm_types::{OperationState, Permission};
use serde_json::json;

use super::{Want::Valid, by, definite, judge, suite};
use crate::support::{Bench, at};

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
