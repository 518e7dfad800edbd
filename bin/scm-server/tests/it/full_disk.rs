//! The disk of the embedded database is full: writes are refused and say so, reads go on, nothing is
//! corrupted, and it goes on by itself as soon as there is room.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use scm_store::ConnectOptions;
use serde_json::{Value, json};

use crate::{
    rotation::wait_for,
    server::{BASE, Client, Place, Server},
};

/// A file system of its own with little room; gone when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` if this user may not mount.
    fn at(path: &Path) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs"])
            .arg(path)
            .output();
        mounted
            .is_ok_and(|it| it.status.success())
            .then(|| Self(path.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = File::create(self.ballast()).unwrap();
        for size in [64 * 1024, 4 * 1024, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

fn create(client: &Client, number: usize) -> (u16, Value) {
    let body = json!({
        "tenantId": "t",
        "scmType": "GITHUB",
        "repositoryUrl": format!("https://github.com/octo/app-{number}"),
        "accessToken": "ghp_x",
    });
    client.post(BASE, &body)
}

/// What the database says about itself, read beside the server.
async fn integrity(file: &Path) -> Vec<String> {
    let url = format!("sqlite://{}", file.display());
    let db = scm_store::connect(&url, &ConnectOptions::default())
        .await
        .unwrap();
    let said = scm_testkit::db::texts(&db, "PRAGMA integrity_check").await;
    db.close().await.unwrap();
    said
}

/// Writes until one is refused, then some more; each refusal has to be one of `answers`. Gives the rows
/// that were acknowledged.
fn write_until_refused(server: &Server, answers: &[(u16, &str)]) -> Vec<String> {
    let client = server.client();
    let (mut made, mut refused) = (Vec::new(), 0);
    for number in 0..4_000 {
        let (status, answer) = create(&client, number);
        if status == 201 {
            made.push(answer["data"]["id"].as_str().unwrap().to_owned());
            continue;
        }
        let code = answer["code"].as_str().unwrap_or_default();
        let is_told = answers.contains(&(status, code));
        assert!(is_told, "{status} {answer}\n{}", server.log());
        refused += 1;
        if refused == 20 {
            return made;
        }
    }
    panic!("nothing was refused, with {} rows", made.len());
}

/// All that was acknowledged can be read, and reading goes on.
fn all_are_there(client: &Client, made: &[String]) {
    let (status, page) = client.get(&format!("{BASE}?limit=5"));
    assert_eq!(status, 200, "{page}");
    for id in made {
        let (status, row) = client.get(&format!("{BASE}/{id}"));
        assert_eq!(status, 200, "{row}");
    }
}

/// Room comes back, and the same process writes again.
async fn recovers(client: &Client, made: &[String], file: &Path) {
    wait_for("a write", || create(client, 10_000).0 == 201);
    assert_eq!(create(client, 10_001).0, 201);
    all_are_there(client, made);
    assert_eq!(integrity(file).await, ["ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_writes_are_refused_and_reads_go_on() {
    let place = Place::new();
    let Some(disk) = SmallDisk::at(&place.path("data")) else {
        // The other test has the same with a limit that needs no right.
        writeln!(
            std::io::stderr(),
            "skipped: only root, with the right to mount, can make a small disk"
        )
        .ok();
        return;
    };
    place.write("scm.toml", "[jobs]\nenabled = false\n");
    let server = place.start();
    let client = server.client();
    assert_eq!(create(&client, 20_000).0, 201);
    disk.fill();
    let made = write_until_refused(&server, &[(507, "database_full")]);
    all_are_there(&client, &made);
    assert_eq!(client.get("/livez").0, 200);
    wait_for("a line in the log", || {
        server.log().contains("the disk is full")
    });
    disk.empty();
    recovers(&client, &made, &place.path("data/scm.db")).await;
    drop(server);
}

/// The server under a limit of the size of each of its files, which the system reports like a disk that
/// does not write.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_must_not_grow_is_the_same() {
    let place = Place::new();
    place.write("scm.toml", "[jobs]\nenabled = false\n");
    // A first start, so that the schema is there.
    drop(place.start());
    let command = place.command(&[]);
    let mut limited = Command::new("sh");
    // Writing more is an error then and no signal.
    limited
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap());
    let server = Server::start(limited);
    let client = server.client();
    assert_eq!(create(&client, 20_000).0, 201);
    let file = place.path("data/scm.db");
    let largest = ["data/scm.db", "data/scm.db-wal"].map(|name| {
        OpenOptions::new()
            .read(true)
            .open(place.path(name))
            .map_or(0, |file| file.metadata().unwrap().len())
    });
    let limit = largest.iter().max().unwrap() + 64 * 1024;
    set_limit(&server, &limit.to_string());
    let answers = [(507, "database_full"), (503, "database_unavailable")];
    let made = write_until_refused(&server, &answers);
    all_are_there(&client, &made);
    set_limit(&server, "unlimited");
    recovers(&client, &made, &file).await;
}

/// `prlimit` of util-linux: the soft limit alone, so that it can be taken back.
fn set_limit(server: &Server, bytes: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &server.id().to_string()])
        .arg(format!("--fsize={bytes}:unlimited"))
        .status();
    assert!(status.unwrap().success());
}
