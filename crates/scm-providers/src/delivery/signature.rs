//! Whether a delivery is the host's.

use std::hint::black_box;

use http::HeaderMap;
use scm_types::{SignatureScheme, Timestamp, WebhookSecret};
use subtle::{Choice, ConstantTimeEq as _};

use super::{
    SignatureError, Verified,
    keys::{self, Key, MAX_SECRETS},
    proof::Proof,
    verified::Signed,
};
use crate::webhook::plain_token;

/// Verifies a delivery as it came in.
///
/// `secrets` are the webhook's: one, or while it is replaced two, and either is accepted;
/// [`Verified::matched`] tells which. `body` is what came, byte by byte, and at most
/// [`body_cap`](super::body_cap) long. `now` is compared with the time that was signed, where there
/// is one.
pub fn verify<'a>(
    scheme: SignatureScheme,
    secrets: &[&WebhookSecret],
    headers: &HeaderMap,
    body: &'a [u8],
    now: Timestamp,
) -> Result<Verified<'a>, SignatureError> {
    let places = places(secrets);
    let proof = Proof::read(scheme, headers, now);
    let keys = match (&places, &proof) {
        (Ok(places), Ok(Proof::Body(_))) => Ok(keys::plain(*places)),
        (Ok(places), Ok(Proof::Standard { .. })) => keys::signing(*places),
        (Ok(_), _) => Ok(keys::none()),
        (Err(error), _) => Err(*error),
    };
    // Done before any error is returned: a refusal tells nothing by how long it takes.
    let prefix = proof.as_ref().map_or(&[][..], Proof::prefix);
    let made_up = keys::none();
    let tags = sign(keys.as_ref().unwrap_or(&made_up), prefix, body);

    let (places, keys) = (places?, keys?);
    let proof = proof.as_ref().map_err(|error| *error)?;
    let fits = match proof {
        Proof::Body(claimed) => matching(&keys, &tags, &[*claimed]),
        Proof::Standard { tags: claimed, .. } => matching(&keys, &tags, claimed),
        Proof::Token(claimed) => places.map(|secret| token_matches(secret, claimed)),
    };
    let signed = match proof {
        Proof::Token(_) => Signed::Nothing,
        Proof::Body(_) | Proof::Standard { .. } => Signed::After(prefix),
    };
    let matched = fits
        .iter()
        .position(|fits| bool::from(*fits))
        .ok_or(SignatureError::Mismatch)?;
    Ok(Verified::new(scheme, headers, signed, body, matched))
}

/// Takes as long as [`verify`] does and proves nothing: for a delivery to a webhook that nobody
/// knows, so that its sender cannot tell it from one with a wrong signature.
pub fn verify_nothing(body: &[u8]) {
    black_box(sign(&keys::none(), &[], black_box(body)));
}

/// The secrets in their places.
fn places<'s>(
    secrets: &[&'s WebhookSecret],
) -> Result<[Option<&'s WebhookSecret>; MAX_SECRETS], SignatureError> {
    match secrets {
        [one] => Ok([Some(one), None]),
        [one, other] => Ok([Some(one), Some(other)]),
        _ => Err(SignatureError::Secrets),
    }
}

type Tags = [ring::hmac::Tag; MAX_SECRETS];

fn sign(keys: &[Key; MAX_SECRETS], prefix: &[u8], body: &[u8]) -> Tags {
    keys.each_ref().map(|key| key.sign(prefix, body))
}

/// For each key whether it made one of the claimed signatures. All are compared with all.
fn matching(keys: &[Key; MAX_SECRETS], tags: &Tags, claimed: &[[u8; 32]]) -> [Choice; MAX_SECRETS] {
    let mut fits = [Choice::from(0); MAX_SECRETS];
    for ((fits, key), tag) in fits.iter_mut().zip(keys).zip(tags) {
        for claimed in claimed {
            *fits |= tag.as_ref().ct_eq(claimed);
        }
        *fits &= Choice::from(u8::from(key.counts));
    }
    fits
}

/// Whether this is the token that the host has. Webhooks of ours have one that is made of the secret;
/// one that other software registered has the secret itself, which then is no signing key.
fn token_matches(secret: Option<&WebhookSecret>, claimed: &[u8]) -> Choice {
    let Some(secret) = secret else {
        return Choice::from(0);
    };
    let derived = plain_token(secret).as_bytes().ct_eq(claimed);
    let in_clear = secret.expose().as_bytes().ct_eq(claimed);
    derived | (in_clear & Choice::from(u8::from(!keys::is_signing_key(secret))))
}
