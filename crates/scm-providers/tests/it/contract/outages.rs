//! Trouble on the way, which says nothing about the connection.

use std::time::Duration;

use scm_providers::{Outage, ProviderError};
use scm_testkit::code_host::{Reply, Standard};
use scm_types::HookAccess;
use serde_json::json;

use super::{Want::Valid, by, judge, passing, suite};
use crate::support::Bench;

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
