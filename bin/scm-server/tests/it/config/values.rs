//! Values of another form than their key's: told by what is wanted, without the value.

use crate::server::{Place, text};

#[test]
fn values_of_another_type_are_named_with_what_is_wanted() {
    #[track_caller]
    fn check(file: &str, environment: &[(&str, &str)], want: &str) {
        let place = Place::new();
        place.write("scm.toml", file);
        let mut command = place.command(&["config", "check"]);
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(78), "{file}: {said}");
        assert!(said.contains(want), "{want:?} is not in: {said}");
        // The words of the parser, and the value, which may be a secret that slipped.
        for word in [
            "struct",
            "invalid type",
            "u64",
            "usize",
            "expected",
            "hunter2",
        ] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
    let (number, flag) = ("must be a whole number, 0 or more", "must be true or false");
    for (section, line, want) in [
        (
            "jobs",
            "enabled = \"hunter2\"",
            format!("jobs.enabled: {flag}"),
        ),
        ("jobs", "enabled = 1", format!("jobs.enabled: {flag}")),
        ("jobs", "reseal = []", format!("jobs.reseal: {flag}")),
        (
            "jobs",
            "concurrency = -1",
            format!("jobs.concurrency: {number}"),
        ),
        (
            "jobs",
            "concurrency = 2.5",
            format!("jobs.concurrency: {number}"),
        ),
        (
            "jobs",
            "concurrency = true",
            format!("jobs.concurrency: {number}"),
        ),
        (
            "jobs",
            "concurrency = \"hunter2\"",
            format!("jobs.concurrency: {number}"),
        ),
        (
            "jobs",
            "verify_interval_hours = [1]",
            format!("jobs.verify_interval_hours: {number}"),
        ),
        (
            "jobs",
            "[jobs.concurrency]\na = 1",
            "jobs.concurrency.a: is not known".to_owned(),
        ),
        (
            "events",
            "retention_days = \"14\"",
            format!("events.retention_days: {number}"),
        ),
        (
            "events",
            "retention_days = 2026-01-01",
            format!("events.retention_days: {number}"),
        ),
        (
            "events",
            "push_url = 5",
            "events.push_url: must be text in quotes".to_owned(),
        ),
        (
            "events",
            "push_secret = true",
            "events.push_secret: must be text in quotes".to_owned(),
        ),
        (
            "events",
            "nats_url = [\"nats://x\"]",
            "events.nats_url: must be text in quotes".to_owned(),
        ),
        (
            "log",
            "filter = 1",
            "log.filter: must be text in quotes".to_owned(),
        ),
        (
            "metrics",
            "enabled = \"yes\"",
            format!("metrics.enabled: {flag}"),
        ),
    ] {
        check(&format!("[{section}]\n{line}\n"), &[], &want);
    }
    check("jobs = 5\n", &[], "jobs: must be a table (");
    check("events = \"hunter2\"\n", &[], "events: must be a table (");
    check("[[events]]\n", &[], "events: must be a table (");
    check("hosts = 5\n", &[], "hosts: must be a list of tables (");
    check("[[hosts]]\nkind = 5\nhost = \"x\"\n", &[], "hosts[0].kind");
    let variable = [("SCM_JOBS__CONCURRENCY", "hunter2")];
    check(
        "",
        &variable,
        &format!("jobs.concurrency: {number} (environment SCM_JOBS__CONCURRENCY)"),
    );
    check(
        "",
        &[("SCM_JOBS", "hunter2")],
        "jobs: must be a table (environment SCM_JOBS)",
    );
}

#[test]
fn variables_can_say_true_in_several_words() {
    for (name, value) in [
        ("SCM_JOBS__ENABLED", "off"),
        ("SCM_JOBS__ENABLED", "True"),
        ("SCM_JOBS__CONCURRENCY", "7"),
    ] {
        let output = Place::new()
            .command(&["config", "check"])
            .env(name, value)
            .output()
            .unwrap();
        assert!(output.status.success(), "{name} {value}: {}", text(&output));
    }
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
