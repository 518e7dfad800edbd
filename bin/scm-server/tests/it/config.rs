//! Settings: every problem named, secrets masked, sources shown.

mod hosts;
mod places;
mod schema;
mod values;

use crate::server::{Place, text};

/// Thirty-two bytes of 7.
const PUSH_SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

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
        "[events]\nretention_days = 0\n",
        &[],
        &["events.retention_days: must be from 1 to 3650"],
    );
    let secret = format!("push_secret = \"{PUSH_SECRET}\"");
    let url = "push_url = \"https://platform.example.com/events\"";
    for (lines, want) in [
        (url, "events.push_secret: must be given with push_url"),
        (&*secret, "events.push_url: must be given with push_secret"),
        (
            &*format!("{url}\npush_secret = \"hunter2\""),
            "events.push_secret: must be whsec_ and the Base64 of 24 to 64 bytes",
        ),
        (
            &*format!("{url}\n{secret}\npush_secret_file = \"x\""),
            "events.push_secret: is given as push_secret and as push_secret_file; give one",
        ),
        (
            &*format!("{url}\npush_secret_file = \"/nonexist\""),
            "events.push_secret_file: /nonexist cannot be read",
        ),
        (
            &*format!("{secret}\npush_url = \"ftp://x/\""),
            "events.push_url: must start with https:// or http://",
        ),
        (
            &*format!("{secret}\npush_url = \"https://u:p@x/\""),
            "events.push_url: must not hold a user or a password",
        ),
        (
            &*format!("{secret}\npush_url = \"https://x/?token=y\""),
            "events.push_url: must end with its path",
        ),
        (
            &*format!("{secret}\npush_url = \"http://169.254.169.254/\""),
            "events.push_url: the address lies in a network that is never called",
        ),
    ] {
        check(&format!("[events]\n{lines}\n"), &[], &[want]);
    }
    let nats = "nats_url = \"nats://127.0.0.1:4222\"";
    for (lines, want) in [
        (
            &*format!("{url}\n{secret}\n{nats}"),
            "events.nats_url: is given beside push_url; an event is handed to one place, give one",
        ),
        (
            "nats_token = \"hunter2\"",
            "events.nats_url: must be given with nats_token",
        ),
        (
            "nats_ca_file = \"x\"",
            "events.nats_url: must be given with nats_ca_file",
        ),
        (
            &format!("{nats}\nnats_token = \"hunter2\"\nnats_token_file = \"x\""),
            "events.nats_token: is given as nats_token and as nats_token_file; give one",
        ),
        (
            &format!("{nats}\nnats_password_file = \"/nonexist\""),
            "events.nats_password_file: /nonexist cannot be read",
        ),
        (
            &format!("{nats}\nnats_user = \"scm\""),
            "events.nats_password: must be given with nats_user",
        ),
        (
            &format!("{nats}\nnats_password = \"hunter2\""),
            "events.nats_user: must be given with nats_password",
        ),
        (
            &format!("{nats}\nnats_token = \"t\"\nnats_credentials = \"c\""),
            "events.nats_token: is one of three ways to log in",
        ),
    ] {
        check(&format!("[events]\n{lines}\n"), &[], &[want]);
    }
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
    check(
        "[providers]\nrefresh_margin_seconds = 86401\n",
        &[],
        &["providers.refresh_margin_seconds: must be from 0 to 86400"],
    );
    check("[auth]\nmode = \"open\"\n", &[], &["mode"]);
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

#[cfg(not(feature = "nats"))]
#[test]
fn a_program_without_nats_says_so() {
    let place = Place::new();
    let output = place
        .command(&["config", "check"])
        .env("SCM_EVENTS__NATS_URL", "nats://127.0.0.1:4222")
        .output()
        .unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let want =
        "events.nats_url: this program was built without NATS; build it with the feature nats";
    assert!(said.contains(want), "{said}");
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
        &format!(
            "public_url = \"https://scm.example.com\"\n[log]\nfilter = \"debug\"\n[events]\n\
             push_url = \"https://platform.example.com/events\"\npush_secret = \"{PUSH_SECRET}\"\n"
        ),
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
    assert!(!said.contains("BwcHBwcH"), "{said}");
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
    assert_eq!(line("listen"), "listen = 127.0.0.1:0 # flag --listen");
    assert_eq!(line("workers"), "workers = 0 # default");
    assert!(
        line("public_url").ends_with("scm.toml: line 1, column 1"),
        "{said}"
    );
    assert!(line("events.push_secret ").starts_with("events.push_secret = *** # "));
    assert!(line("events.push_url").contains("https://platform.example.com/events"));
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
