//! The database goes away, freezes or keeps a lock, and comes back: calls end in time and say so,
//! and the pool recovers by itself.

use std::{sync::Arc, time::Duration};

use scm_store::{ConnectOptions, ScmIntegrationController, StoreError, connect, ping};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{DisplayName, Patch, SystemClock, UpdateScmIntegrationDto};
use sea_orm::{ConnectionTrait, TransactionOptions, TransactionTrait};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::given::{Given, KEYS, cipher, new, scope};

/// What the line to the server does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    /// Carries bytes.
    Works,
    /// Open connections break, new ones are refused.
    Cut,
    /// Connections stay open and carry nothing, now and ever; new ones are taken, unanswered.
    Frozen,
}

/// A line to the server that can be interfered with.
struct Proxy {
    url: String,
    line: watch::Sender<Line>,
}

impl Proxy {
    async fn to(db: &TestDb) -> Self {
        let start = db.url.find("://").unwrap() + 3;
        let end = start + db.url[start..].find('/').unwrap();
        let authority = &db.url[start..end];
        let server = authority.rsplit('@').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = listener.local_addr().unwrap().to_string();
        let url = db.url.replacen(&server, &near, 1);
        let (line, state) = watch::channel(Line::Works);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), state.clone()));
            }
        });
        Self { url, line }
    }

    fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn carry(mut client: TcpStream, server: String, mut line: watch::Receiver<Line>) {
    let at_first = *line.borrow_and_update();
    match at_first {
        Line::Cut => return,
        Line::Frozen => sleep(Duration::from_mins(10)).await,
        Line::Works => {}
    }
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        // Looked at first, or a last answer could slip through behind the change.
        biased;
        now = changed(&mut line) => if now == Line::Frozen {
            // The sockets stay open, and nobody reads or writes them.
            sleep(Duration::from_mins(10)).await;
        },
        _ = copy_bidirectional(&mut client, &mut server) => {}
    }
}

async fn changed(line: &mut watch::Receiver<Line>) -> Line {
    line.wait_for(|line| *line != Line::Works)
        .await
        .map_or(Line::Cut, |line| *line)
}

const OPTIONS: ConnectOptions = ConnectOptions {
    max_connections: 2,
    min_connections: 0,
    acquire_timeout: Duration::from_secs(1),
    statement_timeout: Duration::from_secs(1),
    idle_timeout: Duration::from_mins(10),
    max_lifetime: Duration::from_mins(10),
};

async fn store_at(url: &str) -> ScmIntegrationController {
    let pool = connect(url, &OPTIONS).await.unwrap();
    ScmIntegrationController::new(pool, cipher(KEYS), Arc::new(SystemClock))
        .with_time_limit(Duration::from_secs(2))
}

/// Calls until one is answered; panics if none is in time.
async fn recovers(store: &ScmIntegrationController, limit: Duration) {
    let end = Instant::now() + limit;
    loop {
        match store.count(&scope("t1")).await {
            Ok(_) => return,
            Err(error) if Instant::now() < end => assert!(error.is_unavailable(), "{error:?}"),
            Err(error) => panic!("no recovery: {error:?}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn assert_away(store: &ScmIntegrationController) {
    let started = Instant::now();
    let calls = (0..6).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            [
                store.count(&scope("t1")).await.err(),
                store
                    .create(&scope("t1"), new("t1", "https://github.com/a/x"))
                    .await
                    .err(),
            ]
        })
    });
    for call in calls.collect::<Vec<_>>() {
        for error in call.await.unwrap() {
            let error = error.unwrap();
            assert!(error.is_unavailable(), "{error:?}");
        }
    }
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "{:?}",
        started.elapsed()
    );
}

async fn on_a_line(backend: Backend) -> Option<(TestDb, Proxy, ScmIntegrationController)> {
    let db = TestDb::migrated(backend).await?;
    let proxy = Proxy::to(&db).await;
    let store = store_at(&proxy.url).await;
    store
        .create(&scope("t1"), new("t1", "https://github.com/a/b"))
        .await
        .unwrap();
    Some((db, proxy, store))
}

async fn a_cut_line(backend: Backend) {
    let Some((_db, proxy, store)) = on_a_line(backend).await else {
        return;
    };
    proxy.set(Line::Cut);
    assert_away(&store).await;
    proxy.set(Line::Works);
    recovers(&store, Duration::from_secs(5)).await;
}

async fn frozen_sockets(backend: Backend) {
    let Some((_db, proxy, store)) = on_a_line(backend).await else {
        return;
    };
    // Both places of the pool are taken by connections that will never answer again.
    let (one, two) = (scope("t1"), scope("t1"));
    let (a, b) = tokio::join!(store.count(&one), store.count(&two));
    assert!(a.is_ok() && b.is_ok());
    proxy.set(Line::Frozen);
    let (a, b) = tokio::join!(store.count(&one), store.count(&two));
    for error in [a.err().unwrap(), b.err().unwrap()] {
        assert!(error.is_unavailable(), "{error:?}");
    }
    proxy.set(Line::Works);
    recovers(&store, Duration::from_secs(5)).await;
}

async fn a_frozen_server(backend: Backend) {
    let Some((_db, proxy, store)) = on_a_line(backend).await else {
        return;
    };
    proxy.set(Line::Frozen);
    assert_away(&store).await;
    let started = Instant::now();
    let error = connect(&proxy.url, &OPTIONS).await.err().unwrap();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
    proxy.set(Line::Works);
    recovers(&store, Duration::from_secs(8)).await;
}

macro_rules! on_servers {
    ($($name:ident)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mysql() {
                super::$name(Backend::Mysql).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                super::$name(Backend::Postgres).await;
            }
        }
    )+};
}

on_servers! { a_cut_line frozen_sockets a_frozen_server }

on_every_database! {
    async fn a_lock_that_is_kept_ends_the_wait(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let store = store_at(&given.db.url).await;
        let other = given.db.connect().await;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let holder = other.begin_with_options(options).await.unwrap();
        let touch = "UPDATE tenant_scm_integrations SET version = version";
        holder.execute_unprepared(touch).await.unwrap();

        let changes = UpdateScmIntegrationDto {
            display_name: Patch::Value(DisplayName::parse("B").unwrap()),
            ..UpdateScmIntegrationDto::default()
        };
        let started = Instant::now();
        let error = store.update(&scope("t1"), &row.id, &changes, None).await.err().unwrap();
        assert!(error.is_unavailable(), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        // Reading goes on meanwhile.
        assert_eq!(store.find_by_id(&scope("t1"), &row.id).await.unwrap().unwrap(), row);
        holder.rollback().await.unwrap();
        let end = Instant::now() + Duration::from_secs(5);
        while let Err(error) = store.update(&scope("t1"), &row.id, &changes, None).await {
            assert!(error.is_unavailable() && Instant::now() < end, "{error:?}");
        }
    }

    async fn it_answers_a_ping(db: TestDb) {
        let given = Given::on(db).await;
        ping(&given.pool).await.unwrap();
        given.pool.clone().close().await.unwrap();
        let error = ping(&given.pool).await.err().unwrap();
        assert!(error.is_unavailable(), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_at_once_and_why() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing/scm.sqlite");
    for (url, want) in [
        (
            format!("mysql://user:PASSWORD@127.0.0.1:{port}/scm"),
            "refused",
        ),
        (
            format!("postgres://user:PASSWORD@127.0.0.1:{port}/scm"),
            "refused",
        ),
        (
            format!("sqlite://{}?mode=rwc", missing.display()),
            "cannot be opened",
        ),
    ] {
        let answer = timeout(Duration::from_secs(1), connect(&url, &OPTIONS));
        let error = answer.await.unwrap().err().unwrap();
        assert!(error.is_unavailable(), "{error:?}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.to_string().contains(want), "{source}");
        let text = format!("{error} {error:?} {source} {source:?}");
        assert!(
            !text.contains("PASSWORD") && !text.contains("127.0.0.1"),
            "{text}"
        );
    }
    for url in ["", "scm.sqlite", "mongodb://h/d", "mysql://h:port/d"] {
        let error = connect(url, &ConnectOptions::default())
            .await
            .err()
            .unwrap();
        assert!(matches!(error, StoreError::Url), "{url}: {error:?}");
    }
}
