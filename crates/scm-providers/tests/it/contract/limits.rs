//! Rate limits: kept, growing, and each credential's own.

use std::time::Duration;

use scm_testkit::code_host::{Reply, Standard};
use serde_json::json;

use super::{by, judge, passing};
use crate::support::Bench;

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
