//! The key file: made once, whole, and for its owner only.

use std::{fs, sync::Arc, thread};

use scm_store::{KeyFile, KeyFileError, KeyId, KeyRing, KeyRingError};

fn ids(ring: &KeyRing) -> Vec<KeyId> {
    ring.ids().cloned().collect()
}

#[test]
fn a_missing_file_is_made_and_then_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let made = KeyRing::load_or_create(&path).unwrap();
    assert!(made.created);
    let text = fs::read_to_string(&path).unwrap();
    let again = KeyRing::load_or_create(&path).unwrap();
    assert!(!again.created);
    assert_eq!(ids(&made.ring), ids(&again.ring));
    assert_eq!(*again.ring.to_file_text(), text);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn of_many_who_make_it_all_get_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = Arc::new(directory.path().join("keys"));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let path = path.clone();
            thread::spawn(move || {
                let keys = KeyRing::load_or_create(&path).unwrap();
                (keys.created, keys.ring.to_file_text().to_string())
            })
        })
        .collect();
    let results: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert_eq!(results.iter().filter(|(created, _)| *created).count(), 1);
    assert!(results.iter().all(|(_, text)| *text == results[0].1));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn saving_replaces_the_whole_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let mut ring = KeyRing::load_or_create(&path).unwrap().ring;
    ring.add(KeyId::parse("second").unwrap()).unwrap();
    ring.save(&path).unwrap();
    assert_eq!(ids(&KeyRing::load(&path).unwrap()), ids(&ring));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn saving_keeps_who_may_read_the_file() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let ring = KeyRing::load_or_create(&path).unwrap().ring;
    // Only root can give a file away.
    let given_away = chown(&path, Some(12_345), Some(23_456)).is_ok();
    for (mode, want) in [
        (0o640, 0o640),
        (0o440, 0o440),
        (0o400, 0o400),
        (0o600, 0o600),
        // Never more than a key file may have.
        (0o664, 0o640),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        ring.save(&path).unwrap();
        let saved = fs::metadata(&path).unwrap();
        assert_eq!(saved.permissions().mode() & 0o7777, want, "{mode:o}");
        if given_away {
            assert_eq!((saved.uid(), saved.gid()), (12_345, 23_456));
        }
    }
    let new = directory.path().join("new");
    ring.save(&new).unwrap();
    assert_eq!(
        fs::metadata(&new).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_change_replaces_what_was_read_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    let id = |raw: &str| KeyId::parse(raw).unwrap();
    KeyRing::load_or_create(&path).unwrap();
    let mut one = KeyFile::open(&path).unwrap();
    let mut two = KeyFile::open(&path).unwrap();
    one.replace(|ring| ring.add(id("one"))).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let refused = two.replace(|ring| ring.add(id("two"))).err();
    assert!(
        matches!(refused, Some(KeyFileError::Changed)),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // What was written can be changed further, and a change that is none leaves the file alone.
    one.replace(|ring| ring.promote(&id("one"))).unwrap();
    let refused = one.replace(|ring| ring.remove(&id("one"))).err();
    assert!(
        matches!(
            refused,
            Some(KeyFileError::Content(KeyRingError::IsCurrent(_)))
        ),
        "{refused:?}"
    );
    assert_eq!(KeyRing::load(&path).unwrap().current_id(), &id("one"));
    fs::remove_file(&path).unwrap();
    let refused = one.replace(|ring| ring.add(id("two"))).err();
    assert!(
        matches!(refused, Some(KeyFileError::Read(_))),
        "{refused:?}"
    );
    assert!(!path.exists());
}

#[test]
fn of_many_changes_at_once_none_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = Arc::new(directory.path().join("keys"));
    KeyRing::load_or_create(&path).unwrap();
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let path = path.clone();
            thread::spawn(move || {
                let id = KeyId::parse(&format!("k{number}")).unwrap();
                KeyFile::open(&path)
                    .unwrap()
                    .replace(|ring| ring.add(id.clone()))
                    .is_ok()
                    .then_some(id)
            })
        })
        .collect();
    let added: Vec<_> = threads
        .into_iter()
        .filter_map(|thread| thread.join().unwrap())
        .collect();
    let ring = KeyRing::load(&path).unwrap();
    assert!(!added.is_empty());
    assert!(added.iter().all(|id| ring.contains(id)));
    assert_eq!(ids(&ring).len(), added.len() + 1);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn what_a_killed_command_left_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    KeyRing::load_or_create(&path).unwrap();
    let left = directory.path().join("keys.Zt0-_abc.draft");
    let others = ["keys.old", "keys.a.b.draft", "other.Zt0-_abc.draft"];
    for name in others {
        fs::write(directory.path().join(name), "").unwrap();
    }
    fs::write(&left, "").unwrap();
    let mut file = KeyFile::open(&path).unwrap();
    file.replace(|ring| ring.add(KeyId::random())).unwrap();
    assert!(!left.exists());
    for name in others {
        assert!(directory.path().join(name).exists(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn the_file_behind_a_link_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("keys"), directory.path().join("link"));
    KeyRing::load_or_create(&path).unwrap();
    std::os::unix::fs::symlink("keys", &link).unwrap();
    let mut file = KeyFile::open(&link).unwrap();
    file.replace(|ring| ring.add(KeyId::random())).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(ids(&KeyRing::load(&path).unwrap()), ids(file.ring()));
}

#[test]
fn what_cannot_be_used_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    assert!(matches!(
        KeyRing::load(&path).err(),
        Some(KeyFileError::Read(_))
    ));
    let nowhere = directory.path().join("missing").join("keys");
    assert!(matches!(
        KeyRing::load_or_create(&nowhere).err(),
        Some(KeyFileError::Create(_))
    ));
    KeyRing::load_or_create(&path).unwrap();
    fs::write(&path, "not a key").unwrap();
    assert!(matches!(
        KeyRing::load_or_create(&path).err(),
        Some(KeyFileError::Content(_))
    ));
}

#[cfg(unix)]
#[test]
fn others_must_not_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys");
    KeyRing::load_or_create(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    for (mode, fine) in [
        (0o400, true),
        (0o440, true),
        (0o640, true),
        (0o660, false),
        (0o644, false),
        (0o604, false),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let result = KeyRing::load_or_create(&path).map(|keys| keys.created);
        assert_eq!(result.is_ok(), fine, "{mode:o}: {result:?}");
        if let Err(error) = result {
            assert!(
                error.to_string().contains(&format!("{mode:04o}")),
                "{error}"
            );
        }
    }
}
