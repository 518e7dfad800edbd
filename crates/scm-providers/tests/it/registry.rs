//! The list of hosts, and what is told about it.

use std::sync::Arc;

use scm_providers::{
    Known, ProviderError, ProviderHost, Registry, RegistryError, TransportSettings,
};
use scm_types::{AccessToken, FixedClock, HostKind, RepoUrl, WebHost, WebHosts};
use url::Url;

use crate::support::{NOW, at};

fn host(kind: HostKind, host: &str) -> ProviderHost {
    ProviderHost::default_for(WebHost::parse(kind, host).unwrap())
}

fn registry(hosts: Vec<ProviderHost>) -> Result<Registry, RegistryError> {
    let clock = Arc::new(FixedClock::at(at(NOW)));
    Registry::new(hosts, TransportSettings::default(), clock)
}

#[test]
fn addresses_by_the_rules_of_each_product() {
    #[track_caller]
    fn check(kind: HostKind, name: &str, api_url: &str, oauth_url: &str) {
        let host = host(kind, name);
        assert_eq!(host.api_url.as_str().trim_end_matches('/'), api_url);
        assert_eq!(
            host.oauth_url.unwrap().as_str().trim_end_matches('/'),
            oauth_url
        );
    }
    check(
        HostKind::Github,
        "github.com",
        "https://api.github.com",
        "https://github.com",
    );
    check(
        HostKind::Github,
        "octo.ghe.com",
        "https://api.octo.ghe.com",
        "https://octo.ghe.com",
    );
    check(
        HostKind::Github,
        "git.example.com:8443",
        "https://git.example.com:8443/api/v3",
        "https://git.example.com:8443",
    );
    check(
        HostKind::Github,
        "notghe.com",
        "https://notghe.com/api/v3",
        "https://notghe.com",
    );
    check(
        HostKind::Gitlab,
        "gitlab.com",
        "https://gitlab.com/api/v4",
        "https://gitlab.com",
    );
    check(
        HostKind::Gitlab,
        "http://git.local/gitlab",
        "http://git.local/gitlab/api/v4",
        "http://git.local/gitlab",
    );
    check(
        HostKind::Bitbucket,
        "bitbucket.org",
        "https://api.bitbucket.org/2.0",
        "https://bitbucket.org",
    );
    check(
        HostKind::BitbucketDataCenter,
        "git.example.com:8443/bitbucket",
        "https://git.example.com:8443/bitbucket/rest",
        "https://git.example.com:8443/bitbucket",
    );
}

#[test]
fn the_public_hosts() {
    let hosts = ProviderHost::public();
    assert_eq!(hosts.len(), 3);
    assert!(hosts.iter().all(|host| !host.allow_private_addresses));
    let registry = registry(hosts).unwrap();
    assert_eq!(registry.web_hosts(), &WebHosts::public());
    assert_eq!(registry.hosts().len(), 3);
}

#[test]
fn lists_that_cannot_be_served() {
    let good = || host(HostKind::Gitlab, "git.example.com");
    let with = |change: fn(&mut ProviderHost)| {
        let mut host = good();
        change(&mut host);
        registry(vec![host]).err().unwrap()
    };
    let error = registry(vec![good(), good()]).err().unwrap();
    assert!(matches!(error, RegistryError::Hosts(_)), "{error}");
    for url in [
        "ftp://h/api",
        "https://u:p@h/api",
        "https://h/api?x=1",
        "https://h/api#x",
    ] {
        let mut host = good();
        host.api_url = Url::parse(url).unwrap();
        let error = registry(vec![host]).err().unwrap();
        assert!(
            matches!(
                error,
                RegistryError::BadUrl {
                    member: "api_url",
                    ..
                }
            ),
            "{url}"
        );
        assert!(!error.to_string().contains("u:p"), "{error}");
    }
    let error = with(|host| host.oauth_url = Url::parse("ws://h").ok());
    assert!(matches!(
        error,
        RegistryError::BadUrl {
            member: "oauth_url",
            ..
        }
    ));
    let error = with(|host| host.ca_pem = Some(b"not a certificate".to_vec()));
    assert!(matches!(error, RegistryError::BadCertificate { .. }));
    let settings = TransportSettings {
        user_agent: "line\nbreak".to_owned(),
        ..TransportSettings::default()
    };
    let clock = Arc::new(FixedClock::at(at(NOW)));
    let error = Registry::new(vec![good()], settings, clock).err().unwrap();
    assert!(matches!(error, RegistryError::BadUserAgent));
}

#[test]
fn a_repository_of_another_host_is_refused() {
    let registry = registry(vec![host(HostKind::Gitlab, "git.example.com")]).unwrap();
    let url = RepoUrl::parse("https://github.com/o/n", &WebHosts::public()).unwrap();
    let token = AccessToken::parse("x").unwrap();
    let refused = registry.open(&url, &token, Known::default()).err().unwrap();
    assert!(matches!(refused, ProviderError::HostNotConfigured));
    assert!(!refused.is_definite());
}

#[test]
fn credentials_of_no_use_are_refused_with_what_to_give_instead() {
    #[track_caller]
    fn check(url: &str, token: &str, says: &str) {
        let registry = registry(ProviderHost::public()).unwrap();
        let url = RepoUrl::parse(url, registry.web_hosts()).unwrap();
        let refused = registry
            .open(&url, &AccessToken::parse(token).unwrap(), Known::default())
            .err()
            .unwrap();
        assert!(matches!(
            refused,
            ProviderError::UnsupportedCredential { .. }
        ));
        assert!(refused.is_definite());
        let text = refused.to_string();
        assert!(text.contains(says) && text.contains("Give"), "{text}");
        assert!(!text.contains(token), "{text}");
    }
    let (github, gitlab, bitbucket) = (
        "https://github.com/o/n",
        "https://gitlab.com/o/n",
        "https://bitbucket.org/o/n",
    );
    check(github, "ghr_abc", "refresh token");
    check(github, "eyJhbGciOi.eyJpYXQi.c2ln", "GitHub App");
    check(gitlab, "gldt-abc", "deploy token");
    check(gitlab, "glcbt-64_abc", "job token");
    check(gitlab, "glrt-abc", "runners");
    check(gitlab, "glptt-abc", "trigger token");
    check(gitlab, "glft-abc", "feed token");
    check(bitbucket, "dev:ATBBabc", "app password");
    check(bitbucket, "ATBBabc", "app password");
}

#[test]
fn descriptions_are_camel_case_and_hold_no_address_of_the_api() {
    let registry = registry(ProviderHost::public()).unwrap();
    let described = serde_json::to_value(registry.describe()).unwrap();
    let bitbucket = &described[2];
    assert_eq!(bitbucket["scmType"], "BITBUCKET");
    assert_eq!(bitbucket["kind"], "bitbucket");
    assert_eq!(bitbucket["host"], "bitbucket.org");
    assert_eq!(bitbucket["webUrl"], "https://bitbucket.org");
    assert_eq!(bitbucket["credentials"][0]["kind"], "bitbucket-api-token");
    assert!(bitbucket["credentials"][0]["howToGive"].is_string());
    let capabilities = bitbucket["capabilities"].as_array().unwrap();
    assert!(!capabilities.contains(&"createRelease".into()));
    assert_eq!(described[0]["capabilities"].as_array().unwrap().len(), 5);
    assert!(!described.to_string().contains("api.bitbucket.org"));
}

#[test]
fn both_products_called_bitbucket_say_how_to_give_credentials() {
    let hosts = vec![
        host(HostKind::Bitbucket, "bitbucket.org"),
        host(HostKind::BitbucketDataCenter, "git.example.com"),
    ];
    let described = serde_json::to_value(registry(hosts).unwrap().describe()).unwrap();
    let data_center = &described[1];
    assert_eq!(data_center["scmType"], "BITBUCKET");
    assert_eq!(data_center["kind"], "bitbucket-data-center");
    let kinds = data_center["credentials"].as_array().unwrap().iter();
    let kinds = kinds.map(|it| it["kind"].as_str().unwrap());
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds, ["data-center-access-token", "data-center-password"]);
    assert_eq!(data_center["capabilities"], described[0]["capabilities"]);
}
