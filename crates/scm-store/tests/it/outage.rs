//! The database goes away, freezes or keeps a lock, and comes back: calls end in time and say so,
//! and the pool recovers by itself.

use std::{
    future::Future as _,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use scm_store::{ConnectOptions, ScmIntegrationController, StoreError, connect, ping};
use scm_testkit::{
    db::{Backend, TestDb},
    line::{Line, State},
    on_every_database,
};
use scm_types::{DisplayName, Patch, SystemClock, UpdateScmIntegrationDto};
use sea_orm::{ConnectionTrait, Database, TransactionOptions, TransactionTrait};
use tokio::{
    net::TcpListener,
    task::yield_now,
    time::{Instant, sleep, timeout},
};

use crate::given::{Given, KEYS, by, cipher, new, scope};

const OPTIONS: ConnectOptions = ConnectOptions {
    max_connections: 2,
    min_connections: 0,
    acquire_timeout: Duration::from_secs(3),
    statement_timeout: Duration::from_secs(3),
    idle_timeout: Duration::from_mins(10),
    max_lifetime: Duration::from_mins(10),
};

/// Longer than every limit above together, on a busy machine, and shorter than for ever.
const SOON: Duration = Duration::from_secs(40);

async fn store_at(url: &str) -> ScmIntegrationController {
    let pool = connect(url, &OPTIONS).await.unwrap();
    ScmIntegrationController::new(pool, cipher(KEYS), Arc::new(SystemClock))
        .with_time_limit(Duration::from_secs(5))
}

/// Calls until one is answered; panics if none is in time.
async fn recovers(store: &ScmIntegrationController) {
    let end = Instant::now() + SOON;
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
                    .create(&by(&scope("t1")), new("t1", "https://github.com/a/x"))
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
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

async fn on_a_line(backend: Backend) -> Option<(TestDb, Line, ScmIntegrationController)> {
    let db = TestDb::migrated(backend).await?;
    let line = Line::to(&db).await;
    let store = store_at(&line.url).await;
    store
        .create(&by(&scope("t1")), new("t1", "https://github.com/a/b"))
        .await
        .unwrap();
    Some((db, line, store))
}

async fn a_cut_line(backend: Backend) {
    let Some((_db, line, store)) = on_a_line(backend).await else {
        return;
    };
    line.set(State::Cut);
    assert_away(&store).await;
    line.set(State::Works);
    recovers(&store).await;
}

async fn frozen_sockets(backend: Backend) {
    let Some((_db, line, store)) = on_a_line(backend).await else {
        return;
    };
    // Both places of the pool are taken by connections that will never answer again.
    let (one, two) = (scope("t1"), scope("t1"));
    let (a, b) = tokio::join!(store.count(&one), store.count(&two));
    assert!(a.is_ok() && b.is_ok());
    line.set(State::Frozen);
    let (a, b) = tokio::join!(store.count(&one), store.count(&two));
    for error in [a.err().unwrap(), b.err().unwrap()] {
        assert!(error.is_unavailable(), "{error:?}");
    }
    line.set(State::Works);
    recovers(&store).await;
}

async fn a_frozen_server(backend: Backend) {
    let Some((_db, line, store)) = on_a_line(backend).await else {
        return;
    };
    line.set(State::Frozen);
    assert_away(&store).await;
    let started = Instant::now();
    let error = connect(&line.url, &OPTIONS).await.err().unwrap();
    assert!(error.is_unavailable(), "{error:?}");
    assert!(started.elapsed() < SOON);
    line.set(State::Works);
    recovers(&store).await;
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
        let error = store.update(&by(&scope("t1")), &row.id, &changes, None).await.err().unwrap();
        assert!(error.is_unavailable(), "{error:?}");
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
        // Reading goes on meanwhile.
        assert_eq!(store.find_by_id(&scope("t1"), &row.id).await.unwrap().unwrap(), row);
        holder.rollback().await.unwrap();
        let end = Instant::now() + SOON;
        while let Err(error) = store.update(&by(&scope("t1")), &row.id, &changes, None).await {
            assert!(error.is_unavailable() && Instant::now() < end, "{error:?}");
        }
    }

    async fn a_transaction_that_is_given_up_while_it_begins_takes_no_later_write_along(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let one = ConnectOptions { max_connections: 1, ..OPTIONS };
        let pool = connect(&given.db.url, &one).await.unwrap();
        for polls in 0..24 {
            let mut begin = Box::pin(pool.begin());
            for _ in 0..polls {
                let mut context = Context::from_waker(Waker::noop());
                if begin.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                // Given up at each point on the way: most of them are before the server's answer.
                yield_now().await;
            }
            drop(begin);
            let id = &row.id;
            let write = format!("UPDATE tenant_scm_integrations SET version = {polls} WHERE id = '{id}'");
            pool.execute_unprepared(&write).await.unwrap();
            assert_eq!(given.found(&row).await.version.number, polls, "seen by others");
        }
    }

    async fn a_write_that_is_given_up_takes_no_later_one_along_in_a_hosts_own_pool(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        // As sea-orm makes it, without a hook of ours.
        let mut options = sea_orm::ConnectOptions::new(&given.db.url);
        options.max_connections(1).sqlx_logging(false);
        let pool = Database::connect(options).await.unwrap();
        let clock = Arc::new(SystemClock);
        let store = ScmIntegrationController::new(pool.clone(), cipher(KEYS), clock);
        let changes = UpdateScmIntegrationDto {
            display_name: Patch::Value(DisplayName::parse("B").unwrap()),
            ..UpdateScmIntegrationDto::default()
        };
        let actor = by(&scope("t1"));
        // From here on every statement is prepared. Given up while it is, sqlx's MySQL connection
        // never answers again, for which only our own pools have a cure.
        store.update(&actor, &row.id, &changes, None).await.unwrap().unwrap();
        for polls in 0..60 {
            let mut write = Box::pin(store.update(&actor, &row.id, &changes, None));
            for _ in 0..polls {
                let mut context = Context::from_waker(Waker::noop());
                if write.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                yield_now().await;
            }
            drop(write);
            let name = format!("n{polls}");
            let id = &row.id;
            let note = given.quoted(&format!(
                "UPDATE `tenant_scm_integrations` SET `displayName` = '{name}' WHERE `id` = '{id}'"
            ));
            pool.execute_unprepared(&note).await.unwrap();
            let seen = given.found(&row).await.display_name;
            assert_eq!(seen, name, "seen by others");
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
        let answer = timeout(SOON, connect(&url, &OPTIONS));
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
