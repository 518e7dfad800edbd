//! What delivr's web panel encrypts credentials with before it sends them.
//!
//! - A value is base64 of a nonce of 12 bytes, the AES-256-GCM ciphertext, and its tag of 16 bytes.
//! - The key is in the panel's own script, so that everybody who loads it knows it: it keeps credentials
//!   out of the logs of what lies between and proves nothing. TLS is needed all the same.
//! - What does not open is refused, never taken as it is.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::{Zeroize as _, Zeroizing};

/// The panel's key: `VITE_ENCRYPTION_KEY` of the panel, `ENCRYPTION_KEY` of delivr's server.
#[derive(Clone)]
pub struct PanelKey(Arc<LessSafeKey>);

/// A text that is no such key. Does not tell the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 bytes in base64, as in the panel's VITE_ENCRYPTION_KEY")]
pub struct InvalidPanelKey;

/// A value that this key does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("says that it is encrypted, and does not open with the panel's key that is set here")]
pub(super) struct DoesNotOpen;

impl PanelKey {
    /// Takes a key in base64.
    pub fn parse(text: &str) -> Result<Self, InvalidPanelKey> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| InvalidPanelKey)?;
        let bytes = Zeroizing::new(bytes);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| InvalidPanelKey)?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// What the panel encrypted.
    pub(super) fn open(&self, value: &str) -> Result<String, DoesNotOpen> {
        let bytes = STANDARD.decode(value.trim()).map_err(|_| DoesNotOpen)?;
        let mut bytes = Zeroizing::new(bytes);
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let opened = self.0.open_in_place(nonce, Aad::empty(), sealed);
        let opened = opened.map_err(|_| DoesNotOpen)?.to_vec();
        String::from_utf8(opened).map_err(|error| {
            error.into_bytes().zeroize();
            DoesNotOpen
        })
    }
}

/// Says nothing of the key.
impl fmt::Debug for PanelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PanelKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes 0 to 31.
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    /// `ghp_token` under that key with the nonce 100 to 111, made by Node: createCipheriv
    /// ('aes-256-gcm'), nonce, ciphertext and tag one behind the other.
    const SEALED: &str = "ZGVmZ2hpamtsbW5vL3OuOQ2GPftQ6KTnyvdHDw32aPVialzyUA==";

    #[test]
    fn what_the_panel_encrypts_opens() {
        let key = PanelKey::parse(KEY).unwrap();
        assert_eq!(key.open(SEALED).unwrap(), "ghp_token");
        assert_eq!(format!("{key:?}"), "PanelKey");
    }

    #[test]
    fn what_does_not_open_is_refused() {
        let key = PanelKey::parse(KEY).unwrap();
        let mut changed = STANDARD.decode(SEALED).unwrap();
        changed[NONCE_LEN] ^= 1;
        let other = PanelKey::parse(&STANDARD.encode([7; 32])).unwrap();
        assert_eq!(other.open(SEALED), Err(DoesNotOpen));
        for value in [
            "",
            "ghp_token",
            "AAAA",
            &STANDARD.encode([0; NONCE_LEN]),
            &STANDARD.encode(changed),
            &SEALED[..SEALED.len() - 4],
        ] {
            assert_eq!(key.open(value), Err(DoesNotOpen), "{value}");
        }
    }

    #[test]
    fn keys() {
        for text in [
            "",
            "x",
            &STANDARD.encode([0; 16]),
            &STANDARD.encode([0; 33]),
        ] {
            assert_eq!(
                PanelKey::parse(text).unwrap_err(),
                InvalidPanelKey,
                "{text}"
            );
        }
        assert!(PanelKey::parse(&format!(" {KEY}\n")).is_ok());
    }
}
