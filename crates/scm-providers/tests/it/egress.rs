//! Addresses that are not dialled, by name, by number and in disguise.

use scm_providers::{ProviderError, ProviderHost};
use scm_testkit::code_host::{CodeHost, Standard};
use scm_types::WebHost;
use url::Url;

use crate::support::{kind, opened, settings};

/// A check against an API address, with private addresses allowed or not.
async fn check(standard: Standard, api_url: &str, allow_private: bool) -> ProviderError {
    let host = ProviderHost {
        api_url: Url::parse(api_url).unwrap(),
        allow_private_addresses: allow_private,
        ..ProviderHost::default_for(WebHost::parse(kind(standard), "git.example.com").unwrap())
    };
    let settings = scm_providers::TransportSettings {
        connect_timeout: std::time::Duration::from_millis(300),
        request_timeout: std::time::Duration::from_millis(500),
        operation_budget: std::time::Duration::from_millis(800),
        ..settings()
    };
    let url = format!("https://git.example.com/{}", standard.repository());
    let provider = opened(host, settings, &url, standard.token());
    provider.check().await.unwrap_err()
}

#[tokio::test]
async fn private_addresses_only_where_the_operator_allows_them() {
    for standard in Standard::ALL {
        let host = CodeHost::of(standard).await;
        let prefix = standard.api_prefix();
        let port = host.authority().rsplit(':').next().unwrap().to_owned();
        for name in [
            "127.0.0.1",
            "localhost",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0x7f.1",
        ] {
            let error = check(standard, &format!("http://{name}:{port}{prefix}"), false).await;
            assert!(
                matches!(error, ProviderError::EgressDenied),
                "{name}: {error:?}"
            );
            assert!(!error.is_definite());
        }
        assert_eq!(host.calls(), 0, "{standard:?}: nothing was sent");
    }
}

#[tokio::test]
async fn metadata_addresses_never() {
    for standard in Standard::ALL {
        for name in [
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "100.100.100.200",
            "0.0.0.0",
            "[::]",
            "224.0.0.1",
            "0xa9fea9fe",
        ] {
            for allow_private in [false, true] {
                let error = check(standard, &format!("http://{name}/api"), allow_private).await;
                assert!(
                    matches!(error, ProviderError::EgressDenied),
                    "{name}: {error:?}"
                );
            }
        }
    }
}
