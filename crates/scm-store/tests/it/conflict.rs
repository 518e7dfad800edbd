//! Many at once: the database decides.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use scm_store::{ConnectOptions, ScmIntegrationController, StoreError, connect, ping};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    BranchName, DisplayName, Patch, Purpose, SafeScmIntegration, ScmIntegrationFilters, Timestamp,
    UpdateScmIntegrationDto,
};

use crate::given::{Given, KEYS, by, cipher, new, scope, token};

/// 32 times the same, at once; how many won, and that all others met a conflict.
async fn created_by_32(given: &Given, url: &str) -> Vec<SafeScmIntegration> {
    let tasks = (0..32).map(|_| {
        let (store, new) = (given.store.clone(), new("t1", url));
        tokio::spawn(async move { store.create(&by(&scope("t1")), new).await })
    });
    let mut won = Vec::new();
    for result in join_all(tasks.collect::<Vec<_>>()).await {
        match result.unwrap() {
            Ok(row) => won.push(row),
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    won
}

on_every_database! {
    async fn of_32_identical_creates_one_wins(db: TestDb) {
        let given = Given::on(db).await;
        let won = created_by_32(&given, "https://github.com/a/b").await;
        assert_eq!(won.len(), 1);
        assert_eq!(given.found(&won[0]).await, won[0]);
    }

    async fn of_32_returns_of_a_deleted_row_one_wins(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap();
        let won = created_by_32(&given, "https://github.com/a/b").await;
        assert_eq!(won.len(), 1);
        assert_eq!(won[0].id, row.id);
        let opened = given.store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!((opened.credential_version, opened.integration.version.number), (3, 3));
    }

    async fn parallel_changes_of_different_fields_survive(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        for round in 0..10 {
            let name = DisplayName::parse(&format!("name {round}")).unwrap();
            let branch = BranchName::parse(&format!("branch-{round}")).unwrap();
            let at = Timestamp::from_millis(1_900_000_000_000 + round).unwrap();
            let changes = [
                UpdateScmIntegrationDto {
                    display_name: Patch::Value(name.clone()),
                    ..UpdateScmIntegrationDto::default()
                },
                UpdateScmIntegrationDto {
                    default_branch: Patch::Value(branch.clone()),
                    ..UpdateScmIntegrationDto::default()
                },
                UpdateScmIntegrationDto {
                    token_expires_at: Patch::Value(at),
                    ..UpdateScmIntegrationDto::default()
                },
            ];
            let all = changes.map(|changes| {
                let (store, id) = (given.store.clone(), row.id.clone());
                tokio::spawn(async move { store.update(&by(&scope("t1")), &id, &changes, None).await })
            });
            for result in join_all(all).await {
                result.unwrap().unwrap().unwrap();
            }
            let after = given.found(&row).await;
            assert_eq!(after.display_name, name.as_str());
            assert_eq!(after.default_branch, branch.as_str());
            assert_eq!(after.token_expires_at, Some(at));
            assert_eq!(after.version.number, 1 + 3 * (round + 1));
        }
    }

    async fn of_many_with_the_same_expectation_one_wins(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let tasks = (0..16).map(|number| {
            let (store, row) = (given.store.clone(), row.clone());
            tokio::spawn(async move {
                let changes = UpdateScmIntegrationDto {
                    display_name: Patch::Value(DisplayName::parse(&format!("{number}")).unwrap()),
                    ..UpdateScmIntegrationDto::default()
                };
                store.update(&by(&scope("t1")), &row.id, &changes, Some(&row.version)).await
            })
        });
        let mut won = 0;
        for result in join_all(tasks.collect::<Vec<_>>()).await {
            match result.unwrap() {
                Ok(Some(_)) => won += 1,
                Err(StoreError::VersionMismatch) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(won, 1);
    }

    async fn without_an_expectation_no_version_is_missed(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let (store, id) = (given.store.clone(), row.id.clone());
        // The credential goes and comes while others switch the row on.
        let other = tokio::spawn(async move {
            for round in 0..200 {
                let changes = UpdateScmIntegrationDto {
                    access_token: if round % 2 == 0 {
                        Patch::Null
                    } else {
                        Patch::Value(token("ghp_again"))
                    },
                    ..UpdateScmIntegrationDto::default()
                };
                store.update(&by(&scope("t1")), &id, &changes, None).await.unwrap().unwrap();
            }
        });
        let on = UpdateScmIntegrationDto {
            is_active: Patch::Value(true),
            ..UpdateScmIntegrationDto::default()
        };
        while !other.is_finished() {
            match given.store.update(&by(&scope("t1")), &row.id, &on, None).await {
                Ok(Some(_)) | Err(StoreError::NoCredential) => {}
                result => panic!("{result:?}"),
            }
        }
        other.await.unwrap();
    }

    async fn writers_of_two_pools_do_not_lock_each_other_out(db: TestDb) {
        let given = Given::on(db).await;
        let options = ConnectOptions::default();
        let second = connect(&given.db.url, &options).await.unwrap();
        let other = ScmIntegrationController::new(second, cipher(KEYS), given.clock.clone());
        let started = tokio::time::Instant::now();
        let writers = (0..32).map(|writer| {
            let store = if writer % 2 == 0 { given.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                for number in 0..10 {
                    let url = format!("https://github.com/w{writer}/r{number}");
                    let row = store.create(&by(&scope("t1")), new("t1", &url)).await?;
                    store.find_by_id(&scope("t1"), &row.id).await?;
                    store.soft_delete(&by(&scope("t1")), &row.id, None).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        for writer in join_all(writers.collect::<Vec<_>>()).await {
            writer.unwrap().unwrap();
        }
        let deleted = ScmIntegrationFilters {
            is_active: Some(false),
            ..ScmIntegrationFilters::default()
        };
        assert_eq!(given.ids(&scope("t1"), &deleted).await.len(), 320);
        assert!(started.elapsed() < Duration::from_mins(5));
    }
}

#[tokio::test]
async fn memory_serves_one_process() {
    let pool = connect("sqlite::memory:", &ConnectOptions::default())
        .await
        .unwrap();
    scm_migrations::up_on(&pool, None).await.unwrap();
    let store = ScmIntegrationController::new(
        pool,
        cipher(KEYS),
        Arc::new(scm_types::FixedClock::at(
            Timestamp::from_millis(0).unwrap(),
        )),
    );
    let row = store
        .create(&by(&scope("t1")), new("t1", "https://github.com/a/b"))
        .await
        .unwrap();
    let own = scope("t1");
    let tasks = (0..16).map(|_| store.find_by_id(&own, &row.id));
    for found in join_all(tasks.collect::<Vec<_>>()).await {
        assert_eq!(found.unwrap().as_ref(), Some(&row));
    }
}

/// Each sets the journal mode of a file that none of them has made yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_file_at_once() {
    for _ in 0..5 {
        let db = TestDb::empty(Backend::Sqlite).await.unwrap();
        let opened = (0..12).map(|_| {
            let url = db.url.clone();
            tokio::spawn(async move {
                let pool = connect(&url, &ConnectOptions::default()).await?;
                ping(&pool).await
            })
        });
        for result in join_all(opened.collect::<Vec<_>>()).await {
            result.unwrap().unwrap();
        }
    }
}
