//! Keys and database belong together: with the wrong ones the server does not start.

use crate::server::{Place, mode, text};

#[test]
fn a_wrong_key_is_refused_and_named() {
    let place = Place::new();
    place.start().kill();
    std::fs::remove_file(place.path("data/keys")).unwrap();
    let made = place.run(&["keys", "generate", "--out", "data/keys"]);
    assert!(made.status.success(), "{}", text(&made));
    assert_eq!(mode(&place.path("data/keys")), 0o600);
    let refused = place.run(&["serve"]);
    let said = text(&refused);
    assert!(!refused.status.success());
    assert!(
        said.contains("data/keys are not the ones that this database was sealed with"),
        "{said}"
    );
}

#[test]
fn a_lost_key_file_is_not_replaced() {
    let place = Place::new();
    place.start().kill();
    std::fs::remove_file(place.path("data/keys")).unwrap();
    let refused = place.run(&["serve"]);
    let said = text(&refused);
    assert!(!refused.status.success());
    assert!(said.contains("put the key file back"), "{said}");
    assert!(!place.path("data/keys").exists());
}

#[test]
fn an_existing_key_file_is_not_touched() {
    let place = Place::new();
    let path = place.write("keys", "something");
    let refused = place.run(&["keys", "generate", "--out", "keys"]);
    assert!(!refused.status.success());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "something");
    assert!(
        text(&refused).contains("could not be made"),
        "{}",
        text(&refused)
    );
}

#[test]
fn a_key_file_that_is_none_is_not_echoed() {
    let place = Place::new();
    place.write("scm.toml", "keys_file = \"mine\"\n");
    let path = place.write("mine", "hunter2hunter2\n");
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    std::fs::set_permissions(&path, permissions).unwrap();
    let refused = place.run(&["serve"]);
    let said = text(&refused);
    assert!(!refused.status.success());
    assert_eq!(refused.status.code(), Some(78));
    assert!(said.contains("mine (keys_file)"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}
