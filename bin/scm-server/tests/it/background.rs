//! Background work of a running server, and what it counts.

use std::time::Duration;

use scm_testkit::{
    git_host::{Dialect, GitHost},
    until,
};
use serde_json::{Value, json};

use crate::server::{BASE, Place, Server};

/// A server with one connection to a GitLab.
fn connected(host: &GitHost, settings: &str) -> (Place, Server, String) {
    let place = Place::new();
    let hosts = format!(
        "{settings}\n[[hosts]]\nkind = \"gitlab\"\nhost = \"{}\"\nallow_private_addresses = true\n",
        host.base_url()
    );
    place.write("scm.toml", &hosts);
    let server = place.start();
    let body = json!({
        "tenantId": "t1",
        "scmType": "GITLAB",
        "repositoryUrl": host.repository_url(),
        "accessToken": host.issue_access_token(),
    });
    let (status, created) = server.client().post(BASE, &body);
    assert_eq!(status, 201, "{created}");
    let id = created["data"]["id"].as_str().unwrap().to_owned();
    (place, server, id)
}

fn status(server: &Server, id: &str) -> Value {
    let (code, answer) = server.client().get(&format!("{BASE}/{id}"));
    assert_eq!(code, 200, "{answer}");
    answer["data"]["verificationStatus"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_gives_its_work_back() {
    let host = GitHost::start(Dialect::Gitlab).await;
    let settings = "shutdown_timeout_seconds = 1";
    let (place, server, id) = connected(&host, settings);
    // The next start plans at once what is due; the host answers nobody.
    drop(server);
    host.set_latency(Duration::from_hours(1));
    forget_the_plan(&place).await;
    let mut server = place.start();
    until(|| host.calls() > 0).await;
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let log = server.log();
    assert!(log.contains("giving background work back"), "{log}");

    host.set_latency(Duration::ZERO);
    let server = place.start();
    while status(&server, &id) != "VALID" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let text = server.client().text("/metrics");
    for line in [
        "scm_jobs_ended_total{kind=\"verify\",outcome=\"done\"} 1",
        "scm_verifications_total{origin=\"background\",outcome=\"valid\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}:\n{text}");
    }
    let sum = |begin: &str| {
        let lines = text.lines().filter(|line| line.starts_with(begin));
        let numbers = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        numbers.sum::<u64>()
    };
    // Counted at the start, before or after the check.
    assert_eq!(
        sum("scm_integrations{active=\"true\",product=\"gitlab\""),
        1,
        "{text}"
    );
    assert_eq!(sum("scm_integrations{"), 1, "{text}");
    assert_eq!(sum("scm_webhooks{"), 0, "{text}");
    assert!(
        text.contains("scm_deliveries{state=\"waiting\"} 0"),
        "{text}"
    );
    let opened = ",operation=\"open\",outcome=\"done\"}";
    let opened = text.lines().filter(|line| line.contains(opened));
    assert!(opened.count() == 1, "{text}");
    for secret in ["glpat", "t1", "127.0.0.1", &id] {
        assert!(!text.contains(secret), "{secret}:\n{text}");
    }
}

/// So that the next plan is made now, and not minutes after the last one.
async fn forget_the_plan(place: &Place) {
    let url = format!("sqlite://{}", place.path("data/scm.db").display());
    let options = scm_store::ConnectOptions::default();
    let db = scm_store::connect(&url, &options).await.unwrap();
    let cipher =
        scm_store::Cipher::new(scm_store::KeyRing::load(&place.path("data/keys")).unwrap());
    let jobs = scm_store::JobController::new(db.clone(), cipher.into());
    jobs.forget(scm_store::JobKind::Plan, "").await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_switched_off() {
    let host = GitHost::start(Dialect::Gitlab).await;
    let settings = "[jobs]\nenabled = false\n[metrics]\nenabled = false";
    let (place, server, id) = connected(&host, settings);
    drop(server);
    let server = place.start();
    assert_eq!(status(&server, &id), "PENDING");
    assert!(
        !server.log().contains("background work"),
        "{}",
        server.log()
    );
    assert_eq!(host.calls(), 0);
    assert_eq!(server.client().get("/metrics").0, 404);
}

#[test]
fn what_cannot_be_is_told() {
    let place = Place::new();
    place.write(
        "scm.toml",
        "[jobs]\nverify_interval_hours = 0\nconcurrency = 65\n\
         gap_check_interval_hours = 8761\nsilence_seconds = 0\n",
    );
    let said = crate::server::text(&place.run(&["config", "check"]));
    for problem in [
        "jobs.verify_interval_hours: must be from 1 to 8760",
        "jobs.concurrency: must be from 1 to 64",
        "jobs.gap_check_interval_hours: must be from 0 to 8760",
        "jobs.silence_seconds: must be from 1 to 3600",
    ] {
        assert!(said.contains(problem), "{said}");
    }
}
