//! Master keys by name, one of them current.
//!
//! - New values are sealed with the current key; the others only open what they once sealed.
//! - Keys are wiped from memory on drop and have no `Debug`. No error holds any part of one.
//!
//! The text form has one key per line, `id key`, the key as 32 bytes in base64url without padding.
//! `*` before the id marks the current one; it may be left out if there is only one. Empty lines
//! and lines that start with `#` do not count.
//!
//! ```
//! let text = "# made by hand\n\
//!             * k2 AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\n\
//!             k1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n";
//! let ring = scm_store::KeyRing::parse(text)?;
//! assert_eq!(ring.current_id().as_str(), "k2");
//! # Ok::<(), scm_store::KeyRingError>(())
//! ```
//! ```compile_fail
//! fn print(ring: &scm_store::KeyRing) {
//!     println!("{ring:?}");
//! }
//! ```

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// How long a master key is, in bytes.
pub(crate) const KEY_BYTES: usize = 32;

/// A master key's name: 1 to 64 ASCII letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The longest accepted name, in characters.
    pub const MAX: usize = 64;

    /// Takes a name; fails with [`KeyRingError::KeyId`] if it has another character or length.
    pub fn parse(raw: &str) -> Result<Self, KeyRingError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=Self::MAX).contains(&raw.len()) && raw.bytes().all(plain) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(KeyRingError::KeyId)
        }
    }

    /// A name that nobody else has, for a key that is made without being named.
    #[must_use]
    pub fn random() -> Self {
        const ALPHABET: [char; 32] = [
            '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j',
            'k', 'm', 'n', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0',
        ];
        Self(format!("k-{}", nanoid::nanoid!(8, &ALPHABET)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a key ring cannot be used. Says where, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Nothing but comments.
    #[error("there is no key in it")]
    Empty,
    /// Not a name.
    #[error("a key id must be 1 to 64 ASCII letters, digits, - and _")]
    KeyId,
    /// A line that is not a key.
    #[error("line {line} is not \"id key\" with a key of 32 bytes in base64url")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// Two keys have the same name.
    #[error("line {line} repeats a key id")]
    Duplicate {
        /// The second one's number, from 1.
        line: usize,
    },
    /// Several keys, and not exactly one of them is marked.
    #[error("exactly one of several keys must be marked with * as the current one")]
    Current,
    /// A key that is not in the ring.
    #[error("there is no key {0} in it")]
    Unknown(KeyId),
    /// A name that is taken.
    #[error("there is a key {0} in it already")]
    Exists(KeyId),
    /// The current key cannot be taken out.
    #[error("{0} is the current key; promote another one first")]
    IsCurrent(KeyId),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Master keys by name, one of them current. There is always one.
pub struct KeyRing {
    /// The current one first.
    keys: Vec<MasterKey>,
}

impl KeyRing {
    /// Reads the text form, see the module's description.
    ///
    /// Fails on a line that is no key, on a repeated name, and if it is not clear which key is the
    /// current one.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        let mut current = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let (marked, content) = match content.strip_prefix('*') {
                Some(rest) => (true, rest),
                None => (false, content),
            };
            let mut words = content.split_whitespace();
            let (Some(id), Some(key), None) = (words.next(), words.next(), words.next()) else {
                return Err(KeyRingError::Line { line });
            };
            let id = KeyId::parse(id).map_err(|_| KeyRingError::Line { line })?;
            if keys.iter().any(|key| key.id == id) {
                return Err(KeyRingError::Duplicate { line });
            }
            if marked {
                current.push(keys.len());
            }
            keys.push(MasterKey {
                id,
                bytes: decode(key).ok_or(KeyRingError::Line { line })?,
            });
        }
        match (keys.len(), current.as_slice()) {
            (0, _) => return Err(KeyRingError::Empty),
            (1, []) => {}
            (_, [current]) => keys.swap(0, *current),
            _ => return Err(KeyRingError::Current),
        }
        Ok(Self { keys })
    }

    /// A ring with one new random key. Fails only if the system gives no random numbers.
    pub fn generate(id: KeyId) -> Result<Self, KeyRingError> {
        Ok(Self {
            keys: vec![MasterKey::random(id)?],
        })
    }

    /// Adds a new random key that is not the current one: it can be read with from now on. Fails if
    /// the name is taken or the system gives no random numbers.
    pub fn add(&mut self, id: KeyId) -> Result<(), KeyRingError> {
        if self.contains(&id) {
            return Err(KeyRingError::Exists(id));
        }
        self.keys.push(MasterKey::random(id)?);
        Ok(())
    }

    /// Makes a key the current one; the others stay to open what they sealed. Fails if there is
    /// none of that name.
    pub fn promote(&mut self, id: &KeyId) -> Result<(), KeyRingError> {
        let place = self.keys.iter().position(|key| key.id == *id);
        let place = place.ok_or_else(|| KeyRingError::Unknown(id.clone()))?;
        let key = self.keys.remove(place);
        self.keys.insert(0, key);
        Ok(())
    }

    /// Takes a key out. Fails if there is none of that name, or if it is the current one. Values
    /// that it sealed do not open any more.
    pub fn remove(&mut self, id: &KeyId) -> Result<(), KeyRingError> {
        match self.keys.iter().position(|key| key.id == *id) {
            None => Err(KeyRingError::Unknown(id.clone())),
            Some(0) => Err(KeyRingError::IsCurrent(id.clone())),
            Some(place) => {
                self.keys.remove(place);
                Ok(())
            }
        }
    }

    /// The name of the key that new values are sealed with.
    #[must_use]
    pub fn current_id(&self) -> &KeyId {
        &self.current().id
    }

    /// The names of all keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|key| &key.id)
    }

    /// True if there is a key of that name.
    #[must_use]
    pub fn contains(&self, id: &KeyId) -> bool {
        self.key(id).is_some()
    }

    /// The text form, for a file that only its owner can read.
    #[must_use]
    pub fn to_file_text(&self) -> Zeroizing<String> {
        // One allocation of the right size: growing would leave copies of keys behind.
        let mut text = Zeroizing::new(String::with_capacity(
            HEADER.len() + self.keys.len() * (KeyId::MAX + 64),
        ));
        text.push_str(HEADER);
        for (place, key) in self.keys.iter().enumerate() {
            text.push_str(if place == 0 { "* " } else { "  " });
            text.push_str(key.id.as_str());
            text.push(' ');
            URL_SAFE_NO_PAD.encode_string(key.bytes.as_slice(), &mut text);
            text.push('\n');
        }
        text
    }

    /// The same keys again. Not `Clone`: every copy is one more place to wipe.
    pub(crate) fn duplicate(&self) -> Self {
        let keys = self.keys.iter().map(|key| MasterKey {
            id: key.id.clone(),
            bytes: key.bytes.clone(),
        });
        Self {
            keys: keys.collect(),
        }
    }

    pub(crate) fn key(&self, id: &KeyId) -> Option<&[u8; KEY_BYTES]> {
        let key = self.keys.iter().find(|key| key.id == *id)?;
        Some(&key.bytes)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a ring is made with a key, and the current one cannot be taken out"
    )]
    fn current(&self) -> &MasterKey {
        &self.keys[0]
    }
}

const HEADER: &str = "\
# Master keys of the SCM integration service: one \"id key\" per line, * marks the current one.
# Without this file the stored credentials cannot be opened. Keep a copy apart from the database.
";

impl MasterKey {
    fn random(id: KeyId) -> Result<Self, KeyRingError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        SystemRandom::new()
            .fill(bytes.as_mut_slice())
            .map_err(|_| KeyRingError::Random)?;
        Ok(Self { id, bytes })
    }
}

fn decode(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    // One byte more than fits, so that a longer key is refused and not cut.
    let mut bytes = Zeroizing::new([0; KEY_BYTES + 3]);
    let length = URL_SAFE_NO_PAD
        .decode_slice(text.trim_end_matches('='), bytes.as_mut_slice())
        .ok()?;
    let key = bytes.get(..length)?;
    Some(Zeroizing::new(key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

    #[test]
    fn texts() {
        #[track_caller]
        fn check(text: &str, want: Result<&[&str], KeyRingError>) {
            let got = KeyRing::parse(text);
            let ids = got
                .as_ref()
                .map(|ring| ring.ids().map(KeyId::as_str).collect::<Vec<_>>())
                .map_err(Clone::clone);
            assert_eq!(ids, want.map(<[_]>::to_vec), "{text:?}");
        }
        check(&format!("k1 {ONE}"), Ok(&["k1"]));
        check(&format!("# c\r\n\r\n  *  k1\t{ONE}=\r\n"), Ok(&["k1"]));
        check(&format!("k1 {ONE}\n*k2 {TWO}\n"), Ok(&["k2", "k1"]));
        check(&format!("k1 {ONE}\nk2 {TWO}"), Err(KeyRingError::Current));
        check(&format!("*k1 {ONE}\n*k2 {TWO}"), Err(KeyRingError::Current));
        check(
            &format!("*k1 {ONE}\nk1 {TWO}"),
            Err(KeyRingError::Duplicate { line: 2 }),
        );
        check("", Err(KeyRingError::Empty));
        check("# k1 x", Err(KeyRingError::Empty));
        check("k1", Err(KeyRingError::Line { line: 1 }));
        check(&format!("k.1 {ONE}"), Err(KeyRingError::Line { line: 1 }));
        check(
            &format!("\nk1 {ONE} x"),
            Err(KeyRingError::Line { line: 2 }),
        );
        check(&format!("k1 {ONE}AQ"), Err(KeyRingError::Line { line: 1 }));
        check(
            &format!("k1 {}", &ONE[1..]),
            Err(KeyRingError::Line { line: 1 }),
        );
        check("k1 not/base64+url", Err(KeyRingError::Line { line: 1 }));
    }

    #[test]
    fn a_file_text_reads_back() {
        let mut ring = KeyRing::parse(&format!("k1 {ONE}\n*k2 {TWO}\n")).unwrap();
        ring.add(KeyId::random()).unwrap();
        let again = KeyRing::parse(&ring.to_file_text()).unwrap();
        assert!(ring.ids().eq(again.ids()));
        assert!(ring.ids().all(|id| ring.key(id) == again.key(id)));
    }

    #[test]
    fn the_current_key_stays() {
        let id = |raw| KeyId::parse(raw).unwrap();
        let mut ring = KeyRing::generate(id("a")).unwrap();
        assert_eq!(ring.add(id("a")), Err(KeyRingError::Exists(id("a"))));
        ring.add(id("b")).unwrap();
        assert_eq!(ring.current_id(), &id("a"), "adding does not promote");
        assert_eq!(ring.promote(&id("c")), Err(KeyRingError::Unknown(id("c"))));
        ring.promote(&id("b")).unwrap();
        ring.promote(&id("b")).unwrap();
        assert!(ring.ids().eq([&id("b"), &id("a")]));
        assert_eq!(ring.remove(&id("b")), Err(KeyRingError::IsCurrent(id("b"))));
        assert_eq!(ring.remove(&id("c")), Err(KeyRingError::Unknown(id("c"))));
        assert_eq!(ring.remove(&id("a")), Ok(()));
        assert!(ring.ids().eq([&id("b")]));
    }

    #[test]
    fn no_error_shows_a_key() {
        let error = KeyRing::parse(&format!("k1 {ONE}!")).err().unwrap();
        assert!(!format!("{error} {error:?}").contains("AQEB"));
    }
}
