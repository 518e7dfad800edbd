//! Programs of the machine that some tests need.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::db;

/// The program of that name, from `PATH` or where Debian keeps servers. Without it the test says that it
/// was skipped, and gets `None`.
///
/// # Panics
/// If it is missing while `SCM_TEST_NO_SKIP=1` asks for a complete run.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let places = [PathBuf::from(name), PathBuf::from("/usr/sbin").join(name)];
    let found = places.into_iter().find(|place| {
        let mut look = Command::new(place);
        let look = look.arg("-v").stdout(Stdio::null()).stderr(Stdio::null());
        look.status().is_ok()
    });
    if found.is_none() {
        db::skipped(&format_args!("the program {name} is not installed"));
    }
    found
}
