//! The headers of a delivery, with its signature.

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;

use super::HeldHook;
use crate::git_host::Dialect;

/// What is to be sent.
pub(super) struct Message<'a> {
    pub(super) hook: &'a HeldHook,
    pub(super) event: &'a str,
    pub(super) key: &'a str,
    pub(super) body: &'a [u8],
    /// Counted from 1 within one delivery.
    pub(super) number: u32,
    /// The host's number of the attempt.
    pub(super) attempt: u64,
    /// In seconds since 1970.
    pub(super) now: i64,
    /// The address of the host.
    pub(super) base: &'a str,
    /// Whether GitLab signs.
    pub(super) signs: bool,
}

impl Message<'_> {
    pub(super) fn headers(&self, dialect: Dialect) -> Vec<(&'static str, String)> {
        match dialect {
            Dialect::Github => self.github(),
            Dialect::Gitlab => self.gitlab(),
            Dialect::Bitbucket => self.bitbucket(),
            Dialect::DataCenter => self.data_center(),
        }
    }

    fn github(&self) -> Vec<(&'static str, String)> {
        let content_type = if self.hook.json {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let host = self.base.split("//").nth(1).unwrap_or_default();
        let mut headers = vec![
            ("User-Agent", "GitHub-Hookshot/123abc".to_owned()),
            ("Content-Type", content_type.to_owned()),
            ("X-GitHub-Event", self.event.to_owned()),
            ("X-GitHub-Delivery", self.key.to_owned()),
            ("X-GitHub-Hook-ID", self.hook.id.clone()),
            (
                "X-GitHub-Hook-Installation-Target-Type",
                "repository".to_owned(),
            ),
            ("X-GitHub-Hook-Installation-Target-ID", "1296269".to_owned()),
            ("X-GitHub-Enterprise-Host", host.to_owned()),
            ("X-GitHub-Enterprise-Version", "3.19.0".to_owned()),
        ];
        if let Some(secret) = &self.hook.secret {
            let old = hex(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, self.body);
            headers.push(("X-Hub-Signature", format!("sha1={old}")));
            let new = hex(hmac::HMAC_SHA256, secret, self.body);
            headers.push(("X-Hub-Signature-256", format!("sha256={new}")));
        }
        headers
    }

    fn gitlab(&self) -> Vec<(&'static str, String)> {
        let event = match self.event {
            "tag_push_events" => "Tag Push Hook",
            "merge_requests_events" => "Merge Request Hook",
            "releases_events" => "Release Hook",
            _ => "Push Hook",
        };
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "GitLab/19.5.0".to_owned()),
            ("Idempotency-Key", self.key.to_owned()),
            ("X-Gitlab-Event", event.to_owned()),
            ("X-Gitlab-Instance", self.base.to_owned()),
            // Another one with each attempt.
            (
                "X-Gitlab-Webhook-UUID",
                format!("3c5c0404-c866-44bc-a5f6-{:012x}", self.attempt),
            ),
            (
                "X-Gitlab-Event-UUID",
                self.key.replacen("-242f-", "-1001-", 1),
            ),
        ];
        if let Some(token) = &self.hook.token {
            headers.push(("X-Gitlab-Token", token.clone()));
        }
        let key = self.hook.secret.as_deref().filter(|_| self.signs);
        let key = key.and_then(|secret| secret.strip_prefix("whsec_"));
        if let Some(key) = key.and_then(|key| BASE64_STANDARD.decode(key).ok()) {
            let mut signed = format!("{}.{}.", self.key, self.now).into_bytes();
            signed.extend_from_slice(self.body);
            let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
            let signature = BASE64_STANDARD.encode(hmac::sign(&key, &signed));
            headers.push(("webhook-id", self.key.to_owned()));
            headers.push(("webhook-timestamp", self.now.to_string()));
            headers.push(("webhook-signature", format!("v1,{signature}")));
        }
        headers
    }

    fn bitbucket(&self) -> Vec<(&'static str, String)> {
        let id = self.hook.id.trim_matches(['{', '}']);
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "Bitbucket-Webhooks/2.0".to_owned()),
            ("X-Event-Key", self.event.to_owned()),
            ("X-Hook-UUID", id.to_owned()),
            ("X-Request-UUID", self.key.to_owned()),
            ("X-Attempt-Number", self.number.to_string()),
        ];
        headers.extend(self.hub_signature());
        headers
    }

    fn data_center(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("User-Agent", "Atlassian HttpClient".to_owned()),
            ("X-Event-Key", self.event.to_owned()),
            ("X-Request-Id", self.key.to_owned()),
        ];
        headers.extend(self.hub_signature());
        headers
    }

    fn hub_signature(&self) -> Option<(&'static str, String)> {
        let secret = self.hook.secret.as_deref()?;
        let signature = hex(hmac::HMAC_SHA256, secret, self.body);
        Some(("X-Hub-Signature", format!("sha256={signature}")))
    }
}

fn hex(algorithm: hmac::Algorithm, secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    let tag = hmac::sign(&key, body);
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}
