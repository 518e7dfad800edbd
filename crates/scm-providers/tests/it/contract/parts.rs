//! Webhooks and branches, which are asked for after the repository.

use scm_providers::{Missing, ProviderError};
use scm_testkit::code_host::{CodeHost, Reply, Standard};
use scm_types::OperationState;
use serde_json::json;

use super::{Want::Valid, by, definite, judge, passing, suite};
use crate::support::Bench;

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
