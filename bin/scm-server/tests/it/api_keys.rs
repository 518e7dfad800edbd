//! `api-keys` as its operator meets it, beside a running server.

use std::time::Duration;

use serde_json::Value;

use crate::server::{BASE, Client, Place, text};

const CREATE: &[&str] = &[
    "api-keys",
    "create",
    "--name",
    "Release bot",
    "--account",
    "acc_7",
];

/// A server that knows the keys of its database, and no others.
fn place() -> Place {
    let place = Place::new();
    place.write("scm.toml", "[auth]\nmode = \"api-keys\"\n");
    place
}

fn created(place: &Place, more: &[&str]) -> String {
    let made = place.run(&[CREATE, more].concat());
    assert!(made.status.success(), "{}", text(&made));
    let key = String::from_utf8(made.stdout).unwrap();
    assert_eq!(key.lines().count(), 1, "the key is alone on the output");
    key.trim().to_owned()
}

fn id(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

#[tokio::test]
async fn from_its_making_to_its_end() {
    let place = place();
    // Before the first start: the database is made.
    let platform = created(&place, &[]);
    let server = place.start();
    let editor = created(
        &place,
        &["--tenant", "t1", "--role", "editor", "--expires-in", "90d"],
    );
    let ask = |key: &str| server.client().with_key(key).get(BASE).0;
    assert_eq!((ask(&platform), ask(&editor)), (200, 200));
    assert_eq!(server.client().get(BASE).0, 401);
    let (status, keys) = server
        .client()
        .with_key(&editor)
        .get(&format!("{BASE}/api-keys"));
    assert_eq!(status, 403, "{keys}");

    let listed = text(&place.run(&["api-keys", "list"]));
    let editors = listed
        .lines()
        .find(|line| line.starts_with(id(&editor)))
        .unwrap();
    assert!(
        editors.contains("\"Release bot\", editor of t1, as acc_7, ")
            && editors.contains("expires"),
        "{listed}"
    );
    let own = text(&place.run(&["api-keys", "list", "--tenant", "t1"]));
    assert_eq!(own.lines().count(), 1, "{own}");
    let json = place.run(&["api-keys", "list", "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["keys"].as_array().unwrap().len(), 2);
    assert_eq!(json["keys"][1]["role"], "platform");
    assert_eq!(json["keys"][1]["createdBy"], Value::Null);

    for (arguments, status, said) in [
        (
            &["nobody", "--yes"][..],
            1,
            "there is no key nobody in the database",
        ),
        (&[id(&editor)], 1, "Say --yes to do it"),
        (&[id(&editor), "--dry-run"], 0, "would revoke"),
        (
            &[id(&editor), "--dry-run", "--yes"],
            2,
            "cannot be used with",
        ),
    ] {
        let done = place.run(&[&["api-keys", "revoke"], arguments].concat());
        assert_eq!(done.status.code(), Some(status), "{arguments:?}");
        assert!(text(&done).contains(said), "{arguments:?}: {}", text(&done));
    }
    assert_eq!(ask(&editor), 200, "nothing was revoked");
    let done = place.run(&["api-keys", "revoke", id(&editor), "--yes"]);
    assert!(done.status.success(), "{}", text(&done));
    let mut status = 200;
    // Ten seconds, and some for a slow machine.
    for _ in 0..300 {
        status = ask(&editor);
        if status == 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status, 401, "the server has noticed");
    assert_eq!(ask(&platform), 200);
    let listed = text(&place.run(&["api-keys", "list", "--tenant", "t1"]));
    assert!(listed.contains(", revoked "), "{listed}");
    let audit = place.run(&["audit", "verify", "--tenant", "the platform"]);
    assert!(text(&audit).contains("1 row"), "{}", text(&audit));
    assert!(!server.log().contains(&editor), "no key is logged");
}

#[test]
fn bad_flags_are_told() {
    let place = place();
    for (more, said) in [
        (&["--expires-in", "soon"][..], "such as 90d"),
        (&["--tenant", "t1"], "--role"),
        (&["--role", "owner"], "--tenant"),
        (&["--tenant", "t1", "--role", "root"], "--role"),
        (&["--tenant", "a b", "--role", "owner"], "--tenant"),
    ] {
        let refused = place.run(&[CREATE, more].concat());
        assert!(!refused.status.success(), "{more:?}");
        assert!(
            text(&refused).contains(said),
            "{more:?}: {}",
            text(&refused)
        );
    }
}

#[test]
fn probes_and_metrics_have_a_listener_of_their_own() {
    let place = Place::new();
    place.write("scm.toml", "[metrics]\nlisten = \"127.0.0.1:0\"\n");
    let server = place.start();
    let log = server.log();
    let (_, rest) = log
        .split_once("probes and metrics on http://127.0.0.1:")
        .unwrap();
    let port = rest.lines().next().unwrap().trim().parse().unwrap();
    let beside = Client::at(port);
    assert!(beside.text("/metrics").contains("scm_"));
    assert_eq!(
        (beside.get("/livez").0, beside.get("/readyz").0),
        (200, 200)
    );
    assert_eq!(beside.get(BASE).0, 404, "the API is not there");
    let first = server.client();
    assert_eq!(
        (first.get("/metrics").0, first.get("/readyz").0),
        (404, 200)
    );
}

#[test]
fn wrong_settings_of_tokens_and_limits_are_told() {
    for (toml, said) in [
        (
            "[auth]\nmode = \"tokens\"\n",
            "auth.mode: must be of these words: none, api-keys, jwt (",
        ),
        (
            "[auth]\nmode = [\"none\", \"jwt\"]\n",
            "must be none, api-keys, jwt",
        ),
        ("[auth]\nmode = \"jwt\"\n", "auth.jwt.issuer: is missing"),
        (
            "[auth]\nmode = \"jwt\"\n",
            "auth.jwt: needs one of jwks_url, key_file and secret_file",
        ),
        (
            "[auth]\nmode = [\"api-keys\", \"jwt\"]\n[auth.jwt]\nissuer = \"i\"\naudience = \"a\"\n\
             jwks_url = \"http://issuer.example/jwks\"\n",
            "auth.jwt.jwks_url: must start with https://",
        ),
        (
            "[auth]\nmode = \"jwt\"\n[auth.jwt]\nissuer = \"i\"\naudience = [\"a\"]\n\
             jwks_url = \"https://169.254.169.254/jwks\"\n",
            "auth.jwt.jwks_url: the address lies in a network that is never called",
        ),
        (
            "[auth]\nmode = \"jwt\"\n[auth.jwt]\nissuer = \"i\"\naudience = \"a\"\n\
             algorithms = \"none\"\njwks_url = \"https://issuer.example/jwks\"\n",
            "auth.jwt.algorithms: must be of these words: RS256, ",
        ),
        (
            "[auth]\nmode = \"jwt\"\n[auth.jwt]\nissuer = \"i\"\naudience = \"a\"\n\
             algorithms = \"HS256\"\njwks_url = \"https://issuer.example/jwks\"\n",
            "auth.jwt.algorithms: HS256 needs secret_file",
        ),
        (
            "[auth]\nmode = \"jwt\"\n[auth.jwt]\nissuer = \"i\"\naudience = \"a\"\n\
             key_file = \"nowhere.pem\"\n",
            "auth.jwt.key_file: nowhere.pem cannot be read",
        ),
        (
            "trusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n",
            "trusted_proxies[1]: must be an address",
        ),
        ("[limits]\nfailed_attempts = -1\n", "limits.failed_attempts"),
    ] {
        let place = Place::new();
        place.write("scm.toml", toml);
        let checked = place.run(&["config", "check"]);
        assert_eq!(checked.status.code(), Some(78), "{toml}");
        assert!(text(&checked).contains(said), "{toml}: {}", text(&checked));
    }
}
