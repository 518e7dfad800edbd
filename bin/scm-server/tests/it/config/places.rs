//! Every problem at once, each with the place that it stands in.

use crate::server::{Place, text};

/// What `config check` says is wrong, line by line, with the name of the file instead of its path.
fn problems(place: &Place, environment: &[(&str, &str)]) -> Vec<String> {
    let mut command = place.command(&["config", "check"]);
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let folder = format!("{}/", place.path("").display());
    let folder = folder.replace("//", "/");
    let lines = said.lines().skip(1);
    lines.map(|line| line.trim().replace(&folder, "")).collect()
}

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let place = Place::new();
    place.write(
        "scm.toml",
        r#"workers = 9999
public_url = "scm.example.com"
trusted_proxies = ["10.0.0.0/8", "nowhere"]

[events]
push_url = "https://x/?token=y"
push_secret = "hunter2"
  retention_days = 0

[log]
format = "xml"
colour = true

[[hosts]]
kind = "svn"
host = "git.example.com"

[[hosts]]
kind = "gitlab"
host = "u:p@x"

[[hosts]]
kind = "github"
app = { id = 0 }

[tls]
certificate_file = "cert.pem"
"#,
    );
    let variables = [
        ("SCM_JOBS__CONCURRENCY", "hunter2"),
        ("SCM_DATABASE__URL", "oracle://x"),
        ("SCM_DATABSE__URL", "x"),
    ];
    let mut got = problems(&place, &variables);
    got.sort();
    let mut want = [
        "workers: must be from 0 to 1024 (scm.toml: line 1, column 1)",
        "public_url: is no URL: relative URL without a base (scm.toml: line 2, column 1)",
        "events.retention_days: must be from 1 to 3650 (scm.toml: line 8, column 3)",
        "log.format: must be one of text, json (scm.toml: line 11, column 1)",
        "log.colour: is not known (scm.toml: line 12, column 1)",
        "hosts[0].kind: must be one of github, gitlab, bitbucket, bitbucket-data-center \
         (scm.toml: line 15, column 1)",
        "hosts[2].app.id: must be at least 1 (scm.toml: line 24, column 9)",
        "hosts[2].app.private_key_file: is missing (scm.toml: line 24, column 1)",
        "hosts[2].host: is missing (scm.toml: line 22, column 1)",
        "jobs.concurrency: must be a whole number, 0 or more (environment SCM_JOBS__CONCURRENCY)",
        "databse.url: is not known (environment SCM_DATABSE__URL)",
        "database.url: must start with sqlite://, mysql:// or postgres:// \
         (environment SCM_DATABASE__URL)",
        "tls.private_key_file: must be given with certificate_file (not given: \
         tls.private_key_file in a file, or SCM_TLS__PRIVATE_KEY_FILE)",
        "events.push_secret: must be whsec_ and the Base64 of 24 to 64 bytes \
         (scm.toml: line 7, column 1)",
    ]
    .map(str::to_owned)
    .to_vec();
    // What the library says of them is its own.
    for (begin, end) in [
        ("trusted_proxies[1]: ", "(scm.toml: line 3, column 1)"),
        ("hosts[1].host: ", "(scm.toml: line 20, column 1)"),
        (
            "keys_file: ",
            "(not given: keys_file in a file, or SCM_KEYS_FILE)",
        ),
    ] {
        let line = got.iter().find(|line| line.starts_with(begin));
        let line = line.unwrap_or_else(|| panic!("{begin}{end} is not in {got:#?}"));
        assert!(line.ends_with(end), "{line}");
        want.push(line.clone());
    }
    want.sort();
    assert_eq!(got, want);
}

#[test]
fn the_file_that_counts_is_the_one_that_is_named() {
    let place = Place::new();
    place.write("scm.toml", "workers = 2\n[log]\nfilter = \"a=b=c[[\"\n");
    let other = place.write("other.toml", "\n\n[log]\nfilter = \"a=b=c[[\"\n");
    let mut command = place.command(&["config", "check"]);
    let said = text(&command.arg("--config").arg(&other).output().unwrap());
    assert!(said.contains("other.toml: line 4, column 1)"), "{said}");
    let mut command = place.command(&["config", "show"]);
    let said = text(&command.arg("--config").arg(&other).output().unwrap());
    for (key, end) in [
        ("log.filter ", "other.toml: line 4, column 1"),
        ("workers ", "scm.toml: line 1, column 1"),
        ("listen ", "# flag --listen"),
        ("drain_seconds ", "# default"),
    ] {
        let line = said.lines().find(|line| line.starts_with(key));
        assert!(
            line.is_some_and(|line| line.ends_with(end)),
            "{key}: {said}"
        );
    }
}

/// Of what is left when a part cannot be read, only what is wrong in itself is told.
#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_rest() {
    let place = Place::new();
    place.write("scm.toml", "[events\npush_url = 1\n");
    let other = place.write("other.toml", "workers = 5000\n");
    let missing = place.path("missing.toml");
    let mut command = place.command(&["config", "check"]);
    command
        .arg("--config")
        .arg(&other)
        .arg("--config")
        .arg(&missing);
    let output = command.env("SCM_LOG__FORMAT", "xml").output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    for want in [
        "scm.toml: line 1, column ",
        "missing.toml: cannot be read",
        "workers: must be from 0 to 1024",
        "(environment SCM_LOG__FORMAT)",
    ] {
        assert!(said.contains(want), "{want:?} is not in: {said}");
    }
    assert!(!said.contains("push_url"), "{said}");
    let shown = place.run(&["config", "show"]);
    assert_eq!(shown.status.code(), Some(78));
}

#[test]
fn the_files_can_be_named_by_a_variable() {
    let place = Place::new();
    let other = place.write("other.toml", "workers = 3\n");
    let mut command = place.command(&["config", "show"]);
    let said = text(&command.env("SCM_CONFIG", &other).output().unwrap());
    assert!(said.contains("other.toml: line 1, column 1"), "{said}");
}
