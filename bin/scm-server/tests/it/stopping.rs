//! SIGTERM: what runs may finish, nothing new is taken, the exit status is 0.

use std::{thread, time::Duration};

use scm_testkit::{
    code_host::{CodeHost, Reply},
    until,
};
use serde_json::json;

use crate::server::{BASE, Place};

#[tokio::test(flavor = "multi_thread")]
async fn a_running_request_finishes() {
    let host = CodeHost::gitlab().await;
    let place = Place::new();
    place.write(
        "scm.toml",
        &format!(
            "[[hosts]]\nkind = \"gitlab\"\nhost = \"{}\"\nallow_private_addresses = true\n",
            host.base_url()
        ),
    );
    let mut server = place.start();
    let client = server.client();
    let body = json!({
        "scmType": "GITLAB",
        "repositoryUrl": host.repository_url("group/sub/app"),
        "accessToken": "glpat-xyz",
    });
    host.on_everything(Reply::fixture("gitlab/user_401").delayed(Duration::from_millis(800)));
    let path = format!("{BASE}/verify");
    let running = thread::spawn(move || client.post(&path, &body));
    until(|| host.calls() > 0).await;
    server.signal("TERM");
    let (status, answer) = running.join().unwrap();
    assert_eq!(status, 422, "{answer}");
    assert_eq!(server.wait().code(), Some(0));
    let log = server.log();
    assert!(
        log.contains("stopping: running requests may finish") && log.contains("stopped"),
        "{log}"
    );
    assert!(server.client().send("GET", "/livez", None).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_events_is_answered_at_once() {
    let place = Place::new();
    // Time for a request that is late to come in.
    place.write("scm.toml", "drain_seconds = 3\n");
    let mut server = place.start();
    let client = server.client();
    let path = format!("{BASE}/events?tenantId=t&wait=30");
    let waiting = thread::spawn(move || client.get(&path));
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.signal("TERM");
    // The whole wait would be cut off.
    let (status, answer) = waiting.join().unwrap();
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["count"], 0, "{answer}");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn readiness_goes_off_first_and_a_second_signal_ends_it() {
    let place = Place::new();
    place.write("scm.toml", "drain_seconds = 600\n");
    let mut server = place.start();
    let client = server.client();
    assert_eq!(client.get("/readyz").0, 200);
    server.signal("TERM");
    let not_ready = loop {
        let (status, answer) = client.get("/readyz");
        if status == 503 {
            break answer;
        }
    };
    let last = not_ready["checks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        last,
        &json!({"name": "accepting", "ok": false, "reason": "stopping"})
    );
    assert_eq!(client.get(BASE).0, 200, "requests are still taken");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}
