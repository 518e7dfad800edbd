//! How a token is signed, and with what kind of key.

use std::{fmt, str::FromStr};

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
};

use super::key::Material;

/// A way to sign a token (RFC 7518, RFC 8037). `none` is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JwtAlgorithm {
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512,
    /// RSA-PSS, SHA-256.
    Ps256,
    /// RSA-PSS, SHA-384.
    Ps384,
    /// RSA-PSS, SHA-512.
    Ps512,
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// A shared secret, HMAC with SHA-256.
    Hs256,
}

/// A word that is no algorithm here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA or HS256")]
pub struct UnknownJwtAlgorithm;

impl JwtAlgorithm {
    const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Hs256,
    ];

    /// The word in a token's header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    /// True for the one whose key signs as well as it verifies.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        self == Self::Hs256
    }

    /// True if `signature` is this algorithm's over `message`, by a key of the kind that it takes.
    pub(super) fn verifies(self, key: &Material, message: &[u8], signature: &[u8]) -> bool {
        let rsa = |how: &'static RsaParameters| match key {
            Material::Rsa(key) => key.verify(how, message, signature).is_ok(),
            _ => false,
        };
        match self {
            Self::Rs256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => rsa(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => rsa(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => rsa(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => rsa(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => rsa(&RSA_PSS_2048_8192_SHA512),
            Self::Es256 => match key {
                Material::P256(point) => {
                    ring::signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                        .verify(message, signature)
                        .is_ok()
                }
                _ => false,
            },
            Self::Es384 => match key {
                Material::P384(point) => {
                    ring::signature::UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
                        .verify(message, signature)
                        .is_ok()
                }
                _ => false,
            },
            Self::EdDsa => match key {
                Material::Ed25519(point) => {
                    ring::signature::UnparsedPublicKey::new(&ED25519, point)
                        .verify(message, signature)
                        .is_ok()
                }
                _ => false,
            },
            Self::Hs256 => match key {
                Material::Secret(secret) => ring::hmac::verify(secret, message, signature).is_ok(),
                _ => false,
            },
        }
    }

    /// True if keys of this kind are for it.
    pub(super) fn takes(self, key: &Material) -> bool {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                matches!(key, Material::Rsa(_))
            }
            Self::Es256 => matches!(key, Material::P256(_)),
            Self::Es384 => matches!(key, Material::P384(_)),
            Self::EdDsa => matches!(key, Material::Ed25519(_)),
            Self::Hs256 => matches!(key, Material::Secret(_)),
        }
    }
}

impl fmt::Display for JwtAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for JwtAlgorithm {
    type Err = UnknownJwtAlgorithm;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == raw)
            .ok_or(UnknownJwtAlgorithm)
    }
}
