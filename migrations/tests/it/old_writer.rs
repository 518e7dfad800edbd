//! Code that knows the original columns only goes on working, whatever steps have been applied; and
//! steps that died half-way are picked up where they stopped.

use scm_migrations::{down, up};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::{execute, insert_as_before, quoted, schema};

const STEPS: usize = 8;

/// What the original does in a day: create, change, check, soft-delete, read.
async fn work_as_before(db: &DatabaseConnection, id: &str) {
    let url = format!("https://github.com/a/{id}");
    execute(db, &insert_as_before(id, "t1", &url))
        .await
        .unwrap();
    for change in [
        "`displayName` = 'Renamed', `updatedAt` = '2026-01-02 03:04:06'",
        "`accessToken` = 'sealed anew', `tokenExpiresAt` = '2027-01-02 03:04:06'",
        "`verificationStatus` = 'VALID', `lastVerifiedAt` = '2026-01-02 03:04:07', \
         `verificationError` = NULL",
        "`isActive` = FALSE",
    ] {
        let sql = format!("UPDATE `tenant_scm_integrations` SET {change} WHERE `id` = '{id}'");
        assert_eq!(execute(db, &sql).await.unwrap(), 1);
    }
    let again = execute(db, &insert_as_before(&format!("{id}2"), "t1", &url)).await;
    assert!(again.is_err(), "the original unique key");
}

async fn texts(db: &DatabaseConnection, sql: &str) -> Vec<Option<String>> {
    let statement = Statement::from_string(db.get_database_backend(), quoted(db, sql));
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

on_every_database! {
    empty async fn works_before_between_and_after_the_steps(db: TestDb) {
        let plain = db.connect().await;
        for step in 1..=STEPS {
            up(&db.url, Some(1)).await.unwrap();
            work_as_before(&plain, &format!("up{step}")).await;
        }
        let rows = "SELECT `displayName` FROM `tenant_scm_integrations`";
        assert_eq!(texts(&plain, rows).await, vec![Some("Renamed".to_owned()); STEPS]);
        let keys = "SELECT `repositoryKey` FROM `tenant_scm_integrations`";
        assert_eq!(texts(&plain, keys).await, vec![None; STEPS]);
        let versions = "SELECT CAST(`version` + `credentialVersion` AS CHAR(9)) \
                        FROM `tenant_scm_integrations`";
        assert!(texts(&plain, versions).await.iter().all(|sum| {
            sum.as_deref().is_some_and(|sum| sum.trim() == "2")
        }));
        for step in (1..STEPS).rev() {
            down(&db.url, 1).await.unwrap();
            work_as_before(&plain, &format!("down{step}")).await;
        }
    }

    async fn a_step_whose_note_was_lost_runs_again(db: TestDb) {
        let plain = db.connect().await;
        work_as_before(&plain, "a").await;
        let before = schema::of(&plain).await;
        // As after a crash between the last statement and the note that it is done.
        for lost in [
            "",
            "WHERE version >= 'm20261122_000003'",
            "WHERE version >= 'm20261122_000005'",
            "WHERE version >= 'm20261123_000006'",
            "WHERE version >= 'm20261123_000007'",
            "WHERE version >= 'm20261123_000008'",
            "WHERE version >= 'm20261123_000009'",
            "WHERE version >= 'm20261123_000010'",
            "WHERE version >= 'm20261123_000011'",
            "WHERE version >= 'm20261123_000012'",
            "WHERE version >= 'm20261123_000013'",
            "WHERE version >= 'm20261123_000014'",
            "WHERE version >= 'm20261123_000015'",
        ] {
            execute(&plain, &format!("DELETE FROM scm_migrations {lost}")).await.unwrap();
            assert!(!up(&db.url, None).await.unwrap().is_empty());
            assert_eq!(schema::of(&plain).await, before);
        }
    }

    empty async fn a_step_that_died_half_way_is_finished(db: TestDb) {
        if db.backend == Backend::Sqlite {
            // A step is one transaction here and cannot die half-way; an ALTER made by hand would
            // be kept in the catalogue as it was typed.
            return;
        }
        up(&db.url, None).await.unwrap();
        let plain = db.connect().await;
        let whole = schema::of(&plain).await;
        // The steps that come after the fourth.
        let behind = u32::try_from(schema::STEPS - 4).unwrap();
        down(&db.url, behind + 1).await.unwrap();
        // What the fourth step does first.
        let kind = match db.backend {
            Backend::Mysql => "BIGINT NOT NULL DEFAULT 1 COMMENT 'Changes made by the SCM service'",
            _ => "BIGINT NOT NULL DEFAULT 1",
        };
        let add = format!("ALTER TABLE `tenant_scm_integrations` ADD COLUMN `version` {kind}");
        execute(&plain, &add).await.unwrap();
        assert_eq!(up(&db.url, None).await.unwrap().len(), behind as usize + 1);
        assert_eq!(schema::of(&plain).await, whole);

        // And the way down.
        down(&db.url, behind).await.unwrap();
        let drop_index = match db.backend {
            Backend::Mysql => "DROP INDEX `idx_scm_created` ON `tenant_scm_integrations`",
            _ => "DROP INDEX `idx_scm_created`",
        };
        execute(&plain, drop_index).await.unwrap();
        execute(&plain, "ALTER TABLE `tenant_scm_integrations` DROP COLUMN `deletedAt`")
            .await
            .unwrap();
        assert_eq!(down(&db.url, 1).await.unwrap().len(), 1);
        up(&db.url, None).await.unwrap();
        assert_eq!(schema::of(&plain).await, whole);
    }

    async fn a_default_is_what_the_store_writes(db: TestDb) {
        let plain = db.connect().await;
        let insert = "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, \
                      `displayName`, `repositoryUrl`, `createdByAccountId`) VALUES \
                      ('a', 't', 'GITLAB', 'n', 'https://h/a', 'acc')";
        execute(&plain, insert).await.unwrap();
        let row = "SELECT `verificationStatus` FROM `tenant_scm_integrations` WHERE `isActive` \
                   AND `defaultBranch` = 'main' AND `createdAt` IS NOT NULL";
        assert_eq!(texts(&plain, row).await, [Some("PENDING".to_owned())]);
        if db.backend == Backend::Sqlite {
            let at = texts(&plain, "SELECT `createdAt` FROM `tenant_scm_integrations`").await;
            let at = at[0].clone().unwrap();
            assert!(at.ends_with("+00:00") && at.contains('T') && !at.contains(".000"), "{at}");
        }
    }
}
