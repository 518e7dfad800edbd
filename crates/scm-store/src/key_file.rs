//! The key ring's file: made once, readable by its owner, never half-written.

mod edit;

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{KeyId, KeyRing, KeyRingError};

pub use edit::KeyFile;

/// Why a key file cannot be used. The path is the caller's to name.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("the key file cannot be read")]
    Read(#[source] io::Error),
    /// It cannot be made.
    #[error("the key file cannot be created")]
    Create(#[source] io::Error),
    /// It cannot be replaced.
    #[error("the key file cannot be changed")]
    Write(#[source] io::Error),
    /// Somebody else changed it between reading and replacing it.
    #[error(
        "the key file was changed by somebody else meanwhile and was left as it is; look at it and \
         run the command again"
    )]
    Changed,
    /// People other than its owner and group can read it, or others than its owner change it.
    #[error(
        "the key file's permissions {mode:04o} are too open: others must not read it, and only its \
         owner may write it (chmod 600)"
    )]
    TooOpen {
        /// Its permission bits.
        mode: u32,
    },
    /// What stands in it is no key ring.
    #[error("the key file is not usable")]
    Content(#[from] KeyRingError),
}

/// What [`KeyRing::load_or_create`] found or made.
pub struct LoadedKeys {
    /// The keys.
    pub ring: KeyRing,
    /// True if there was no file and one was made.
    pub created: bool,
}

impl KeyRing {
    /// Reads a key file.
    ///
    /// As ssh does with its keys, refuses a file that other users can read or write. The group may
    /// read it: that is how a secret mounted for an unprivileged process looks.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self::parse(&read(path)?)?)
    }

    /// Reads a key file, or makes one with a new key if there is none.
    ///
    /// The new file appears as a whole, with mode 0600 and on disk before anything is sealed with
    /// it. If several processes do this at once, all get the same keys.
    pub fn load_or_create(path: &Path) -> Result<LoadedKeys, KeyFileError> {
        if path.exists() {
            let ring = Self::load(path)?;
            return Ok(LoadedKeys {
                ring,
                created: false,
            });
        }
        let ring = Self::generate(KeyId::random())?;
        let created = place(path, ring.to_file_text().as_bytes()).map_err(KeyFileError::Create)?;
        let ring = if created { ring } else { Self::load(path)? };
        Ok(LoadedKeys { ring, created })
    }

    /// Writes the ring over a key file: the new file replaces the old one as a whole and can be
    /// read by whom the old one could, or by fewer where the system does not let its owner or group
    /// be kept. Without an old one its mode is 0600. Where the path is a symbolic link, the file
    /// that it leads to is replaced.
    pub fn save(&self, path: &Path) -> Result<(), KeyFileError> {
        let path = &followed(path);
        let draft = draft_path(path);
        let saved = write_new(&draft, self.to_file_text().as_bytes())
            .and_then(|()| keep_readers(path, &draft))
            .and_then(|()| fs::rename(&draft, path))
            .and_then(|()| sync_directory(path));
        if saved.is_err() {
            fs::remove_file(&draft).ok();
        }
        saved.map_err(KeyFileError::Write)
    }
}

/// The text of a file that nobody else can read. Read into one allocation of the right size, so
/// that no copy is left behind where it grew.
fn read(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let mut file = fs::File::open(path).map_err(KeyFileError::Read)?;
    let metadata = file.metadata().map_err(KeyFileError::Read)?;
    check_mode(&metadata)?;
    let size = usize::try_from(metadata.len()).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(size.min(LARGEST) + 1));
    file.read_to_string(&mut text).map_err(KeyFileError::Read)?;
    Ok(text)
}

/// Room that is made for a key file at once, in bytes.
const LARGEST: usize = 1024 * 1024;

/// The file that a path leads to.
fn followed(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Puts a file there unless there is one; true if it did. The name is given to a complete file.
fn place(path: &Path, content: &[u8]) -> io::Result<bool> {
    let draft = draft_path(path);
    write_new(&draft, content)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft).ok();
    match linked {
        Ok(()) => sync_directory(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // Some file systems have no hard links; `create_new` still keeps two writers apart.
        Err(_) => match write_new(path, content) {
            Ok(()) => sync_directory(path).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// Gives the draft the owner, group and mode of the file that it is to replace.
#[cfg(unix)]
fn keep_readers(path: &Path, draft: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let old = match fs::metadata(path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let draft = fs::File::open(draft)?;
    let new = draft.metadata()?;
    let mut mode = old.permissions().mode() & (0o777 & !TOO_MUCH);
    if (old.uid(), old.gid()) != (new.uid(), new.gid())
        && fchown(&draft, Some(old.uid()), Some(old.gid())).is_err()
        && fchown(&draft, None, Some(old.gid())).is_err()
    {
        // The mode's group is another one now.
        mode &= 0o700;
    }
    draft.set_permissions(fs::Permissions::from_mode(mode))?;
    draft.sync_all()
}

#[cfg(not(unix))]
fn keep_readers(_path: &Path, _draft: &Path) -> io::Result<()> {
    Ok(())
}

fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}{DRAFT}", nanoid::nanoid!(8)));
    path.with_file_name(name)
}

const DRAFT: &str = ".draft";

fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A new name is on disk only when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        fs::File::open(directory(path))?.sync_all()?;
    }
    Ok(())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What a key file must not allow: anything to others, writing and running to its group.
#[cfg(unix)]
const TOO_MUCH: u32 = 0o037;

#[cfg(unix)]
fn check_mode(metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    if mode & TOO_MUCH > 0 {
        return Err(KeyFileError::TooOpen { mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_metadata: &fs::Metadata) -> Result<(), KeyFileError> {
    Ok(())
}
