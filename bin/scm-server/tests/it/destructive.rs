//! What loses data asks first: at a terminal, or by `--yes`.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::Output,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::server::{Place, text};

/// Runs a command at a terminal where somebody types this.
fn at_terminal(place: &Place, arguments: &[&str], typed: &str) -> (Output, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let inside = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut terminal = File::from(terminal);
    terminal.write_all(typed.as_bytes()).unwrap();
    let mut command = place.command(arguments);
    command
        .stdin(inside.try_clone().unwrap())
        .stderr(inside.try_clone().unwrap());
    let output = command.output().unwrap();
    drop((command, inside));
    let mut shown = Vec::new();
    // When nobody has the other side any more, reading fails.
    terminal.read_to_end(&mut shown).ok();
    (output, String::from_utf8_lossy(&shown).into_owned())
}

fn migrated() -> Place {
    let place = Place::new();
    assert!(place.run(&["migrate", "up"]).status.success());
    place
}

fn pending(place: &Place) -> usize {
    text(&place.run(&["migrate", "status"]))
        .matches("pending")
        .count()
}

#[test]
fn a_terminal_is_asked_and_the_whole_word_counts() {
    let place = migrated();
    for typed in ["no\n", "y\n", "\n"] {
        let (done, shown) = at_terminal(&place, &["migrate", "down"], typed);
        assert!(!done.status.success(), "{shown}");
        assert!(shown.contains("Type yes to do it"), "{shown}");
        assert!(shown.contains("nothing was changed"), "{shown}");
    }
    assert_eq!(pending(&place), 0);
    let (done, shown) = at_terminal(&place, &["migrate", "down"], "yes\n");
    assert!(done.status.success(), "{shown}");
    assert_eq!(pending(&place), 1);
}

#[test]
fn without_a_terminal_it_has_to_be_said() {
    let place = migrated();
    let refused = place.run(&["migrate", "down", "--steps", "2"]);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("Say --yes to do it"), "{said}");
    assert!(
        said.contains("_000014_") && said.contains("for good"),
        "{said}"
    );
    assert_eq!(pending(&place), 0);
}

#[test]
fn a_dry_run_says_what_would_be_done() {
    let place = migrated();
    let look = place.run(&["migrate", "down", "--steps", "2", "--dry-run"]);
    let said = text(&look);
    assert!(look.status.success(), "{said}");
    assert!(said.contains("would undo m2"), "{said}");
    assert_eq!(pending(&place), 0);
    let both = place.run(&["migrate", "down", "--dry-run", "--yes"]);
    assert_eq!(both.status.code(), Some(2));

    let empty = Place::new();
    for arguments in [
        &["migrate", "down", "--yes"][..],
        &["migrate", "down", "--dry-run"],
    ] {
        let refused = empty.run(arguments);
        assert!(!refused.status.success());
        assert!(
            text(&refused).contains("there is no database at"),
            "{}",
            text(&refused)
        );
    }
    assert!(!empty.path("data").exists());
}

#[test]
fn a_key_is_taken_out_when_it_is_said() {
    let place = Place::new();
    place.start().kill();
    let made = place.run(&["keys", "generate", "--add", "--id", "spare"]);
    assert!(made.status.success(), "{}", text(&made));
    let keys = || std::fs::read_to_string(place.path("data/keys")).unwrap();
    let before = keys();
    let look = place.run(&["keys", "retire", "spare", "--dry-run"]);
    assert!(look.status.success(), "{}", text(&look));
    assert!(
        text(&look).contains("would take the key spare out"),
        "{}",
        text(&look)
    );
    let unknown = place.run(&["keys", "retire", "nobody", "--dry-run"]);
    assert!(
        text(&unknown).contains("there is no key nobody"),
        "{}",
        text(&unknown)
    );
    let refused = place.run(&["keys", "retire", "spare"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused).contains("Say --yes to do it"),
        "{}",
        text(&refused)
    );
    assert_eq!(keys(), before);
}
