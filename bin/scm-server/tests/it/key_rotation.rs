//! A new key from its making to the old one's end, while the server works.

use std::time::Instant;

use scm_testkit::db::Backend;
use serde_json::json;

use crate::{
    rotation::{Load, Rotation, assert_no_key, fill, opens, wait_for},
    server::{BASE, Server},
};

/// The whole way, with two servers on one database and one key file.
#[expect(
    clippy::print_stdout,
    reason = "how long it took, for who runs the ten thousand"
)]
fn rotate_under_load(rotation: &Rotation, rows: usize) {
    let one = rotation.start();
    let two = rotation.start();
    let ids = fill(rotation, &one, rows);
    let old = rotation.current();
    let values = 2 * rows as u64;
    let load = Load::on(&[&one, &two], &ids);

    rotation.keys(&["generate", "--add", "--id", "fresh"]);
    let both = format!("keys=\"{old}, fresh\"");
    wait_for("the added key", || {
        [&one, &two]
            .iter()
            .all(|server| server.log().contains(&both))
    });
    let listed = rotation.listed();
    assert_eq!(listed["fresh"], (false, "no".to_owned(), 0));
    assert_eq!(listed[&old], (true, "yes".to_owned(), values));

    let said = rotation.keys(&["promote", "fresh"]);
    assert!(said.contains("fresh is the current key of"), "{said}");
    one.signal("HUP");
    let begin = Instant::now();
    let said = rotation.keys(&["rewrap", "--batch", "50"]);
    println!("{rows} rows were sealed anew in {:?}", begin.elapsed());
    assert!(said.contains("with the key fresh"), "{said}");
    let listed = rotation.listed();
    assert_eq!(listed[&old], (false, "yes".to_owned(), 0), "{listed:?}");
    assert_eq!(listed["fresh"], (true, "yes".to_owned(), values));

    let said = rotation.keys(&["retire", &old, "--yes"]);
    assert!(said.contains(&format!("the key {old} is gone")), "{said}");
    wait_for("the file without the old key", || {
        [&one, &two]
            .iter()
            .all(|server| server.log().contains("keys=\"fresh\""))
    });
    assert_eq!(rotation.listed().len(), 1);
    let requests = load.end();
    println!("{requests} requests were made meanwhile");
    assert!(requests > 50, "{requests}");
    for server in [&one, &two] {
        assert_eq!(server.client().get("/readyz").0, 200);
        let log = server.log();
        assert!(
            !log.contains("cannot be opened") && !log.contains("cannot be taken"),
            "{log}"
        );
        assert_no_key(&rotation.place, &log);
    }
    one.kill();
    two.kill();
    // With the new key alone everything is there.
    let server = rotation.start();
    for id in ids.iter().step_by(10) {
        opens(&server, id);
    }
    assert!(!server.log().contains("cannot be opened"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_fails_while_a_key_takes_over() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || rotate_under_load(&rotation, 500);
    tokio::task::spawn_blocking(work).await.unwrap();
}

/// `cargo test --release -p scm-server --test it -- --ignored --nocapture ten_thousand`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn ten_thousand_rows() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || rotate_under_load(&rotation, 10_000);
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_on_a_server_database() {
    let mut running = Vec::new();
    for backend in [Backend::Mysql, Backend::Postgres] {
        if let Some(rotation) = Rotation::on(backend).await {
            let work = move || rotate_under_load(&rotation, 60);
            running.push(tokio::task::spawn_blocking(work));
        }
    }
    for work in running {
        work.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_step_a_key_is_first_read_with() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || {
        let server = rotation.start();
        let ids = fill(&rotation, &server, 3);
        let old = rotation.current();
        let said = rotation.keys(&["generate", "--promote", "--id", "fresh"]);
        assert!(
            said.contains("Servers seal with fresh as soon as"),
            "{said}"
        );
        wait_for("the new key", || server.log().contains("a new current key"));
        assert_eq!(rotation.listed()["fresh"], (true, "no".to_owned(), 0));
        let keys = format!("keys=\"fresh, {old}\"");
        wait_for("the new key's use", || server.log().contains(&keys));
        let path = format!("{BASE}/{}", ids[0]);
        let change = json!({"accessToken": "glpat-new"});
        assert_eq!(
            server
                .client()
                .send("PATCH", &path, Some(&change))
                .unwrap()
                .0,
            200
        );
        assert_eq!(rotation.listed()["fresh"], (true, "yes".to_owned(), 1));
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_lost_a_needed_key_is_refused() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || {
        let server = rotation.start();
        let ids = fill(&rotation, &server, 3);
        let path = rotation.place.path("data/keys");
        let good = std::fs::read_to_string(&path).unwrap();
        let old = rotation.current();
        let other = format!("* {old}x BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ\n");
        for (bad, want) in [
            (other.as_str(), format!("it needs {old}, given are {old}x")),
            ("hunter2", "line 1 is not".to_owned()),
        ] {
            std::fs::write(&path, bad).unwrap();
            wait_for("the refusal", || server.log().contains(&want));
            opens(&server, &ids[0]);
            let change = json!({"accessToken": "glpat-new"});
            let row = format!("{BASE}/{}", ids[1]);
            assert_eq!(
                server
                    .client()
                    .send("PATCH", &row, Some(&change))
                    .unwrap()
                    .0,
                200
            );
        }
        std::fs::remove_file(&path).unwrap();
        wait_for("the refusal", || {
            server.log().contains("the key file cannot be read")
        });
        let times = |server: &Server| server.log().matches("the keys cannot be taken").count();
        assert_eq!(times(&server), 3, "once for each problem");
        std::fs::write(&path, &good).unwrap();
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, owner_only).unwrap();
        server.signal("HUP");
        wait_for("the keys", || server.log().contains("the keys in use"));
        let log = server.log();
        assert!(!log.contains("hunter2") && !log.contains("BAQE"), "{log}");
        opens(&server, &ids[1]);
        assert_eq!(server.client().get("/readyz").0, 200);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
