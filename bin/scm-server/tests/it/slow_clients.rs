//! Thousands of clients that send next to nothing: everybody else is answered, and they are ended.

use std::{
    fmt, fs,
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{interval, sleep, timeout},
};

use crate::server::{BASE, Client, Place, Server};

/// How long the clients come back whenever they are ended.
const ATTACK: Duration = Duration::from_secs(20);

/// Longer than every limit together, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// What a slow connection came to.
#[derive(Default)]
struct Seen {
    open: AtomicUsize,
    most: AtomicUsize,
    /// Answered with 408.
    late: AtomicUsize,
    ended: AtomicUsize,
}

/// What a slow client does.
#[derive(Clone, Copy)]
enum Slow {
    /// A byte of the head each second.
    Head,
    /// A head, a part of the body, and no more.
    Body,
}

/// One client that comes back until it is told to stop.
async fn slow(port: u16, how: Slow, seen: Arc<Seen>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
            sleep(Duration::from_millis(500)).await;
            continue;
        };
        let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(open, Ordering::SeqCst);
        let answer = send(&mut stream, how).await;
        seen.open.fetch_sub(1, Ordering::SeqCst);
        seen.ended.fetch_add(1, Ordering::SeqCst);
        if answer.starts_with(b"HTTP/1.1 408") {
            seen.late.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Sends as slowly as can be until the server ends the connection; gives what it said.
async fn send(stream: &mut TcpStream, how: Slow) -> Vec<u8> {
    let begin: &[u8] = match how {
        Slow::Head => b"GET /api/v1/integrations/scm HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        Slow::Body => {
            b"POST /api/v1/integrations/scm HTTP/1.1\r\nHost: localhost\r\n\
              Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{\"tenantId\":"
        }
    };
    let (mut answer, mut part) = (Vec::new(), [0; 512]);
    if stream.write_all(begin).await.is_err() {
        return answer;
    }
    let mut each_second = interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            read = stream.read(&mut part) => match read {
                Ok(0) | Err(_) => return answer,
                Ok(read) => answer.extend_from_slice(&part[..read]),
            },
            _ = each_second.tick() => {
                if matches!(how, Slow::Head) && stream.write_all(b"a").await.is_err() {
                    return answer;
                }
            }
        }
    }
}

/// So many files may be open here, at the most.
fn file_limit(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let reached = limit.current.map_or(wanted, |current| current.max(most));
    let raised = Rlimit {
        current: Some(reached),
        ..limit
    };
    setrlimit(Resource::Nofile, raised).ok();
    getrlimit(Resource::Nofile).current.unwrap_or(wanted)
}

/// Resident memory of a process, in MiB.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap() / 1024
}

fn open_files(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.id()))
        .unwrap()
        .count()
}

/// A read and a write, each on a connection of its own; the longest that one took.
fn ask(client: &Client, number: usize) -> Duration {
    let begin = Instant::now();
    let (status, answer) = client.get(&format!("{BASE}?limit=1"));
    assert_eq!(status, 200, "{answer}");
    let read = begin.elapsed();
    let body = json!({
        "tenantId": "t",
        "scmType": "GITHUB",
        "repositoryUrl": format!("https://github.com/octo/app-{number}"),
        "accessToken": "ghp_x",
    });
    let (status, answer) = client.post(BASE, &body);
    assert_eq!(status, 201, "{answer}");
    read.max(begin.elapsed().saturating_sub(read))
}

/// A line that is seen while tests pass, too.
fn say(line: fmt::Arguments<'_>) {
    writeln!(io::stderr(), "{line}").ok();
}

async fn attacked_by(many: usize) {
    // Both ends are on this machine, but each process has a limit of its own.
    let files = usize::try_from(file_limit(many as u64 + 256)).unwrap();
    let clients = many.min(files.saturating_sub(256));
    if clients < many {
        say(format_args!(
            "{clients} slow clients in place of {many}: {files} files may be open"
        ));
    }
    let place = Place::new();
    // Fewer places than slow bodies: those that wait for a body must not take them.
    let settings = "[limits]\nconcurrent = 64\nhead_timeout_seconds = 5\n[jobs]\nenabled = false\n";
    place.write("scm.toml", settings);
    let server = place.start();
    ask(&server.client(), 0);
    let (before, files) = (memory(&server), open_files(&server));

    let (seen, stop) = (Arc::<Seen>::default(), Arc::<AtomicBool>::default());
    let mut tasks = Vec::new();
    for number in 0..clients {
        let how = if number % 2 == 0 {
            Slow::Head
        } else {
            Slow::Body
        };
        tasks.push(tokio::spawn(slow(
            server.port,
            how,
            Arc::clone(&seen),
            Arc::clone(&stop),
        )));
    }
    let all_there = timeout(PATIENCE, async {
        while seen.open.load(Ordering::SeqCst) < clients / 2 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    all_there.await.unwrap();

    let client = server.client();
    let asking = tokio::task::spawn_blocking(move || {
        let (begin, mut number, mut longest) = (Instant::now(), 0, Duration::ZERO);
        while begin.elapsed() < ATTACK {
            number += 1;
            longest = longest.max(ask(&client, number));
        }
        (number, longest)
    });
    let (asked, longest) = asking.await.unwrap();
    let during = memory(&server);
    stop.store(true, Ordering::SeqCst);
    // Who is not connected yet has nothing that the server could end.
    let all_ended = timeout(PATIENCE, async {
        while seen.open.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let left = all_ended
        .await
        .map_err(|_| seen.open.load(Ordering::SeqCst));
    assert_eq!(left, Ok(()), "slow clients are not ended");
    for task in tasks {
        task.abort();
    }

    let most = seen.most.load(Ordering::SeqCst);
    let (late, ended) = (
        seen.late.load(Ordering::SeqCst),
        seen.ended.load(Ordering::SeqCst),
    );
    say(format_args!(
        "{most} slow connections at once, {ended} ended, {late} of them with 408; {asked} pairs of \
         requests meanwhile, the longest took {longest:?}; memory {before} MiB before, {during} MiB \
         then"
    ));
    assert!(late >= clients / 2, "{late} of {ended}");
    assert!(
        asked >= 5 && longest < Duration::from_secs(10),
        "{asked} {longest:?}"
    );
    let allowed = 64 + u64::try_from(clients).unwrap() * 48 / 1024;
    assert!(
        during < before + allowed,
        "{before} MiB before, {during} MiB then"
    );
    let all_closed = timeout(PATIENCE, async {
        while open_files(&server) > files + 8 {
            sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(all_closed.await.is_ok(), "connections stay open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_clients_stop_nobody() {
    attacked_by(2_000).await;
}

/// `cargo test -p scm-server --test it -- --ignored ten_thousand --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and 10,000 files"]
async fn ten_thousand_slow_clients_stop_nobody() {
    attacked_by(10_000).await;
}

/// A connection with one answer behind it and a head that never comes to its end, which the HTTP layer
/// gives no limit. True if the server let it stay open.
async fn sits(port: u16) -> (TcpStream, bool) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let whole = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(whole).await.unwrap();
    let mut answer = String::new();
    let mut chunk = [0; 512];
    while !answer.ends_with('}') {
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    let stays = !answer.to_ascii_lowercase().contains("connection: close");
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nX-Slow: ")
        .await
        .ok();
    (stream, stays)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sits_on_connections_gets_half_of_them() {
    let place = Place::new();
    place.write("scm.toml", "workers = 1\n[limits]\nconnections = 40\n");
    let server = place.start();
    let (mut held, mut stay) = (Vec::new(), 0);
    for _ in 0..80 {
        let (stream, stays) = sits(server.port).await;
        stay += usize::from(stays);
        held.push(stream);
    }
    assert!((10..=20).contains(&stay), "{stay}");
    let client = server.client();
    let asked = tokio::task::spawn_blocking(move || {
        for number in 0..30 {
            ask(&client, number);
        }
    });
    asked.await.unwrap();
    drop(held);
}
