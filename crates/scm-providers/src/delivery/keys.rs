//! The secrets of a webhook as keys, always so many of them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::hmac;
use scm_types::WebhookSecret;
use zeroize::Zeroizing;

use super::SignatureError;

/// The most secrets that a webhook has: two while one replaces the other.
pub const MAX_SECRETS: usize = 2;

/// What the secret of GitLab's signatures begins with.
const SIGNING_PREFIX: &str = "whsec_";

/// A secret, or what stands in the place of one.
pub(super) struct Key {
    key: hmac::Key,
    /// False for a made-up key: anybody can sign with it, so it never proves anything.
    pub(super) counts: bool,
}

impl Key {
    fn real(bytes: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, bytes),
            counts: true,
        }
    }

    fn made_up() -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]),
            counts: false,
        }
    }

    /// HMAC-SHA256 of one after the other.
    pub(super) fn sign(&self, prefix: &[u8], body: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(prefix);
        context.update(body);
        context.sign()
    }
}

/// Keys that prove nothing.
pub(super) fn none() -> [Key; MAX_SECRETS] {
    [Key::made_up(), Key::made_up()]
}

/// The secrets as GitHub and Bitbucket use them: their text is the key.
pub(super) fn plain(secrets: [Option<&WebhookSecret>; MAX_SECRETS]) -> [Key; MAX_SECRETS] {
    secrets.map(|secret| {
        secret.map_or_else(Key::made_up, |secret| Key::real(secret.expose().as_bytes()))
    })
}

/// The secrets as GitLab's signatures use them. One that is no signing key has signed nothing; while
/// secrets are replaced the other one may be.
pub(super) fn signing(
    secrets: [Option<&WebhookSecret>; MAX_SECRETS],
) -> Result<[Key; MAX_SECRETS], SignatureError> {
    let keys = secrets.map(|secret| {
        secret
            .and_then(signing_key)
            .map_or_else(Key::made_up, |bytes| Key::real(&bytes))
    });
    if keys.iter().any(|key| key.counts) {
        Ok(keys)
    } else {
        Err(SignatureError::SigningKey)
    }
}

/// True for a secret that stays in here: GitLab is told a token made of it.
pub(super) fn is_signing_key(secret: &WebhookSecret) -> bool {
    secret.expose().starts_with(SIGNING_PREFIX)
}

fn signing_key(secret: &WebhookSecret) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = secret.expose().strip_prefix(SIGNING_PREFIX)?;
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(encoded).ok()?);
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> WebhookSecret {
        WebhookSecret::parse(text).unwrap()
    }

    #[test]
    fn the_vector_that_github_publishes() {
        // Not a `WebhookSecret`: ours have no spaces.
        let tag = Key::real(b"It's a Secret to Everybody").sign(b"", b"Hello, World!");
        let published = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let digits = tag.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.map(|digit| char::from_digit(digit.into(), 16).unwrap());
        assert_eq!(digits.collect::<String>(), published);
    }

    #[test]
    fn a_prefix_is_signed_as_if_it_stood_in_the_body() {
        let key = Key::real(b"key");
        let parted = key.sign(b"id.1.", b"body");
        assert_eq!(parted.as_ref(), key.sign(b"", b"id.1.body").as_ref());
    }

    #[test]
    fn what_is_a_signing_key() {
        #[track_caller]
        fn check(text: &str, want: Option<&[u8]>) {
            let key = signing_key(&secret(text));
            assert_eq!(key.as_ref().map(|bytes| bytes.as_slice()), want, "{text}");
        }
        check("whsec_AAEC", Some(&[0, 1, 2]));
        check("whsec_", None);
        check("whsec_AAE", None);
        check("whsec_AA-_", None);
        check("AAEC", None);
        check("WHSEC_AAEC", None);
    }

    #[test]
    fn only_real_keys_count() {
        let (plain_text, whsec) = (secret("plain-secret"), secret("whsec_AAEC"));
        let counts = |keys: &[Key; MAX_SECRETS]| keys.each_ref().map(|key| key.counts);
        assert_eq!(counts(&none()), [false, false]);
        assert_eq!(counts(&plain([Some(&plain_text), None])), [true, false]);
        let replaced = signing([Some(&whsec), Some(&plain_text)]).ok().unwrap();
        assert_eq!(counts(&replaced), [true, false]);
        let error = signing([Some(&plain_text), None]).err();
        assert_eq!(error, Some(SignatureError::SigningKey));
    }
}
