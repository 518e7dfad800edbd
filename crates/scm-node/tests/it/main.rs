//! What Cargo and npm have to say alike. What the addon does is tested from Node: `npm test`.

use serde_json::Value;

#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn package_and_crate_are_of_one_version() {
    let package = read(include_str!("../../package.json"));
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(package["license"], env!("CARGO_PKG_LICENSE"));
    let lock = read(include_str!("../../package-lock.json"));
    assert_eq!(lock["version"], package["version"]);
    assert_eq!(
        lock["packages"][""]["devDependencies"],
        package["devDependencies"]
    );
}

#[test]
fn the_lock_file_names_no_registry() {
    let lock = include_str!("../../package-lock.json");
    assert!(
        !lock.contains("\"resolved\""),
        "write it with omit-lockfile-registry-resolved"
    );
}
