//! SIGKILL between a delivery's arrival and its end: the next server processes it, once. Only where the
//! program has the points to be killed at, which a release build has not.

use std::time::Duration;

use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{server::BASE, webhook::Bench};

/// The lease of whoever was killed is over: the database's clock cannot be moved, what it is compared
/// with can.
async fn pass_lease(db: &TestDb) {
    let (quote, past) = match db.backend {
        Backend::Sqlite => ('"', "2001-02-03T04:05:06.007+00:00"),
        Backend::Mysql => ('`', "2001-02-03 04:05:06.007"),
        Backend::Postgres => ('"', "2001-02-03 04:05:06.007+00"),
    };
    let column = format!("{quote}nextAttemptAt{quote}");
    let sql =
        format!("UPDATE scm_webhook_deliveries SET {column} = '{past}' WHERE {column} IS NOT NULL");
    db.execute_by_hand(&sql).await;
}

/// The branches of all pushes that were told, once no delivery is left to be processed.
async fn pushes(bench: &Bench) -> Vec<String> {
    let all_done = timeout(Duration::from_mins(3), async {
        while bench.states().iter().any(|state| state == "pending") {
            sleep(Duration::from_millis(50)).await;
        }
    });
    all_done.await.unwrap();
    let (status, page) = bench.client().get(&format!("{BASE}/events?tenantId=t"));
    assert_eq!(status, 200, "{page}");
    let events = page["data"].as_array().unwrap();
    let pushes = events.iter().filter(|event| event["kind"] == "push");
    pushes.map(|event| event["before"].to_string()).collect()
}

/// Kills the server once it has reached the point.
async fn killed_at(bench: &Bench, point: &str) {
    let line = format!("fault: {point}");
    let reached = timeout(Duration::from_mins(3), async {
        while !bench.server.log().contains(&line) {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let is_reached = reached.await.is_ok();
    assert!(
        is_reached,
        "{point} was not reached: {}",
        bench.server.log()
    );
    bench.server.signal("KILL");
}

on_every_database! {
    async fn killed_at_any_point_a_delivery_is_processed_once(db: TestDb) {
        let mut bench = Bench::on(&db).await;
        bench.post("/webhook", 201);
        bench.git.settle().await;
        bench.events("ping", 1);
        let mut told = Vec::new();
        for (number, step) in ["stored", "claimed", "processed", "settled"].iter().enumerate() {
            let point = format!("delivery:{step}");
            bench.restart(Some(&point));
            let before = format!("{:040x}", number + 1);
            let is_answered = *step != "stored";
            let delivered = bench.git.deliver_push("refs/heads/main", Some(&before));
            let pushed = if is_answered {
                let pushed = delivered.await;
                killed_at(&bench, &point).await;
                pushed
            } else {
                tokio::join!(delivered, killed_at(&bench, &point)).0
            };
            // What was answered with 2xx is stored, and what is stored need not be answered.
            let want = if is_answered { 202 } else { 0 };
            assert_eq!(pushed[0].status, want, "{point}");
            bench.restart(None);
            pass_lease(&db).await;
            told.push(json!(before).to_string());
            assert_eq!(pushes(&bench).await, told, "{point}");
            // The host asks again, as it does where it had no answer.
            let again = bench.git.redeliver(&pushed[0].key).await;
            assert_eq!(again[0].status, 200, "{point}");
            assert_eq!(pushes(&bench).await, told, "{point}");
        }
        assert!(bench.states().iter().all(|state| state == "done"), "{:?}", bench.states());
    }
}
