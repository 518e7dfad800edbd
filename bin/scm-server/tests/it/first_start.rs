//! A newcomer's first minutes: start, connect, verify, restart, find it again.

use scm_testkit::code_host::CodeHost;
use serde_json::json;

use crate::server::{BASE, Place, mode, text};

fn hosts(host: &CodeHost) -> String {
    format!(
        "[[hosts]]\nkind = \"gitlab\"\nhost = \"{}\"\napi_url = \"{}\"\nallow_private_addresses = true\n",
        host.base_url(),
        host.api_url()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_verify_restart_find_again() {
    let host = CodeHost::gitlab().await;
    let place = Place::new();
    place.write("scm.toml", &hosts(&host));
    let server = place.start();
    let log = server.log();
    let line = log.lines().find(|line| line.contains("listening on"));
    let line = line.unwrap();
    assert!(line.contains("SQLite in data/scm.db"), "{line}");
    assert!(line.contains("no authentication (loopback only)"), "{line}");
    assert!(log.contains("made a key file"));
    for file in ["keys", "scm.db", "scm.db-wal"] {
        assert_eq!(mode(&place.path("data").join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&place.path("data")), 0o700);

    let client = server.client();
    let body = json!({
        "tenantId": "NJEG6wOk7e",
        "scmType": "GITLAB",
        "repositoryUrl": host.repository_url("group/sub/app"),
        "accessToken": "glpat-xyz",
    });
    let (status, created) = client.post(BASE, &body);
    assert_eq!(status, 201, "{created}");
    let id = created["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(created["data"]["createdByAccountId"], "local");
    let (status, verified) = client
        .send("POST", &format!("{BASE}/{id}/verify"), None)
        .unwrap();
    assert_eq!(
        (status, &verified["verification"]["status"]),
        (200, &json!("VALID")),
        "{verified}"
    );

    assert_eq!(client.get("/livez").0, 200);
    let (status, ready) = client.get("/readyz");
    assert_eq!(status, 200, "{ready}");
    let names: Vec<_> = ready["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["name"])
        .collect();
    assert_eq!(names, ["database", "schema", "keys", "accepting"]);

    server.kill();
    let server = place.start();
    let (status, found) = server.client().get(&format!("{BASE}/{id}"));
    assert_eq!((status, &found["data"]), (200, &verified["data"]));
    let (status, again) = server
        .client()
        .send("POST", &format!("{BASE}/{id}/verify"), None)
        .unwrap();
    assert_eq!(status, 200, "the credential still opens: {again}");
    assert!(!server.log().contains("glpat-xyz"));
}

#[test]
fn the_healthcheck_command() {
    let place = Place::new();
    let server = place.start();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_scm-server"));
    let address = format!("127.0.0.1:{}", server.port);
    let ask = command
        .env_clear()
        .current_dir(place.path(""))
        .env("SCM_LISTEN", address);
    let ask = ask.arg("healthcheck");
    let good = ask.output().unwrap();
    assert!(good.status.success(), "{}", text(&good));
    server.kill();
    let bad = ask.output().unwrap();
    assert!(!bad.status.success());
    assert!(
        text(&bad).contains("no answer from 127.0.0.1:"),
        "{}",
        text(&bad)
    );
}

#[test]
fn with_api_keys_only_their_holders_are_let_in() {
    let place = Place::new();
    let made = place.run(&[
        "api-keys",
        "generate",
        "--id",
        "ci",
        "--account",
        "acc_1",
        "--tenant",
        "t1",
        "--role",
        "owner",
    ]);
    let printed = text(&made);
    let key = printed
        .split_whitespace()
        .find(|word| word.starts_with("scm_ci_"))
        .unwrap();
    let entry = printed.split_once("[[auth.keys]]").unwrap().1;
    assert!(!entry.contains(key));
    place.write(
        "scm.toml",
        &format!("[auth]\nmode = \"api-keys\"\n[[auth.keys]]{entry}"),
    );
    let server = place.start();
    assert!(server.log().contains("API keys"));
    let (status, refused) = server.client().get(BASE);
    assert_eq!((status, &refused["code"]), (401, &json!("unauthenticated")));
    let client = server.client().with_key(key);
    let body = json!({"scmType": "GITHUB", "repositoryUrl": "https://github.com/a/b", "accessToken": "ghp_x"});
    let (status, created) = client.post(BASE, &body);
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["data"]["tenantId"], "t1");
    assert_eq!(created["data"]["createdByAccountId"], "acc_1");
    assert!(!server.log().contains(key));
}
