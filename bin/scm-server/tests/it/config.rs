//! Settings: every problem named, secrets masked, sources shown.

use scm_testkit::git_host::APP_KEY;

use crate::server::{Place, text};

#[test]
fn wrong_settings_end_with_78_and_name_the_key() {
    #[track_caller]
    fn check(file: &str, environment: &[(&str, &str)], wants: &[&str]) {
        let place = Place::new();
        place.write("scm.toml", file);
        for arguments in [&["config", "check"][..], &["serve"]] {
            let output = place
                .command(arguments)
                .envs(environment.iter().copied())
                .output()
                .unwrap();
            let said = text(&output);
            assert_eq!(output.status.code(), Some(78), "{said}");
            for want in wants {
                assert!(said.contains(want), "{want:?} is not in: {said}");
            }
        }
    }
    check("nonsense = 1\n", &[], &["nonsense", "scm.toml"]);
    check(
        "[database]\nurll = \"x\"\n",
        &[],
        &["database.urll", "scm.toml"],
    );
    check("", &[("SCM_DATABSE__URL", "x")], &["SCM_DATABSE__URL"]);
    check("", &[("SCM_WORKERS", "many")], &["workers"]);
    check("this is no TOML", &[], &["scm.toml"]);
    check(
        "[providers]\nbudget_seconds = 60\n",
        &[],
        &["providers.budget_seconds: must be from 1 to 50"],
    );
    check("[auth]\nmode = \"open\"\n", &[], &["mode"]);
    check(
        "[auth]\nmode = \"api-keys\"\n",
        &[],
        &["auth.keys", "api-keys generate"],
    );
    check(
        "[auth]\nmode = \"api-keys\"\n[[auth.keys]]\nid = \"a\"\nhash = \"x\"\naccount = \"b\"\n",
        &[],
        &["auth.keys[0]", "sha256:"],
    );
    check(
        "",
        &[("SCM_DATABASE__URL", "oracle://x")],
        &["database.url"],
    );
    check(
        "",
        &[("SCM_DATABASE__URL", "postgres://u:hunter2@h/d")],
        &["keys_file"],
    );
    check("[[hosts]]\nkind = \"svn\"\nhost = \"x\"\n", &[], &["kind"]);
    check(
        "[[hosts]]\nkind = \"github\"\nhost = \"u:p@x\"\n",
        &[],
        &["hosts[0].host"],
    );
    check("", &[("SCM_LOG__FILTER", "a=b=c[[")], &["log.filter"]);
    check("", &[("SCM_KEYS", "garbage")], &["keys: the setting keys"]);
    check("", &[("SCM_KEYS_FILE", "/nonexist")], &["keys: /nonexist"]);
    check("", &[("SCM_WORKERS", "100000")], &["workers"]);
    check(
        "[[hosts]]\nkind = \"gitlab\"\nhost = \"x.example\"\napi_url = \"ftp://y\"\n",
        &[],
        &["hosts: x.example"],
    );
    // Every problem at once.
    check(
        "public_url = \"scm.example.com\"\n[database]\nmax_connections = 0\n",
        &[],
        &["public_url", "database.max_connections"],
    );
}

#[test]
fn without_authentication_only_loopback_is_served() {
    let place = Place::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_scm-server"));
    let output = command
        .env_clear()
        .env("SCM_LISTEN", "0.0.0.0:0")
        .current_dir(place.path(""))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(
        text(&output).contains("loopback addresses only"),
        "{}",
        text(&output)
    );
    assert!(!place.path("scm-data").exists(), "nothing was made");
}

#[test]
fn sources_are_shown_and_secrets_are_not() {
    let place = Place::new();
    place.write(
        "scm.toml",
        "public_url = \"https://scm.example.com\"\n[log]\nfilter = \"debug\"\n",
    );
    let output = place
        .command(&["config", "show"])
        .env("SCM_DATABASE__URL", "postgres://u:hunter2@h/d")
        .env("SCM_LOG__FILTER", "warn")
        .output()
        .unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let line = |key: &str| {
        let line = said
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        line("database.url "),
        "database.url = *** # environment SCM_DATABASE__URL"
    );
    assert_eq!(
        line("log.filter"),
        "log.filter = warn # environment SCM_LOG__FILTER"
    );
    assert_eq!(line("listen"), "listen = 127.0.0.1:0 # flag");
    assert_eq!(line("workers"), "workers = 0 # default");
    assert!(line("public_url").ends_with("scm.toml"), "{said}");
}

#[test]
fn a_secret_can_stand_in_a_file() {
    let place = Place::new();
    let url = format!(
        "sqlite://{}?mode=rwc\n",
        place.path("elsewhere.db").display()
    );
    place.write("url", &url);
    place.write("scm.toml", "[database]\nurl_file = \"url\"\n");
    place.start().kill();
    assert!(place.path("elsewhere.db").exists());
}

#[test]
fn no_mistake_echoes_a_secret() {
    let files = [
        "keys = \"k1 hunter2\nlisten = 1\n",
        "[database]\nurl = \"postgres://u:hunter2@h/d\" x\n",
        "database = \"postgres://u:hunter2@h/d\"\n",
        "auth = \"hunter2\"\n",
        "hosts = \"https://u:hunter2@h\"\n",
        "[auth]\nkeys = [\"hunter2\"]\n",
        "workers = \"hunter2\"\n",
    ];
    for file in files {
        let place = Place::new();
        place.write("scm.toml", file);
        for arguments in [["config", "check"], ["config", "show"]] {
            let said = text(&place.run(&arguments));
            assert!(
                !said.contains("hunter2") || file.starts_with("workers"),
                "{file}: {said}"
            );
        }
        let said = text(&place.run(&["config", "check"]));
        assert!(!said.contains("hunter2"), "{file}: {said}");
    }
    for name in [
        "SCM_AUTH__KEYS",
        "SCM_HOSTS",
        "SCM_DATABASE",
        "SCM_KEYS",
        "SCM_WORKERS",
    ] {
        let place = Place::new();
        let output = place
            .command(&["config", "check"])
            .env(name, "x:hunter2@y")
            .output()
            .unwrap();
        assert!(
            !text(&output).contains("hunter2"),
            "{name}: {}",
            text(&output)
        );
    }
}

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
    assert!(said.contains(r#""client_secret":"***""#), "{said}");
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

#[test]
fn a_syntax_error_has_its_place() {
    let place = Place::new();
    place.write(
        "scm.toml",
        "workers = 2\n[log]\nfilter = \"info\nformat = 1\n",
    );
    let said = text(&place.run(&["config", "check"]));
    assert!(said.contains("scm.toml: line 3, column"), "{said}");
}

#[test]
fn a_database_in_memory_is_refused() {
    let place = Place::new();
    for url in ["sqlite::memory:", "sqlite://x?mode=memory"] {
        let output = place
            .command(&["serve"])
            .env("SCM_DATABASE__URL", url)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(78));
        assert!(text(&output).contains("in memory"), "{}", text(&output));
    }
}

#[test]
fn variables_of_others_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    let place = Place::new();
    let good = place
        .command(&["config", "check"])
        .env("OTHER", odd)
        .output()
        .unwrap();
    assert!(good.status.success(), "{}", text(&good));
    let ours = place
        .command(&["config", "check"])
        .env("SCM_LISTEN", odd)
        .output()
        .unwrap();
    assert_eq!(ours.status.code(), Some(78));
    assert!(
        text(&ours).contains("SCM_LISTEN: must be UTF-8"),
        "{}",
        text(&ours)
    );
}
