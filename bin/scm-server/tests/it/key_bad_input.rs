//! What the commands about keys refuse, and what they say.

use std::os::unix::fs::PermissionsExt as _;

use scm_testkit::db::{Backend, TestDb};
use serde_json::json;

use crate::{
    rotation::{Rotation, fill},
    server::{BASE, Place, text},
};

/// A stopped server's place with one stored token, sealed with the key `old`; `new` is there too
/// and not current.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("data")).unwrap();
    place.write("scm.toml", "keys_check_seconds = 1\n");
    keys(
        &place,
        "* old AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\n\
         new AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\n",
        0o600,
    );
    let server = place.start();
    let body = json!({
        "tenantId": "t",
        "scmType": "GITHUB",
        "repositoryUrl": "https://github.com/octo/app",
        "accessToken": "ghp_x",
    });
    assert_eq!(server.client().post(BASE, &body).0, 201);
    server.kill();
    place
}

fn keys(place: &Place, text: &str, mode: u32) {
    let path = place.write("data/keys", text);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_refusal_says_what_is_wrong_and_changes_nothing() {
    let place = place();
    let path = place.path("data/keys");
    let good = std::fs::read_to_string(&path).unwrap();
    let promoted = good.replace("* old", "  old").replace("new ", "* new ");
    let third = "k3 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM\n";
    #[rustfmt::skip]
    let cases: &[(&[&str], &str, u32, &str)] = &[
        // Names.
        (&["promote", "nobody"], &good, 0o600, "data/keys: the key file is not usable: there is no key nobody in it"),
        (&["promote", "a b"], &good, 0o600, "a key id must be 1 to 64 ASCII letters, digits, - and _"),
        (&["retire", "nobody"], &good, 0o600, "the key nobody stays in data/keys: there is no key nobody in it"),
        (&["retire", ""], &good, 0o600, "a key id must be 1 to 64 ASCII letters, digits, - and _"),
        (&["generate", "--add", "--id", "new"], &good, 0o600, "there is a key new in it already"),
        (&["generate", "--add", "--id", "ü"], &good, 0o600, "a key id must be 1 to 64"),
        // The current key, and one that is needed.
        (&["retire", "old"], &good, 0o600, "old is the current key; promote another one first"),
        (&["retire", "old"], &promoted, 0o600, "1 stored values need the key old; seal them anew first (keys rewrap)"),
        (&["retire", "k3"], &(promoted.clone() + third), 0o600, "the current key new is not in use yet: no server has begun to seal with it"),
        // The file.
        (&["list"], "", 0o600, "the keys in data/keys cannot be used: the key file is not usable: there is no key in it"),
        (&["list"], "hunter2hunter2", 0o600, "line 1 is not \"id key\""),
        (&["generate", "--add"], "hunter2hunter2", 0o600, "line 1 is not \"id key\""),
        (&["list"], &good, 0o644, "the key file's permissions 0644 are too open"),
        (&["generate", "--add"], &good, 0o604, "the key file's permissions 0604 are too open"),
        (&["promote", "new"], &good, 0o660, "the key file's permissions 0660 are too open"),
        (&["retire", "new"], &good, 0o622, "the key file's permissions 0622 are too open"),
        (&["rewrap"], &good, 0o606, "the key file's permissions 0606 are too open"),
        // Keys that are not the database's.
        (&["rewrap"], third, 0o600, "the keys in data/keys are not the ones that this database was sealed with"),
        (&["retire", "new"], &good.replace("AQEB", "AwMD"), 0o600, "the keys given are not those of this database: it needs old"),
        // The command line.
        (&["generate"], &good, 0o600, "required arguments were not provided"),
        (&["generate", "--out", "x", "--add"], &good, 0o600, "cannot be used with"),
        (&["rewrap", "--batch", "0"], &good, 0o600, "invalid value '0' for '--batch <ROWS>'"),
    ];
    for (arguments, content, mode, want) in cases {
        keys(&place, content, *mode);
        let refused = place.run(&[&["keys"], *arguments].concat());
        let said = text(&refused);
        assert!(!refused.status.success(), "{arguments:?}: {said}");
        assert!(said.contains(want), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{arguments:?}: {said}");
        for key in ["AQEB", "AgIC", "AwMD"] {
            assert!(!said.contains(key), "{arguments:?}: {said}");
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            *content,
            "{arguments:?}"
        );
        assert!(!place.path("x").exists());
    }
    // Nothing of that has touched the canary.
    keys(&place, &good, 0o600);
    assert_eq!(place.start().client().get("/readyz").0, 200);
}

#[test]
fn an_unreadable_file_and_keys_without_a_file() {
    let place = place();
    let path = place.path("data/keys");
    let text_of_keys = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    for arguments in [
        &["list"][..],
        &["generate", "--add"],
        &["promote", "new"],
        &["rewrap"],
        &["retire", "new"],
    ] {
        let refused = place.run(&[&["keys"], arguments].concat());
        let said = text(&refused);
        assert!(!refused.status.success(), "{arguments:?}: {said}");
        assert!(
            said.contains("the keys in data/keys cannot be used: the key file cannot be read"),
            "{arguments:?}: {said}"
        );
        assert!(!path.exists());
    }
    // As a setting they can be looked at, not changed.
    for (arguments, works) in [
        (&["list"][..], true),
        (&["rewrap"], true),
        (&["generate", "--promote"], false),
        (&["promote", "new"], false),
        (&["retire", "new"], false),
    ] {
        let mut command = place.command(&[&["keys"], arguments].concat());
        let output = command.env("SCM_KEYS", &text_of_keys).output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.success(), works, "{arguments:?}: {said}");
        let refusal = "the keys are given as the setting keys, which only you can change";
        assert_eq!(said.contains(refusal), !works, "{arguments:?}: {said}");
        assert!(!said.contains("AQEB"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_is_named_and_fails_the_command() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let rotation = Rotation::with(Some(db)).await;
    let server = rotation.start();
    let ids = fill(&rotation, &server, 3);
    // One that runs seals what stands there in clear.
    server.kill();
    let sql = format!(
        "UPDATE tenant_scm_integrations SET refreshToken = 'hunter2' WHERE id = '{}'",
        ids[1]
    );
    rotation.db.as_ref().unwrap().execute_by_hand(&sql).await;
    rotation.keys(&["generate", "--promote", "--id", "fresh"]);
    for arguments in [&["rewrap", "--dry-run"][..], &["rewrap"], &["rewrap"]] {
        let mut command = rotation.command(&[&["keys"], arguments].concat());
        let output = command.output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let named = format!("unreadable: row {}, column refreshToken\n", ids[1]);
        assert!(said.contains(&named), "{said}");
        assert!(said.contains("1 values do not open"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(rotation.listed_with(1)["fresh"].2, 5);
    let table = rotation.keys(&["list"]);
    assert!(table.contains("fresh"), "{table}");
    assert!(table.contains("1 values are not sealed at all"), "{table}");

    // A key that is gone from the file although it is needed.
    let path = rotation.place.path("data/keys");
    let other = "* k9 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM\n";
    std::fs::write(&path, other).unwrap();
    let table = rotation.keys(&["list"]);
    let line = table
        .lines()
        .find(|line| line.starts_with("fresh"))
        .unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words, ["fresh", "MISSING", "does", "not", "open", "5"]);
    let json = rotation.list();
    let missing = json["missing"].as_array().unwrap();
    assert_eq!(missing.len(), 2, "{json}");
    assert!(missing.contains(&json!({
        "id": "fresh", "current": false, "canary": "does not open", "values": 5,
    })));
}
