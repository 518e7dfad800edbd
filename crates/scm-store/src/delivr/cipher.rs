//! The old server's cipher: AES-256-GCM with a key of PBKDF2-SHA256 over a pass phrase.
//!
//! - A sealed value is `salt:iv:tag:ciphertext`, each part in base64: 64, 16 and 16 bytes, and as many
//!   as the secret has. Every value has a salt of its own, so that opening one costs 100,000 rounds:
//!   some 30 ms.
//! - What looks like a sealed value is none in clear: four parts of base64's letters with colons between
//!   them, as the old server decides it, and whatever begins with a salt.

use std::num::NonZeroU32;

use aes_gcm::{
    AesGcm,
    aead::{AeadInPlace, KeyInit, consts::U16, generic_array::GenericArray},
    aes::Aes256,
};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use ring::{
    pbkdf2::{PBKDF2_HMAC_SHA256, derive},
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use crate::SealError;

const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99_999);
const SALT: usize = 64;
const IV: usize = 16;
const TAG: usize = 16;
const KEY: usize = 32;

/// With padding or without: node writes it and does not ask for it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// AES-256-GCM with a nonce of 16 bytes.
type OldCipher = AesGcm<Aes256, U16>;

/// What the old server seals with, its `ENCRYPTION_KEY`: wiped when it is dropped, and without `Debug`
/// and `Display`.
#[derive(Clone)]
pub struct PassPhrase(Zeroizing<String>);

/// A text that cannot be a pass phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pass phrase is empty")]
pub struct InvalidPassPhrase;

impl PassPhrase {
    /// Takes what stands in a file: the line break at its end does not belong to it.
    pub fn parse(raw: impl Into<String>) -> Result<Self, InvalidPassPhrase> {
        let raw = Zeroizing::new(raw.into());
        let line = raw.strip_suffix('\n').unwrap_or(&raw);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            return Err(InvalidPassPhrase);
        }
        Ok(Self(Zeroizing::new(line.to_owned())))
    }

    fn key(&self, salt: &[u8]) -> Zeroizing<[u8; KEY]> {
        let mut key = Zeroizing::new([0; KEY]);
        derive(
            PBKDF2_HMAC_SHA256,
            ROUNDS,
            salt,
            self.0.as_bytes(),
            &mut *key,
        );
        key
    }
}

/// Why a value of the old server is no secret. Says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OldValueError {
    /// It is sealed, and there is nothing to open it with.
    #[error("is sealed by the old server; give its pass phrase")]
    NoPassPhrase,
    /// It looks sealed, and its parts have not the lengths that the old server gives them.
    #[error("looks sealed by the old server, but is cut or changed")]
    Form,
    /// It was sealed with another pass phrase, or changed since.
    #[error("does not open with the pass phrase, or was changed")]
    Authentication,
    /// What was sealed is no text.
    #[error("opens to something that is no text")]
    NotText,
    /// It begins as a value that this service has sealed does, and is none of this row.
    #[error("looks sealed by this service, but is cut or changed")]
    Ours,
}

/// The secret in a stored value, whether it stands there in clear or sealed by the old server.
pub fn open(
    value: &str,
    pass_phrase: Option<&PassPhrase>,
) -> Result<Zeroizing<String>, OldValueError> {
    if value.starts_with("v1.") {
        return Err(OldValueError::Ours);
    }
    if !looks_sealed(value) {
        return Ok(Zeroizing::new(value.to_owned()));
    }
    let pass_phrase = pass_phrase.ok_or(OldValueError::NoPassPhrase)?;
    let parts: Vec<_> = value.split(':').collect();
    let parts: [&str; 4] = parts.try_into().map_err(|_| OldValueError::Form)?;
    let [salt, iv, tag, sealed] = parts.map(|part| LENIENT.decode(part));
    let (Ok(salt), Ok(iv), Ok(tag), Ok(sealed)) = (salt, iv, tag, sealed) else {
        return Err(OldValueError::Form);
    };
    if (salt.len(), iv.len(), tag.len()) != (SALT, IV, TAG) {
        return Err(OldValueError::Form);
    }
    let key = pass_phrase.key(&salt);
    let mut opened = Zeroizing::new(sealed);
    OldCipher::new(GenericArray::from_slice(&*key))
        .decrypt_in_place_detached(
            GenericArray::from_slice(&iv),
            b"",
            &mut opened,
            GenericArray::from_slice(&tag),
        )
        .map_err(|_| OldValueError::Authentication)?;
    let text = std::str::from_utf8(&opened).map_err(|_| OldValueError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A secret as the old server seals it, with a fresh salt and a fresh IV.
pub fn seal(secret: &str, pass_phrase: &PassPhrase) -> Result<String, SealError> {
    let (mut salt, mut iv) = ([0; SALT], [0; IV]);
    let random = SystemRandom::new();
    random.fill(&mut salt).map_err(|_| SealError::Random)?;
    random.fill(&mut iv).map_err(|_| SealError::Random)?;
    let key = pass_phrase.key(&salt);
    let mut sealed = Zeroizing::new(secret.as_bytes().to_vec());
    let tag = OldCipher::new(GenericArray::from_slice(&*key))
        .encrypt_in_place_detached(GenericArray::from_slice(&iv), b"", &mut sealed)
        .map_err(|_| SealError::Random)?;
    let text = |bytes: &[u8]| general_purpose::STANDARD.encode(bytes);
    let parts = [text(&salt), text(&iv), text(&tag), text(&sealed)];
    Ok(parts.join(":"))
}

/// True for what the old server has sealed, whole or not.
fn looks_sealed(value: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let is_base64 = |part: &str| !part.is_empty() && part.bytes().all(is_letter);
    let is_salt = |part: &str| LENIENT.decode(part).is_ok_and(|salt| salt.len() == SALT);
    let has_salt = value
        .split_once(':')
        .is_some_and(|(first, _)| is_salt(first));
    has_salt || (value.split(':').count() == 4 && value.split(':').all(is_base64))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Made by `node bin/scm-server/tests/node/delivr.mjs vectors`.
    const VECTORS: &str = include_str!("vectors.json");

    fn phrase(text: &str) -> PassPhrase {
        PassPhrase::parse(text).unwrap()
    }

    fn vectors() -> Vec<[String; 3]> {
        let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
        let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
        vectors
            .iter()
            .map(|it| ["passPhrase", "text", "sealed"].map(|name| text(it, name)))
            .collect()
    }

    fn fails(value: &str, with: Option<&PassPhrase>) -> Option<OldValueError> {
        open(value, with).err()
    }

    #[test]
    fn what_node_sealed_opens() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 5);
        for [with, text, sealed] in vectors {
            let opened = open(&sealed, Some(&phrase(&with))).unwrap();
            assert_eq!(*opened, text);
        }
    }

    #[test]
    fn what_is_sealed_here_opens_and_is_never_the_same() {
        let with = phrase("Ümlaut 🦀 and more");
        let [one, two] = ["ghp_x"; 2].map(|text| seal(text, &with).unwrap());
        assert_ne!(one, two);
        for sealed in [&one, &two] {
            assert_eq!(*open(sealed, Some(&with)).unwrap(), "ghp_x");
            assert!(!sealed.contains("ghp_x"));
        }
    }

    #[test]
    fn a_value_in_clear_is_what_it_is() {
        for plain in [
            "ghp_x",
            "user@example.com:ATATT3x=",
            "a:b:c",
            "a:b:c:d:e",
            "a::c:d",
            "a:b:c:d!",
            "https://a:b@c:d",
            "",
        ] {
            assert_eq!(*open(plain, None).unwrap(), plain);
        }
    }

    #[test]
    fn a_sealed_value_wants_its_pass_phrase() {
        let [with, _, sealed] = vectors().swap_remove(0);
        assert_eq!(fails(&sealed, None), Some(OldValueError::NoPassPhrase));
        let other = phrase("another pass phrase that is long enough");
        let failed = fails(&sealed, Some(&other));
        assert_eq!(failed, Some(OldValueError::Authentication));
        assert!(open(&sealed.replace('=', ""), Some(&phrase(&with))).is_ok());
    }

    #[test]
    fn a_changed_value_never_opens() {
        let [with, _, sealed] = vectors().swap_remove(0);
        let with = phrase(&with);
        let parts: Vec<_> = sealed.split(':').collect();
        for changed in 0..4 {
            let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
            let first = if parts[changed].starts_with('A') {
                "B"
            } else {
                "A"
            };
            parts[changed].replace_range(..1, first);
            let failed = fails(&parts.join(":"), Some(&with));
            assert_eq!(
                failed,
                Some(OldValueError::Authentication),
                "part {changed}"
            );
        }
        for cut in 0..3 {
            let mut parts = parts.clone();
            parts[cut] = "QUFBQUFBQUFBQUFB";
            let failed = fails(&parts.join(":"), Some(&with));
            assert_eq!(failed, Some(OldValueError::Form), "part {cut}");
        }
        let salt = parts[0];
        for broken in [
            "AAAAA:A:A:A".to_owned(),
            "=:=:=:=".to_owned(),
            sealed.replacen(':', "A:", 1),
            parts[..3].join(":"),
            format!("{salt}:"),
            format!("{sealed}:A"),
        ] {
            let failed = fails(&broken, Some(&with));
            assert_eq!(failed, Some(OldValueError::Form), "{broken}");
            assert!(fails(&broken, None).is_some());
        }
    }

    #[test]
    fn a_value_of_ours_is_no_secret_in_clear() {
        for ours in ["v1.k1.AAAA", "v1.k1", "v1."] {
            assert_eq!(fails(ours, None), Some(OldValueError::Ours), "{ours}");
        }
    }

    #[test]
    fn what_opens_to_no_text() {
        let with = phrase("p");
        let (salt, iv) = ([1; SALT], [2; IV]);
        let key = with.key(&salt);
        let mut bytes = vec![0xff, 0xfe];
        let tag = OldCipher::new(GenericArray::from_slice(&*key))
            .encrypt_in_place_detached(GenericArray::from_slice(&iv), b"", &mut bytes)
            .unwrap();
        let text = |bytes: &[u8]| general_purpose::STANDARD.encode(bytes);
        let value = [text(&salt), text(&iv), text(&tag), text(&bytes)].join(":");
        assert_eq!(fails(&value, Some(&with)), Some(OldValueError::NotText));
    }

    #[test]
    fn a_pass_phrase_is_a_line() {
        for raw in ["p p", "p p\n", "p p\r\n"] {
            assert_eq!(phrase(raw).0.as_str(), "p p");
        }
        assert_eq!(phrase(" p \n\n").0.as_str(), " p \n");
        for empty in ["", "\n", "\r\n"] {
            assert_eq!(PassPhrase::parse(empty).err(), Some(InvalidPassPhrase));
        }
    }
}
