//! Redirects: to another host, and in circles.

use scm_providers::{Outage, ProviderError};
use scm_testkit::code_host::{CodeHost, Reply, Standard};

use super::{judge, passing};
use crate::support::Bench;

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
