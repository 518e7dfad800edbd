//! Checks many connections that are all due, and shows what that takes.
//!
//! `cargo run -p scm-service --example sweep -- [connections] [seconds]` fills a SQLite file with
//! connections to a scripted GitHub that allows each of ten credentials so many calls in ten seconds
//! and says so in its headers, works in the background for so long, and prints what was done, what
//! the host counted and the memory, once in ten seconds. The host runs in this process too.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on ends, and shows what it found"
)]

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use scm_service::{
    Cipher, ConnectOptions, DatabaseConnection, JobSettings, KeyId, KeyRing, ProviderHost,
    Services, TransportSettings, connect,
};
use scm_store::SecretPlace;
use scm_testkit::db::{Backend, TestDb};
use scm_types::{Clock, HostKind, SystemClock, WebHost};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::{Instant, interval},
};

/// Calls of one credential in one window.
const LIMIT: u32 = 400;
const WINDOW_SECONDS: i64 = 10;
const CREDENTIALS: usize = 10;

/// What the host knows of its callers.
#[derive(Default)]
struct Counted {
    /// By credential: the window, and the calls in it.
    windows: HashMap<String, (i64, u32)>,
    calls: u64,
    /// Calls that were over the limit.
    refused: u64,
    /// The most calls that a credential made in a window.
    most: u32,
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: u64| {
        let given = arguments.next();
        given.map_or(otherwise, |given| given.parse().unwrap())
    };
    let (connections, seconds) = (number(100_000), number(300));

    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let pool = connect(&db.url, &ConnectOptions::default()).await.unwrap();
    let cipher = Arc::new(Cipher::new(KeyRing::generate(KeyId::random()).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let counted = Arc::new(Mutex::new(Counted::default()));
    tokio::spawn(serve(listener, Arc::clone(&counted), base.clone()));
    fill(&pool, &cipher, &base, connections).await;
    println!("{connections} connections are due; {} MiB", memory());

    let web = WebHost::parse(HostKind::Github, &base).unwrap();
    let services = Services::builder(pool.clone(), cipher)
        .hosts(vec![ProviderHost {
            allow_private_addresses: true,
            ..ProviderHost::default_for(web)
        }])
        .transport(TransportSettings::default())
        .build()
        .unwrap();
    let begun = Instant::now();
    let settings = JobSettings {
        concurrency: 16,
        ..JobSettings::default()
    };
    let stop = tokio::time::sleep(Duration::from_secs(seconds));
    let sweeping = tokio::spawn(async move { services.run_jobs(settings, stop).await });
    let mut ticks = interval(Duration::from_secs(10));
    loop {
        ticks.tick().await;
        report(&pool, &counted, begun).await;
        if sweeping.is_finished() {
            break;
        }
    }
}

async fn report(pool: &DatabaseConnection, counted: &Mutex<Counted>, begun: Instant) {
    let valid = count(
        pool,
        "SELECT COUNT(*) AS n FROM tenant_scm_integrations WHERE \"verificationStatus\" = 'VALID'",
    );
    let valid = valid.await;
    let queued = count(pool, "SELECT COUNT(*) AS n FROM scm_jobs").await;
    let held_off = "SELECT COUNT(*) AS n FROM scm_jobs WHERE \"attempts\" > 0";
    let held_off = count(pool, held_off).await;
    let counted = counted.lock().unwrap();
    println!(
        "{:>4} s: checked {valid}, queued {queued}, held off {held_off}, calls {}, at the most {} of \
         {LIMIT} in a window, refused {}, {} MiB",
        begun.elapsed().as_secs(),
        counted.calls,
        counted.most,
        counted.refused,
        memory()
    );
}

async fn count(pool: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(pool.get_database_backend(), sql);
    let row = pool.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

/// Resident memory in MiB, where the system tells.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().nth(1));
    size.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

/// Connections of a thousand tenants, with the credentials in turn.
async fn fill(pool: &DatabaseConnection, cipher: &Cipher, base: &str, connections: u64) {
    for first in (0..connections).step_by(500) {
        let mut sql = "INSERT INTO tenant_scm_integrations (\"id\", \"tenantId\", \"scmType\", \
                       \"displayName\", \"repositoryUrl\", \"createdByAccountId\", \"createdAt\", \
                       \"updatedAt\", \"accessToken\") VALUES "
            .to_owned();
        for row in first..(first + 500).min(connections) {
            let (id, tenant) = (format!("i{row}"), format!("t{}", row % 1_000));
            let place = SecretPlace {
                table: "tenant_scm_integrations",
                column: "accessToken",
                row: &id,
                tenant: &tenant,
            };
            let token = format!("ghp_{:036}", row % CREDENTIALS as u64);
            let sealed = cipher.seal(&place, &token).unwrap();
            let comma = if row == first { "" } else { "," };
            let at = "2026-01-01T00:00:00+00:00";
            write!(
                sql,
                "{comma} ('{id}', '{tenant}', 'GITHUB', 'n', '{base}/octo/r{row}', 'a', '{at}', \
                 '{at}', '{sealed}')"
            )
            .unwrap();
        }
        pool.execute_unprepared(&sql).await.unwrap();
    }
}

async fn serve(listener: TcpListener, counted: Arc<Mutex<Counted>>, base: String) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (counted, base) = (Arc::clone(&counted), base.clone());
        tokio::spawn(async move { talk(stream, &counted, &base).await });
    }
}

/// Answers the requests of one connection, until it ends.
async fn talk(stream: TcpStream, counted: &Mutex<Counted>, base: &str) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let answer = answer(&head, counted, base)?;
        stream.get_mut().write_all(answer.as_bytes()).await.ok()?;
    }
}

fn answer(head: &str, counted: &Mutex<Counted>, base: &str) -> Option<String> {
    let path = head.split(' ').nth(1)?;
    let path = path.split('?').next()?;
    let token = head
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("authorization:"))?;
    let now = SystemClock.now().as_millis() / 1_000;
    let window = now / WINDOW_SECONDS;
    let mut counted = counted.lock().ok()?;
    let known = counted.windows.entry(token.to_owned()).or_default();
    if known.0 != window {
        *known = (window, 0);
    }
    known.1 += 1;
    let calls = known.1;
    counted.calls += 1;
    counted.most = counted.most.max(calls);
    counted.refused += u64::from(calls > LIMIT);
    let (status, body) = if calls > LIMIT {
        let message = json!({"message": "API rate limit exceeded"});
        ("403 Forbidden", message)
    } else {
        ("200 OK", body(path, base))
    };
    let body = body.to_string();
    Some(format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\n\
         content-length: {}\r\nx-oauth-scopes: repo, admin:repo_hook\r\nx-ratelimit-limit: {LIMIT}\r\n\
         x-ratelimit-remaining: {}\r\nx-ratelimit-reset: {}\r\nx-ratelimit-resource: core\r\n\r\n{body}",
        body.len(),
        LIMIT.saturating_sub(calls),
        (window + 1) * WINDOW_SECONDS,
    ))
}

/// What a GitHub says to an administrator of every repository.
fn body(path: &str, base: &str) -> serde_json::Value {
    if path.ends_with("/user") {
        return json!({"login": "dev", "id": 7, "type": "User", "name": "Dev"});
    }
    if path.ends_with("/hooks") {
        return json!([]);
    }
    if path.ends_with("/branches") {
        let commit = json!({"sha": "7b5c3cc8be40ee161ae89a06bba6229da1032a0c"});
        return json!([{"name": "main", "commit": commit, "protected": false}]);
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    json!({
        "id": digits.parse::<u64>().unwrap_or(1) + 1,
        "node_id": "R_1",
        "name": name,
        "full_name": format!("octo/{name}"),
        "private": true,
        "html_url": format!("{base}/octo/{name}"),
        "default_branch": "main",
        "archived": false,
        "disabled": false,
        "owner": {"login": "octo", "id": 8, "type": "Organization"},
        "permissions": {"admin": true, "maintain": true, "push": true, "triage": true, "pull": true},
    })
}
