//! Deliveries as code hosts sent them, with the secrets that they are signed with.

/// The key that the recorded deliveries of GitLab are signed with.
pub const GITLAB: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What GitLab sends in clear beside the signature.
pub const GITLAB_TOKEN: &str = "plain-secret";
/// When GitLab signed them, in seconds since 1970: 2026-10-30T17:20:00Z.
pub const GITLAB_SIGNED_AT: i64 = 1_793_380_800;

const GITHUB: &str = "github-shared-secret";
const BITBUCKET: &str = "bb-shared-secret";

/// A recorded delivery.
#[derive(Debug, Clone, Copy)]
pub struct RecordedDelivery {
    /// Product and name, such as `github/webhook_ping`.
    pub name: &'static str,
    /// How it is signed, as the word of the signature scheme.
    pub scheme: &'static str,
    /// What it is signed with.
    pub secret: &'static str,
    /// What was signed, byte for byte.
    pub body: &'static [u8],
    headers: &'static str,
}

macro_rules! recorded {
    ($($name:literal: $scheme:literal, $secret:ident;)*) => {
        &[$(RecordedDelivery {
            name: $name,
            scheme: $scheme,
            secret: $secret,
            headers: include_str!(concat!("../fixtures/deliveries/", $name, ".headers.json")),
            body: include_bytes!(concat!("../fixtures/deliveries/", $name, ".body.json")),
        }),*]
    };
}

/// All of them.
pub const ALL: &[RecordedDelivery] = recorded![
    "github/webhook_create_tag": "github", GITHUB;
    "github/webhook_delete": "github", GITHUB;
    "github/webhook_installation_repositories_removed": "github", GITHUB;
    "github/webhook_installation_suspend": "github", GITHUB;
    "github/webhook_meta_deleted": "github", GITHUB;
    "github/webhook_ping": "github", GITHUB;
    "github/webhook_pull_request_closed": "github", GITHUB;
    "github/webhook_push_branch": "github", GITHUB;
    "github/webhook_push_tag": "github", GITHUB;
    "github/webhook_release_published": "github", GITHUB;
    "github/webhook_repository_renamed": "github", GITHUB;
    "gitlab/webhook_merge_request_merged": "gitlab-signature", GITLAB;
    "gitlab/webhook_push": "gitlab-signature", GITLAB;
    "gitlab/webhook_release": "gitlab-signature", GITLAB;
    "gitlab/webhook_tag_push": "gitlab-signature", GITLAB;
    "bitbucket/webhook_push": "bitbucket", BITBUCKET;
    "bitbucket/webhook_pullrequest_fulfilled": "bitbucket", BITBUCKET;
    "bitbucket/webhook_datacenter_ping": "bitbucket-data-center", BITBUCKET;
    "bitbucket/webhook_datacenter_push": "bitbucket-data-center", BITBUCKET;
];

impl RecordedDelivery {
    /// The one of that name.
    ///
    /// # Panics
    ///
    /// If none is called so.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that asks for nothing fails")]
    pub fn named(name: &str) -> Self {
        let found = ALL.iter().find(|recorded| recorded.name == name);
        *found.unwrap_or_else(|| panic!("no delivery is called {name}"))
    }

    /// Its headers, in their order.
    ///
    /// # Panics
    ///
    /// If its file is no list of them.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a file of the test is wrong")]
    pub fn headers(&self) -> Vec<(String, String)> {
        let headers: serde_json::Map<_, _> =
            serde_json::from_str(self.headers).expect("headers are an object");
        let text = |(name, value): (String, serde_json::Value)| {
            let value = value.as_str().expect("a header is text");
            (name, value.to_owned())
        };
        headers.into_iter().map(text).collect()
    }

    /// The header that proves it.
    #[must_use]
    pub fn proof(&self) -> &'static str {
        match self.scheme {
            "github" => "X-Hub-Signature-256",
            "gitlab-signature" => "webhook-signature",
            _ => "X-Hub-Signature",
        }
    }
}
