//! `backup` beside a running server, `restore` in the place of a stopped one's database.

use std::{path::Path, process::Output};

use serde_json::json;

use crate::server::{BASE, Place, Server, mode, text};

/// Makes a connection and gives its id.
fn connected(server: &Server, name: &str) -> String {
    let body = json!({
        "tenantId": "t", "scmType": "GITHUB",
        "repositoryUrl": format!("https://github.com/octo/{name}"), "accessToken": "ghp_token",
    });
    let (status, answer) = server.client().post(BASE, &body);
    assert_eq!(status, 201, "{answer}");
    answer["data"]["id"].as_str().unwrap().to_owned()
}

fn stop(mut server: Server) {
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[track_caller]
fn refused(output: &Output, wants: &[&str]) {
    assert!(!output.status.success(), "{}", text(output));
    for want in wants {
        assert!(text(output).contains(want), "{want}: {}", text(output));
    }
}

/// What lies in the data directory.
fn files(data: &Path) -> Vec<String> {
    let names = std::fs::read_dir(data).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_copied_is_there_again() {
    let place = Place::new();
    let server = place.start();
    let first = connected(&server, "one");
    let made = place.run(&["backup", "--out", "copy.db"]);
    assert!(made.status.success(), "{}", text(&made));
    assert!(
        text(&made).contains("the keys are not in it"),
        "{}",
        text(&made)
    );
    assert_eq!(mode(&place.path("copy.db")), 0o600);
    let second = connected(&server, "two");
    refused(
        &place.run(&["backup", "--out", "copy.db"]),
        &["copy.db was not written", "there already"],
    );

    let look = place.run(&["restore", "copy.db", "--dry-run"]);
    assert!(look.status.success(), "{}", text(&look));
    assert!(
        text(&look).contains("copy.db is whole, its schema is at m2"),
        "{}",
        text(&look)
    );
    refused(
        &place.run(&["restore", "copy.db"]),
        &["data/scm.db is there: this puts it aside", "Say --yes"],
    );
    refused(
        &place.run(&["restore", "copy.db", "--yes"]),
        &["nothing was changed", "is in use"],
    );
    for id in [&first, &second] {
        assert_eq!(server.client().get(&format!("{BASE}/{id}")).0, 200);
    }
    stop(server);

    let done = place.run(&["restore", "copy.db", "--yes"]);
    assert!(done.status.success(), "{}", text(&done));
    let names = files(&place.path("data"));
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names[2].starts_with("scm.db.before-"), "{names:?}");
    let server = place.start();
    assert_eq!(server.client().get(&format!("{BASE}/{first}")).0, 200);
    assert_eq!(server.client().get(&format!("{BASE}/{second}")).0, 404);
}

#[test]
fn a_copy_that_these_keys_do_not_open_is_refused() {
    let theirs = Place::new();
    stop(theirs.start());
    assert!(theirs.run(&["backup", "--out", "copy.db"]).status.success());
    let copy = theirs.path("copy.db");
    let copy = copy.to_str().unwrap();

    let ours = Place::new();
    refused(&ours.run(&["restore", copy]), &["keys"]);
    assert!(!ours.path("data").exists(), "no key was made");
    stop(ours.start());
    let before = files(&ours.path("data"));
    refused(
        &ours.run(&["restore", copy, "--yes"]),
        &[
            "cannot take the database's place",
            "not the ones that it was sealed with",
        ],
    );
    ours.write("broken.db", "nothing");
    refused(
        &ours.run(&["restore", "broken.db", "--yes"]),
        &["is not a whole database"],
    );
    refused(
        &ours.run(&["restore", "missing.db", "--yes"]),
        &["missing.db cannot be used"],
    );
    assert_eq!(files(&ours.path("data")), before);
}

#[test]
fn there_has_to_be_an_embedded_database() {
    let place = Place::new();
    refused(
        &place.run(&["backup", "--out", "copy.db"]),
        &["scm.db is not there"],
    );
    assert!(!place.path("data").exists(), "none was made");
    for arguments in [&["backup", "--out", "copy.db"][..], &["restore", "copy.db"]] {
        let mut command = place.command(arguments);
        command.env(
            "SCM_DATABASE__URL",
            "postgres://scm:secret-word@127.0.0.1:1/scm",
        );
        let output = command.env("SCM_KEYS_FILE", "keys").output().unwrap();
        refused(&output, &["is for the embedded database", "pg_dump"]);
        assert!(!text(&output).contains("secret-word"));
    }
}
