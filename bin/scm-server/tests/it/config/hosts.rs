//! The settings of code hosts.

use scm_testkit::git_host::APP_KEY;

use crate::server::{Place, text};

/// A host of a kind with a line more.
fn host(kind: &str, line: &str) -> String {
    format!("[[hosts]]\nkind = \"{kind}\"\nhost = \"git.example.com\"\n{line}\n")
}

#[test]
fn a_host_can_have_a_client_and_an_app() {
    let place = Place::new();
    place.write("secret", "hunter2\n");
    place.write("app.pem", APP_KEY);
    let lines = "oauth = { client_id = \"scm\", client_secret_file = \"secret\" }\n\
                 app = { id = 12345, private_key_file = \"app.pem\" }";
    let given = "oauth = { client_id = \"scm\", client_secret = \"hunter2\", redirect_uri = \
                 \"https://scm.example.com/back\" }";
    for file in [
        host("github", lines),
        host("gitlab", given),
        host("bitbucket", given),
    ] {
        place.write("scm.toml", &file);
        let output = place.run(&["config", "check"]);
        assert!(output.status.success(), "{file}: {}", text(&output));
        let said = text(&place.run(&["config", "show"]));
        assert!(!said.contains("hunter2"), "{said}");
        assert!(said.contains("git.example.com"), "{said}");
        assert!(said.contains("scm.toml"), "{said}");
    }
    let said = text(&place.run(&["config", "show"]));
    let masked = said
        .lines()
        .find(|line| line.starts_with("hosts[0].oauth.client_secret "));
    assert!(masked.is_some_and(|line| line.contains("= *** ")), "{said}");
}

#[test]
fn a_client_or_an_app_that_cannot_work_is_named() {
    #[track_caller]
    fn check(kind: &str, line: &str, want: &str) {
        let place = Place::new();
        place.write("secret", "hunter2 and more");
        place.write("app.pem", APP_KEY);
        place.write("scm.toml", &host(kind, line));
        let output = place.run(&["config", "check"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(78), "{line}: {said}");
        assert!(said.contains(want), "{want:?} is not in: {said}");
        let shown = text(&place.run(&["config", "show"]));
        for said in [said, shown] {
            assert!(!said.contains("hunter2"), "{line}: {said}");
            assert!(!said.contains("MII"), "{line}: {said}");
        }
    }
    let secret = r#"client_secret = "hunter2""#;
    let oauth = |members: &str| format!(r#"oauth = {{ client_id = "a", {members} }}"#);
    let app = |members: &str| format!("app = {{ {members} }}");
    let at = "hosts[0].oauth.client_secret";
    for (members, want) in [
        (
            &*format!(r#"{secret}, client_secret_file = "secret""#),
            &*format!("{at}: is given as"),
        ),
        (
            r#"redirect_uri = "https://x""#,
            &format!("{at}: is missing"),
        ),
        (
            r#"client_secret_file = "secret""#,
            &format!("{at}: must be"),
        ),
        (
            r#"client_secret_file = "nonexist""#,
            &format!("{at}_file: nonexist"),
        ),
        (
            &format!(r#"{secret}, redirect_uri = "x""#),
            "hosts[0].oauth.redirect_uri",
        ),
        (r#"client_secrett = "hunter2""#, "client_secrett"),
        (r#"client_secret = { x = "hunter2" }"#, "client_secret"),
    ] {
        check("gitlab", &oauth(members), want);
    }
    let colon = format!(r#"oauth = {{ client_id = "a:b", {secret} }}"#);
    check("bitbucket", &colon, "hosts[0].oauth.client_id");
    check(
        "bitbucket-data-center",
        &oauth(secret),
        "oauth is of no use",
    );
    check("gitlab", r#"oauth = "hunter2""#, "oauth");
    check("gitlab", r#"secret = "hunter2""#, "secret");
    let with_key = app(r#"id = 1, private_key_file = "app.pem""#);
    check("gitlab", &with_key, "app is of no use");
    let unfit = app(r#"id = 1, private_key_file = "secret""#);
    check("github", &unfit, "app.private_key must be");
    let absent = app(r#"id = 1, private_key_file = "nonexist""#);
    check("github", &absent, "hosts[0].app.private_key_file: nonexist");
    let inline = app(&format!("id = 1, private_key = '''\n{APP_KEY}'''"));
    check("github", &inline, "private_key");
    let id = app(r#"id = "x", private_key_file = "app.pem""#);
    check("github", &id, "hosts[0].app.id");
}
