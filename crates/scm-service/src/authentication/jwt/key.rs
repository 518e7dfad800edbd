//! Keys that tokens are verified with: of a key set (RFC 7517), of a PEM file, or a shared secret.
//!
//! A shared secret never comes out of a key set: whoever could publish one there could sign.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{hmac, signature::RsaPublicKeyComponents};
use serde_json::Value;
use zeroize::Zeroizing;

use super::JwtAlgorithm;

/// The smallest shared secret, in bytes: as long as its hash (RFC 7518, section 3.2).
const MIN_SECRET: usize = 32;

/// The most keys of a set.
const MAX_KEYS: usize = 100;

/// Keys that cannot be used. Says what is wrong, never what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadJwtKey {
    /// Neither a key set nor a public key.
    #[error(
        "must hold a public key in PEM (BEGIN PUBLIC KEY: RSA, P-256, P-384, Ed25519) or a JSON key set"
    )]
    Form,
    /// A key set without one key that could be used.
    #[error("holds no key that tokens could be verified with")]
    Empty,
    /// A secret that can be guessed.
    #[error("must hold at least 32 bytes")]
    Short,
}

pub(super) type RsaKey = RsaPublicKeyComponents<Vec<u8>>;

/// The key itself.
pub(super) enum Material {
    Rsa(RsaKey),
    /// The point, uncompressed.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(hmac::Key),
}

/// A key with what it is chosen by.
pub(super) struct JwtKey {
    pub(super) id: Option<String>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<JwtAlgorithm>,
    pub(super) material: Material,
}

impl JwtKey {
    /// True if the key is for this algorithm.
    pub(super) fn takes(&self, algorithm: JwtAlgorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && algorithm.takes(&self.material)
    }

    fn unnamed(material: Material) -> Self {
        Self {
            id: None,
            algorithm: None,
            material,
        }
    }
}

/// Reads a key file: a JSON key set, or a public key in PEM.
pub(super) fn read(text: &str) -> Result<Vec<JwtKey>, BadJwtKey> {
    if text.trim_start().starts_with('{') {
        key_set(text.as_bytes())
    } else {
        let der = pem(text).ok_or(BadJwtKey::Form)?;
        let material = public_key(&der).ok_or(BadJwtKey::Form)?;
        Ok(vec![JwtKey::unnamed(material)])
    }
}

/// Takes a shared secret.
pub(super) fn secret(bytes: &[u8]) -> Result<JwtKey, BadJwtKey> {
    if bytes.len() < MIN_SECRET {
        return Err(BadJwtKey::Short);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
    Ok(JwtKey::unnamed(Material::Secret(key)))
}

/// The keys of a set that can be used; all others in it are for somebody else.
pub(super) fn key_set(document: &[u8]) -> Result<Vec<JwtKey>, BadJwtKey> {
    let set: Value = serde_json::from_slice(document).map_err(|_| BadJwtKey::Form)?;
    let keys = set.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or(BadJwtKey::Form)?;
    let keys: Vec<_> = keys.iter().filter_map(jwk).take(MAX_KEYS).collect();
    if keys.is_empty() {
        return Err(BadJwtKey::Empty);
    }
    Ok(keys)
}

fn jwk(key: &Value) -> Option<JwtKey> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let operations = key.get("key_ops").and_then(Value::as_array);
    if operations.is_some_and(|all| !all.iter().any(|operation| operation == "verify")) {
        return None;
    }
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let material = match (text("kty")?, text("crv")) {
        ("RSA", _) => rsa(bytes("n")?, bytes("e")?)?,
        ("EC", Some("P-256")) => Material::P256(point(&bytes("x")?, &bytes("y")?, 32)?),
        ("EC", Some("P-384")) => Material::P384(point(&bytes("x")?, &bytes("y")?, 48)?),
        ("OKP", Some("Ed25519")) => {
            Material::Ed25519(bytes("x").filter(|point| point.len() == 32)?)
        }
        _ => return None,
    };
    let algorithm = match text("alg") {
        None => None,
        // One that is not known here is for somebody else.
        Some(word) => Some(word.parse().ok()?),
    };
    Some(JwtKey {
        id: text("kid").map(str::to_owned),
        algorithm,
        material,
    })
}

/// The numbers without zeros in front, as ring wants them. Whether they make a key is found when it
/// verifies.
fn rsa(n: Vec<u8>, e: Vec<u8>) -> Option<Material> {
    let bare = |number: Vec<u8>| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        number.get(zeros..).map(<[u8]>::to_vec)
    };
    let (n, e) = (bare(n)?, bare(e)?);
    let fits = (256..=1024).contains(&n.len()) && (1..=8).contains(&e.len());
    fits.then_some(Material::Rsa(RsaPublicKeyComponents { n, e }))
}

fn point(x: &[u8], y: &[u8], size: usize) -> Option<Vec<u8>> {
    let fits = x.len() == size && y.len() == size;
    fits.then(|| [&[4], x, y].concat())
}

/// The one block `PUBLIC KEY` of a PEM text.
fn pem(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = rest.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .ok()?;
    Some(Zeroizing::new(der))
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT: u8 = 0x06;

/// `SubjectPublicKeyInfo` (RFC 5280).
fn public_key(der: &[u8]) -> Option<Material> {
    let (info, rest) = element(der, SEQUENCE)?;
    let (algorithm, info) = element(info, SEQUENCE)?;
    let (bits, after) = element(info, BIT_STRING)?;
    if !rest.is_empty() || !after.is_empty() {
        return None;
    }
    let (0, key) = bits.split_first().map(|(unused, key)| (*unused, key))? else {
        return None;
    };
    let (object, parameters) = element(algorithm, OBJECT)?;
    if object == RSA {
        let (key, rest) = element(key, SEQUENCE)?;
        let (n, key) = element(key, INTEGER)?;
        let (e, after) = element(key, INTEGER)?;
        let whole = rest.is_empty() && after.is_empty();
        return whole.then(|| rsa(n.to_vec(), e.to_vec()))?;
    }
    if object == ED25519 {
        return (key.len() == 32).then(|| Material::Ed25519(key.to_vec()));
    }
    if object != EC || key.first() != Some(&4) {
        return None;
    }
    match (element(parameters, OBJECT)?.0, key.len()) {
        (P256, 65) => Some(Material::P256(key.to_vec())),
        (P384, 97) => Some(Material::P384(key.to_vec())),
        _ => None,
    }
}

/// An element of DER with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_at_checked(2)?;
            let length = length
                .iter()
                .fold(0, |sum, byte| sum * 256 + usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
