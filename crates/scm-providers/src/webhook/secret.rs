//! The secrets of a webhook.

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use scm_types::WebhookSecret;
use zeroize::Zeroizing;

/// What the plain token is derived for; another text would be another token.
const PLAIN_TOKEN: &[u8] = b"scm gitlab plain token v1";

/// The machine has no randomness to make a secret of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This machine gives no randomness for a webhook's secret; try again later")]
pub struct NoRandomness;

/// A fresh secret that every product takes: `whsec_` and 32 random bytes in base64, which is the form
/// of GitLab's signing tokens and short enough for Bitbucket's limit of 128 characters.
pub fn new_webhook_secret() -> Result<WebhookSecret, NoRandomness> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(&mut *bytes)
        .map_err(|_| NoRandomness)?;
    let mut text = Zeroizing::new("whsec_".to_owned());
    text.push_str(&Zeroizing::new(BASE64_STANDARD.encode(*bytes)));
    WebhookSecret::parse(text.as_str()).map_err(|_| NoRandomness)
}

/// The secret that GitLab sends along in clear (`X-Gitlab-Token`), made of the one that it signs
/// with: whoever sees a delivery must not learn the signing key.
#[must_use]
pub fn plain_token(secret: &WebhookSecret) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let tag = hmac::sign(&key, PLAIN_TOKEN);
    Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_secrets_are_of_gitlabs_form_and_differ() {
        let (one, two) = (new_webhook_secret().unwrap(), new_webhook_secret().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 50);
        let encoded = one.expose().strip_prefix("whsec_").unwrap();
        assert_eq!(BASE64_STANDARD.decode(encoded).unwrap().len(), 32);
    }

    #[test]
    fn the_plain_token_belongs_to_its_secret_and_does_not_hold_it() {
        let secret =
            WebhookSecret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        // openssl dgst -sha256 -hmac, in base64url.
        let token = "f-55_Dz8GabktY7vLEFItuVNJTmOC6pMa-U6DT5Puk4";
        assert_eq!(*plain_token(&secret), token);
        let other = new_webhook_secret().unwrap();
        assert_ne!(*plain_token(&other), token);
        assert!(!token.contains(&secret.expose()[6..20]));
    }
}
