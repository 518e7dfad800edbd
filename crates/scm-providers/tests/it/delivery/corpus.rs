//! The fuzz targets over their committed corpora, so that what they call keeps working and their
//! seeds keep getting past the first look.

#[expect(
    unreachable_pub,
    reason = "the crate of the fuzz targets exports what is a module here"
)]
#[path = "../../../../../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::Path};

/// The files of a corpus.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files = fs::read_dir(folder.join(name)).unwrap();
    let read = |file: std::io::Result<fs::DirEntry>| {
        let file = file.unwrap();
        let name = file.file_name().to_string_lossy().into_owned();
        (name, fs::read(file.path()).unwrap())
    };
    files.map(read).collect()
}

/// Seeds whose names do not begin so are meant to be accepted.
const REFUSED: &str = "refused-";

#[test]
fn signatures() {
    let files = corpus("signature");
    assert!(files.len() >= 10);
    for (name, seed) in files {
        let accepted = targets::signature(&seed);
        assert_eq!(accepted, !name.starts_with(REFUSED), "{name}");
    }
}

#[test]
fn payloads() {
    let files = corpus("payload");
    assert!(files.len() >= 15);
    for (name, seed) in files {
        let accepted = targets::payload(&seed).is_some();
        assert_eq!(accepted, !name.starts_with(REFUSED), "{name}");
    }
}
