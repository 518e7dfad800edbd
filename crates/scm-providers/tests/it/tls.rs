//! Hosts with TLS.

use std::time::Duration;

use scm_providers::{Outage, ProviderError, ProviderHost};
use scm_testkit::code_host::{CodeHost, Standard};
use scm_types::WebHost;
use url::Url;

use crate::support::{kind, opened, settings};

/// A certificate without a key: nothing can be signed with it.
const AUTHORITY: &[u8] = include_bytes!("data/authority.pem");

async fn check(standard: Standard, api_url: &str, ca: Option<&[u8]>) -> ProviderError {
    let host = ProviderHost {
        api_url: Url::parse(api_url).unwrap(),
        allow_private_addresses: true,
        ca_pem: ca.map(<[u8]>::to_vec),
        ..ProviderHost::default_for(WebHost::parse(kind(standard), "git.example.com").unwrap())
    };
    let settings = scm_providers::TransportSettings {
        request_timeout: Duration::from_secs(5),
        ..settings()
    };
    let url = format!("https://git.example.com/{}", standard.repository());
    let provider = opened(host, settings, &url, standard.token());
    provider.check().await.unwrap_err()
}

#[tokio::test]
async fn a_host_that_does_not_speak_it() {
    for standard in Standard::ALL {
        for ca in [None, Some(AUTHORITY)] {
            let host = CodeHost::of(standard).await;
            let api_url = host.api_url().replace("http:", "https:");
            let error = check(standard, &api_url, ca).await;
            let ProviderError::Unavailable { outage, .. } = &error else {
                panic!("{error:?}");
            };
            assert!(
                matches!(outage, Outage::Tls | Outage::Unreachable),
                "{error:?}"
            );
            assert!(!error.is_definite());
        }
    }
}
