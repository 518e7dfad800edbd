//! Webhooks: how a code host proves that a delivery is its own, and how they fare there.

use std::fmt;

use serde::Serialize;

use crate::InvalidEnum;

/// How the deliveries of a webhook are signed. Stored with the integration when the webhook is
/// registered; a delivery is judged by it and never by the headers that it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SignatureScheme {
    /// GitHub: `X-Hub-Signature-256`, HMAC-SHA256 of the body in hex.
    Github,
    /// GitLab since 19.0: `webhook-signature`, HMAC-SHA256 of id, time and body in base64, as the
    /// Standard Webhooks convention has it.
    GitlabSignature,
    /// GitLab before that: `X-Gitlab-Token` holds a secret in clear.
    GitlabToken,
    /// Bitbucket Cloud: `X-Hub-Signature`, HMAC-SHA256 of the body in hex.
    Bitbucket,
    /// Bitbucket Data Center: the same header in the same form.
    BitbucketDataCenter,
}

impl SignatureScheme {
    /// Every scheme.
    pub const ALL: [Self; 5] = [
        Self::Github,
        Self::GitlabSignature,
        Self::GitlabToken,
        Self::Bitbucket,
        Self::BitbucketDataCenter,
    ];

    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::GitlabSignature => "gitlab-signature",
            Self::GitlabToken => "gitlab-token",
            Self::Bitbucket => "bitbucket",
            Self::BitbucketDataCenter => "bitbucket-data-center",
        }
    }
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for SignatureScheme {
    type Err = InvalidEnum;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scheme| scheme.as_str() == raw)
            .ok_or(InvalidEnum {
                expected: &[
                    "github",
                    "gitlab-signature",
                    "gitlab-token",
                    "bitbucket",
                    "bitbucket-data-center",
                ],
            })
    }
}

/// How a webhook fares at its code host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum WebhookHealth {
    /// Its last delivery arrived, or the host has nothing against it.
    Ok,
    /// Its last delivery did not arrive, or the host has paused it after such.
    Failing,
    /// It is switched off, by a person or by the host.
    Disabled,
    /// The host does not tell, or there was no delivery yet.
    Unknown,
}

impl WebhookHealth {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Failing, Self::Disabled, Self::Unknown];

    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failing => "failing",
            Self::Disabled => "disabled",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for WebhookHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for WebhookHealth {
    type Err = InvalidEnum;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|health| health.as_str() == raw)
            .ok_or(InvalidEnum {
                expected: &["ok", "failing", "disabled", "unknown"],
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for health in WebhookHealth::ALL {
            assert_eq!(health.as_str().parse(), Ok(health));
            let json = serde_json::to_string(&health).unwrap();
            assert_eq!(json, format!("\"{health}\""));
        }
        assert!("fine".parse::<WebhookHealth>().is_err());
    }

    #[test]
    fn words_of_schemes() {
        for scheme in SignatureScheme::ALL {
            assert_eq!(scheme.as_str().parse(), Ok(scheme));
            let json = serde_json::to_string(&scheme).unwrap();
            assert_eq!(json, format!("\"{scheme}\""));
        }
        assert!("sha1".parse::<SignatureScheme>().is_err());
    }
}
