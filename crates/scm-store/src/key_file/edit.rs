//! Changing a key file: what is replaced is what was read.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{DRAFT, KeyFileError, directory, followed, read};
use crate::KeyRing;

/// A key file that was read in order to be changed.
///
/// It is replaced only if it still says what it said: neither a second command nor an editor loses
/// a key to this one. Comments that people wrote into it are not kept.
pub struct KeyFile {
    path: PathBuf,
    text: Zeroizing<String>,
    ring: KeyRing,
}

impl KeyFile {
    /// Reads a key file; fails as [`KeyRing::load`] does.
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        let path = followed(path);
        let text = read(&path)?;
        let ring = KeyRing::parse(&text)?;
        Ok(Self { path, text, ring })
    }

    /// What stood in it.
    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file with what `change` makes of the ring, as [`KeyRing::save`] does.
    ///
    /// Fails with [`KeyFileError::Changed`] if the file is not the one that was read any more, with
    /// [`KeyFileError::Content`] if the change is not possible. The file is then as it was.
    pub fn replace(
        &mut self,
        change: impl FnOnce(&mut KeyRing) -> Result<(), crate::KeyRingError>,
    ) -> Result<(), KeyFileError> {
        let mut ring = self.ring.duplicate();
        change(&mut ring)?;
        let lock = lock(&self.path);
        if *read(&self.path)? != *self.text {
            return Err(KeyFileError::Changed);
        }
        remove_drafts(&self.path);
        ring.save(&self.path)?;
        drop(lock);
        self.text = ring.to_file_text();
        self.ring = ring;
        Ok(())
    }
}

/// Keeps other commands that change a file of this directory waiting until it is dropped. Where
/// there are no locks (some network file systems), comparing before replacing has to do.
fn lock(path: &Path) -> Option<File> {
    let file = File::open(directory(path)).ok()?;
    file.lock().ok()?;
    Some(file)
}

/// Removes what commands left that were killed while they wrote: a key that is taken out of the
/// file must not go on lying beside it.
fn remove_drafts(path: &Path) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    let Ok(entries) = fs::read_dir(directory(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let is_draft = found.to_str().is_some_and(|found| {
            found
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(DRAFT))
                .is_some_and(|random| !random.contains('.'))
        });
        if is_draft {
            fs::remove_file(entry.path()).ok();
        }
    }
}
