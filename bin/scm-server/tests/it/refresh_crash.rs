//! SIGKILL in the middle of a refresh: the other server goes on, and says so if the answer of the host
//! died with the first one. Only where the program has the points to be killed at, which a release
//! build has not.

use std::thread;

use scm_testkit::db::Backend;
use serde_json::Value;

use crate::{
    refresh::{Bench, on_servers, removed, work},
    rotation::wait_for,
};

/// One server refreshes and is killed at a point; what the other one answers once the lease of the
/// dead one is over.
fn killed_at(bench: &Bench, point: &str) -> (u16, Value) {
    let (doomed, other) = (bench.start(Some(point)), bench.start(None));
    let row = bench.connected(&other.client());
    let (client, path) = (doomed.client(), row.clone());
    let lost = thread::spawn(move || client.send("GET", &format!("{path}/branches"), None));
    wait_for(point, || doomed.log().contains(&format!("fault: {point}")));
    doomed.kill();
    assert!(
        lost.join().unwrap().is_err(),
        "{point}: answered by a dead server"
    );
    bench.passed("deadline");
    let answer = work(&other.client(), &row);
    let (_, after) = other.client().get(&row);
    let (status, data) = (answer.0, after["data"].clone());
    removed(&other.client(), &row);
    (status, data)
}

const ALL: &[Backend] = &Backend::ALL;

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_the_other_server_goes_on() {
    on_servers(ALL, |bench| {
        for (number, point) in ["acquired", "in-flight", "stored"].iter().enumerate() {
            let (status, row) = killed_at(bench, &format!("renewal:{point}"));
            assert_eq!(
                (status, &row["hasValidToken"]),
                (200, &true.into()),
                "{point}"
            );
            assert_eq!(bench.git.refreshes(), number + 1, "{point}");
        }
        // The new pair died with the server; the old one is used up, and the row says so.
        let (status, row) = killed_at(bench, "renewal:answered");
        assert_eq!(
            (status, &row["verificationStatus"]),
            (409, &"EXPIRED".into())
        );
        let reason = row["verificationError"].as_str().unwrap();
        assert!(
            reason.contains("The answer to an earlier renewal was lost"),
            "{reason}"
        );
        assert_eq!(bench.git.refreshes(), 4);
    })
    .await;
}
