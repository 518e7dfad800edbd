//! Up, down, up.

use scm_migrations::{MigrateError, Status, down, status, up};
use scm_testkit::{db::TestDb, on_every_database};
use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::{execute, insert_as_before, schema::STEPS};

fn applied(status: &Status) -> usize {
    status.steps.iter().filter(|step| step.applied).count()
}

on_every_database! {
    empty async fn up_down_up(db: TestDb) {
        let plain = db.connect().await;
        let fresh = status(&plain).await.unwrap();
        assert_eq!((applied(&fresh), fresh.steps.len()), (0, STEPS));
        assert!(!fresh.is_current());

        for already in 0..STEPS {
            assert_eq!(up(&db.url, Some(1)).await.unwrap().len(), 1);
            assert_eq!(applied(&status(&plain).await.unwrap()), already + 1);
        }
        assert!(status(&plain).await.unwrap().is_current());
        assert!(up(&db.url, None).await.unwrap().is_empty());

        let taken_back = down(&db.url, 99).await.unwrap();
        assert_eq!(taken_back.len(), STEPS);
        assert_eq!(applied(&status(&plain).await.unwrap()), 0);
        assert_eq!(up(&db.url, None).await.unwrap(), taken_back);
        assert!(status(&plain).await.unwrap().is_current());
    }

    empty async fn four_at_once(db: TestDb) {
        let runs = (0..4).map(|_| {
            let url = db.url.clone();
            tokio::spawn(async move { up(&url, None).await.map(|steps| steps.len()) })
        });
        let mut applied = Vec::new();
        for run in runs.collect::<Vec<_>>() {
            applied.push(run.await.unwrap().unwrap());
        }
        applied.sort_unstable();
        assert_eq!(applied, [0, 0, 0, STEPS]);
    }

    async fn a_newer_schema_is_left_alone(db: TestDb) {
        let plain = db.connect().await;
        plain
            .execute_unprepared("INSERT INTO scm_migrations VALUES ('m29990101_000001_later', 0)")
            .await
            .unwrap();
        let state = status(&plain).await.unwrap();
        assert_eq!(state.unknown, ["m29990101_000001_later"]);
        assert!(!state.is_current());
        for result in [up(&db.url, None).await, down(&db.url, 1).await] {
            assert!(matches!(result, Err(MigrateError::NewerSchema { .. })), "{result:?}");
        }
    }

    async fn rows_are_not_dropped(db: TestDb) {
        let plain = db.connect().await;
        execute(&plain, &insert_as_before("a", "t", "https://github.com/a/b")).await.unwrap();
        let result = down(&db.url, 99).await;
        assert!(matches!(result, Err(MigrateError::Failed(_))), "{result:?}");
        execute(&plain, "DELETE FROM `tenant_scm_integrations`").await.unwrap();
        down(&db.url, 99).await.unwrap();
    }
}

#[tokio::test]
async fn other_urls_are_refused() {
    for url in ["", "postgresx://h", "http://127.0.0.1/", "sqlite"] {
        let result = up(url, None).await;
        assert!(
            matches!(result, Err(MigrateError::Url)),
            "{url}: {result:?}"
        );
    }
}
