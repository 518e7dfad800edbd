//! SIGKILL in the middle: nothing is lost, and the next run finishes. Only where the program has
//! the points to be killed at, which a release build has not.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use scm_testkit::db::Backend;

use crate::{
    rotation::{Rotation, fill, opens},
    server::text,
};

/// Runs `keys` with these arguments up to a point, and kills it there.
#[track_caller]
fn killed_at(rotation: &Rotation, arguments: &[&str], point: &str, time: u32) {
    let mut child = rotation
        .command(&[&["keys"], arguments].concat())
        .env("SCM_TEST_FAULT", format!("{point}:{time}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = lines.any(|line| line.unwrap() == format!("fault: {point}"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reached, "{point} was not reached");
}

const ROWS: usize = 20;
const VALUES: u64 = 2 * ROWS as u64;

fn killed_and_finished(rotation: &Rotation) {
    let server = rotation.start();
    let ids = fill(rotation, &server, ROWS);
    let old = rotation.current();
    rotation.keys(&["generate", "--promote", "--id", "fresh"]);
    // How many rows are sealed anew by then.
    for (point, time, rows) in [
        ("rewrap:before-batch", 1, 0),
        ("rewrap:sealed", 3, 2),
        ("rewrap:written", 2, 4),
        ("rewrap:sealed", 1, 4),
        // The first batch of seven has three left to do.
        ("rewrap:before-batch", 2, 7),
        ("rewrap:written", 5, 12),
    ] {
        killed_at(rotation, &["rewrap", "--batch", "7"], point, time);
        let listed = rotation.listed();
        let (fresh, left) = (listed["fresh"].2, listed[&old].2);
        assert_eq!((fresh, left), (2 * rows, VALUES - 2 * rows), "{point}");
        for id in &ids {
            opens(&server, id);
        }
    }
    let said = rotation.keys(&["rewrap", "--batch", "7"]);
    assert!(
        said.contains(&format!("{} values were sealed", VALUES - 24)),
        "{said}"
    );
    assert!(
        said.contains("rows=14 total=20"),
        "numbers in the log: {said}"
    );
    let said = rotation.keys(&["rewrap"]);
    assert!(said.contains("0 values were sealed"), "{said}");

    // Killed between the two steps of taking the old key out, the server starts.
    for point in ["retire:canary-gone", "retire:settled"] {
        killed_at(rotation, &["retire", &old, "--yes"], point, 1);
        assert_eq!(rotation.listed()[&old], (false, "no".to_owned(), 0));
        assert_eq!(rotation.start().client().get("/readyz").0, 200);
    }
    rotation.keys(&["retire", &old, "--yes"]);
    assert_eq!(rotation.listed().len(), 1);
    // Every value is opened, whatever was done to it.
    rotation.keys(&["generate", "--promote", "--id", "next"]);
    let said = rotation.keys(&["rewrap", "--dry-run"]);
    assert!(
        said.contains(&format!("{VALUES} values would be sealed")),
        "{said}"
    );
    for id in &ids {
        opens(&server, id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_nothing_is_lost() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || killed_and_finished(&rotation);
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_on_a_server_database() {
    let mut running = Vec::new();
    for backend in [Backend::Mysql, Backend::Postgres] {
        if let Some(rotation) = Rotation::on(backend).await {
            let work = move || killed_and_finished(&rotation);
            running.push(tokio::task::spawn_blocking(work));
        }
    }
    for work in running {
        work.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_no_harm() {
    let rotation = Rotation::on(Backend::Sqlite).await.unwrap();
    let work = move || {
        let server = rotation.start();
        let ids = fill(&rotation, &server, 60);
        rotation.keys(&["generate", "--promote", "--id", "fresh"]);
        let run = || {
            let mut command = rotation.command(&["keys", "rewrap", "--batch", "5"]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", text(&output));
        };
        std::thread::scope(|threads| {
            threads.spawn(run);
            threads.spawn(run);
        });
        assert_eq!(rotation.listed()["fresh"].2, 120);
        for id in &ids {
            opens(&server, id);
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
