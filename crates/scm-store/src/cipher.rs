//! Sealing of secrets at rest: AES-256-GCM.
//!
//! - A value is `v1.<key id>.<nonce ‖ ciphertext ‖ tag in base64url>`. Table, row, column and
//!   tenant are authenticated with it, so a value copied elsewhere does not open.
//! - Every tenant has a data key of its own, derived by HKDF-SHA256 from the named master key.
//! - The nonce is 96 random bits, drawn here; no caller gives one.
//! - The ring can be exchanged while the cipher is in use: a call works with the ring that it began
//!   with, whole.
//! - Opening fails closed: no fallback to the stored text, and no reason to the outside. The
//!   reason is logged, with the place and the key's name, without the value.

use std::{
    fmt,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use crate::keyring::{KEY_BYTES, KeyId, KeyRing};

const VERSION: &str = "v1";
const SALT: &[u8] = b"scm-store/data-key/v1";
const AAD: &[u8] = b"scm-store/secret/v1";

/// Where a secret is stored. It opens there and nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct SecretPlace<'a> {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The row's id.
    pub row: &'a str,
    /// Whose row it is.
    pub tenant: &'a str,
}

impl SecretPlace<'_> {
    /// Every part with its length before it: no two places have the same bytes.
    fn authenticated(&self) -> Vec<u8> {
        let mut bytes = AAD.to_vec();
        for part in [self.table, self.row, self.column, self.tenant] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// A secret could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The key that would be used was retired elsewhere, and there is no other that may be.
    #[error("no key may be sealed with: the current one's canary is gone from the database")]
    NoKey,
}

/// A stored secret does not open. Why stands in the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored secret cannot be opened")]
pub struct OpenError;

/// What was done with a key, for whoever counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CipherUse {
    /// A secret was sealed.
    Sealed,
    /// A secret was opened.
    Opened,
    /// A sealed secret did not open.
    NotOpened,
}

/// Who is told, with the key if the ring has it.
type Watch = Box<dyn Fn(Option<&KeyId>, CipherUse) + Send + Sync>;

/// Seals and opens secrets with the keys of a ring.
pub struct Cipher {
    keys: RwLock<Keys>,
    watch: OnceLock<Watch>,
}

#[derive(Clone)]
struct Keys {
    ring: Arc<KeyRing>,
    /// False if the current key must not be sealed with.
    sealing: bool,
}

impl Cipher {
    /// A cipher that seals with the ring's current key and opens with any of its keys.
    #[must_use]
    pub fn new(ring: KeyRing) -> Self {
        Self {
            keys: RwLock::new(Keys {
                ring: Arc::new(ring),
                sealing: true,
            }),
            watch: OnceLock::new(),
        }
    }

    /// Has every use of a key told from now on. It is called on the way of a call and must not wait.
    /// Only the first watcher counts: of several services that share a cipher one is told of all.
    pub fn watch(&self, told: impl Fn(Option<&KeyId>, CipherUse) + Send + Sync + 'static) {
        // Somebody watches already.
        let _ = self.watch.set(Box::new(told));
    }

    fn tell(&self, key: Option<&KeyId>, what: CipherUse) {
        if let Some(told) = self.watch.get() {
            told(key, what);
        }
    }

    /// The keys as they are now. The current one is the one that is sealed with.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        self.keys().ring
    }

    /// Takes other keys. What is running ends with the ones that it began with.
    ///
    /// Only for who has looked at the canaries, see [`crate::KeyChanges`].
    pub(crate) fn exchange(&self, ring: KeyRing, sealing: bool) {
        let ring = Arc::new(ring);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys { ring, sealing };
    }

    fn keys(&self) -> Keys {
        // Two pointers under the lock: nothing in there can panic, and nobody waits.
        self.keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Seals a secret for one place, with the current key. Fails if the system gives no random
    /// numbers, or if no key may be sealed with.
    pub fn seal(&self, place: &SecretPlace<'_>, secret: &str) -> Result<String, SealError> {
        let Keys { ring, sealing } = self.keys();
        if !sealing {
            return Err(SealError::NoKey);
        }
        let sealed = seal_with(&ring, ring.current_id(), place, secret)?;
        self.tell(Some(ring.current_id()), CipherUse::Sealed);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for the same place. Anything else is an [`OpenError`]: a
    /// changed byte, another place, a key that is not in the ring, a text that was never sealed.
    pub fn open(
        &self,
        place: &SecretPlace<'_>,
        sealed: &str,
    ) -> Result<Zeroizing<String>, OpenError> {
        let ring = self.ring();
        let opened = open_with(&ring, place, sealed);
        // A name that no key has can be anything: it stands in a stored value.
        let key = sealed_with(sealed).filter(|key| ring.key(key).is_some());
        let what = match opened {
            Ok(_) => CipherUse::Opened,
            Err(_) => CipherUse::NotOpened,
        };
        self.tell(key.as_ref(), what);
        opened
    }
}

/// [`Cipher::seal`] with a key of the ring by name.
pub(crate) fn seal_with(
    ring: &KeyRing,
    id: &KeyId,
    place: &SecretPlace<'_>,
    secret: &str,
) -> Result<String, SealError> {
    let master = ring.key(id).ok_or(SealError::NoKey)?;
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| SealError::Random)?;
    let key = data_key(master, place.tenant).ok_or(SealError::Random)?;
    let mut sealed = Zeroizing::new(Vec::with_capacity(
        NONCE_LEN + secret.len() + AES_256_GCM.tag_len(),
    ));
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(secret.as_bytes());
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.authenticated()),
            sealed.get_mut(NONCE_LEN..).unwrap_or_default(),
        )
        .map_err(|_| SealError::Random)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(format!(
        "{VERSION}.{id}.{}",
        URL_SAFE_NO_PAD.encode(sealed.as_slice())
    ))
}

/// [`Cipher::open`] with the keys of this ring.
pub(crate) fn open_with(
    ring: &KeyRing,
    place: &SecretPlace<'_>,
    sealed: &str,
) -> Result<Zeroizing<String>, OpenError> {
    try_open(ring, place, sealed).map_err(|failure| {
        tracing::warn!(
            table = place.table,
            row = place.row,
            column = place.column,
            key_id = sealed_with(sealed).as_ref().map(KeyId::as_str),
            reason = %failure,
            "a stored secret cannot be opened"
        );
        OpenError
    })
}

fn try_open(
    ring: &KeyRing,
    place: &SecretPlace<'_>,
    sealed: &str,
) -> Result<Zeroizing<String>, Failure> {
    let (id, body) = split(sealed).ok_or(Failure::Form)?;
    let master = ring.key(&id).ok_or(Failure::UnknownKey)?;
    let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(body).map_err(|_| Failure::Form)?);
    let (nonce, boxed) = bytes
        .split_first_chunk_mut::<NONCE_LEN>()
        .ok_or(Failure::Form)?;
    let key = data_key(master, place.tenant).ok_or(Failure::Authentication)?;
    let opened = key
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(place.authenticated()),
            boxed,
        )
        .map_err(|_| Failure::Authentication)?;
    let text = std::str::from_utf8(opened).map_err(|_| Failure::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// As many characters of a sealed value as tell its key: the rest need not be fetched for that.
pub(crate) const PREFIX_CHARS: usize = VERSION.len() + KeyId::MAX + 2;

/// The key that a value was sealed with; `None` if it was not sealed.
pub(crate) fn sealed_with(sealed: &str) -> Option<KeyId> {
    split(sealed).map(|(id, _)| id)
}

fn split(sealed: &str) -> Option<(KeyId, &str)> {
    let (id, body) = sealed
        .strip_prefix(VERSION)?
        .strip_prefix('.')?
        .split_once('.')?;
    Some((KeyId::parse(id).ok()?, body))
}

/// Derived each time: it costs about a microsecond (`benches/open.rs`), and `ring` does not wipe the
/// keys that a cache would hold.
fn data_key(master: &[u8; KEY_BYTES], tenant: &str) -> Option<LessSafeKey> {
    let pseudo_random = Salt::new(HKDF_SHA256, SALT).extract(master);
    let info = [tenant.as_bytes()];
    // Straight into the cipher's key: the derived bytes never lie anywhere of ours.
    let derived = pseudo_random.expand(&info, &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(derived)))
}

/// Why a value did not open: for the log.
#[derive(Debug, Clone, Copy)]
enum Failure {
    Form,
    UnknownKey,
    Authentication,
    NotText,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not a sealed value",
            Self::UnknownKey => "sealed with a key that is not in the ring",
            Self::Authentication => "changed, moved from another place, or another key's",
            Self::NotText => "not text",
        })
    }
}
