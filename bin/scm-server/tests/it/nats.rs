//! Events that the server publishes to NATS JetStream.

use std::{net::TcpListener, time::Duration};

use scm_testkit::{
    db::{Backend, TestDb},
    nats::Stream,
};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::{
    rotation::wait_for,
    server::{BASE, Place, text},
    webhook::Bench,
};

/// An address where nothing is.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("nats://{}", listener.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_is_published_as_the_feed_has_it_and_no_login_is_logged() {
    let Some(stream) = Stream::made() else {
        return;
    };
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    // The broker lets anybody in; what it is shown is shown at TRACE by its client.
    let lines = format!(
        "[events]\nnats_url = \"{}\"\nnats_prefix = \"{}\"\nnats_token = \"hunter2-of-nats\"\n\
         [log]\nfilter = \"info,async_nats=trace,async_nats::connection=trace\"\n",
        stream.url, stream.prefix
    );
    let bench = Bench::with(&db, &lines).await;
    bench.post("/webhook", 201);
    bench.git.settle().await;
    let told = bench.events("ping", 1);
    let published = timeout(Duration::from_mins(3), async {
        loop {
            let messages = stream.messages();
            if !messages.is_empty() {
                break messages;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let published = published.await.unwrap();
    assert_eq!(published[0].subject, format!("{}.t.ping", stream.prefix));
    assert_eq!(published[0].id.as_deref(), told[0]["id"].as_str());
    let body: Value = serde_json::from_slice(&published[0].body).unwrap();
    assert_eq!(body, told[0]);
    wait_for("what the client and the server log", || {
        let log = bench.server.log();
        log.contains("connected to NATS") && log.contains("async_nats")
    });
    let log = bench.server.log();
    assert!(!log.contains("hunter2"), "a login was logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_keeps_nobody_from_anything() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let bench = Bench::with(&db, &format!("[events]\nnats_url = \"{}\"\n", nobody())).await;
    bench.post("/webhook", 201);
    bench.git.settle().await;
    bench.events("ping", 1);
    let (ready, _) = bench.client().get("/readyz");
    assert_eq!(ready, 200);
    let (status, _) = bench.client().get(&format!("{BASE}?tenantId=t"));
    assert_eq!(status, 200);
    wait_for("a line of the log", || {
        bench.server.log().contains("NATS cannot be reached")
    });
}

#[test]
fn wrong_settings_of_nats_are_named() {
    #[track_caller]
    fn check(lines: &str, want: &str) {
        let place = Place::new();
        place.write("empty.pem", "no certificate\n");
        place.write("scm.toml", &format!("[events]\n{lines}\n"));
        let output = place.run(&["config", "check"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(78), "{lines}: {said}");
        assert!(said.contains(want), "{want:?} is not in: {said}");
        assert!(!said.contains("hunter2"), "{said}");
        let shown = text(&place.run(&["config", "show"]));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for (url, want) in [
        ("nats://", "must name a host"),
        ("127.0.0.1:4222", "is no URL"),
        ("http://127.0.0.1", "must start with nats:// or tls://"),
        (
            "nats://u:hunter2@x",
            "must not hold a user, a password or a token",
        ),
        ("nats://x/y", "must end with the host or its port"),
        (
            "tls://x,nats://y",
            "must start with tls:// for all servers or for none",
        ),
        ("nats://x,", "must name at least one server"),
    ] {
        check(
            &format!("nats_url = \"{url}\""),
            &format!("events.nats_url: {want}"),
        );
    }
    let nats = "nats_url = \"nats://x\"";
    for (lines, want) in [
        (
            "nats_prefix = \"scm.>\"",
            "events.nats_prefix: must be names of letters",
        ),
        (
            "nats_prefix = \"\"",
            "events.nats_prefix: must be names of letters",
        ),
        (
            "nats_credentials = \"hunter2\"",
            "events.nats_credentials: must be the text of a credentials file",
        ),
        (
            "nats_ca_file = \"/nonexist\"",
            "events.nats_ca_file: /nonexist cannot be read",
        ),
        (
            "nats_ca_file = \"empty.pem\"",
            "events.nats_ca_file: must hold certificates as PEM",
        ),
        (
            "nats_user = \"\"\nnats_password = \"hunter2\"",
            "events.nats_user: must not be empty",
        ),
    ] {
        check(&format!("{nats}\n{lines}"), want);
    }
    let place = Place::new();
    place.write("token", "hunter2\n");
    place.write(
        "scm.toml",
        &format!("[events]\n{nats}\nnats_token_file = \"token\"\n"),
    );
    let output = place.run(&["config", "check"]);
    assert!(output.status.success(), "{}", text(&output));
}
