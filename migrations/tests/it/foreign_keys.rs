//! The optional foreign keys, with parents as a delivr database has them.

use scm_migrations::foreign_keys::{
    ForeignKeyError, ForeignKeys, KeyState, disable, disable_on, enable, enable_on, status,
};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use sea_orm_migration::sea_orm::DatabaseConnection;

use crate::{execute, insert_as_before};

const NO_PARENTS: ForeignKeys = ForeignKeys {
    tenant: KeyState::NoParent,
    created_by: KeyState::NoParent,
};
const FORGOTTEN: ForeignKeys = ForeignKeys {
    tenant: KeyState::Missing,
    created_by: KeyState::Missing,
};
const ENABLED: ForeignKeys = ForeignKeys {
    tenant: KeyState::Enabled,
    created_by: KeyState::Enabled,
};

/// Ways in which the parents' ids are declared.
fn parents(backend: Backend) -> &'static [[&'static str; 2]] {
    match backend {
        Backend::Mysql => &[
            [
                "CHAR(36) CHARACTER SET latin1 COLLATE latin1_bin",
                "VARCHAR(255) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
            ],
            [
                "CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
                "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
            ],
            [
                "VARCHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            ],
        ],
        _ => &[["VARCHAR(36)", "VARCHAR(255)"], ["TEXT", "TEXT"]],
    }
}

async fn make_parents(db: &DatabaseConnection, [tenant, account]: [&str; 2]) {
    for sql in [
        "DROP TABLE IF EXISTS `tenants`".to_owned(),
        "DROP TABLE IF EXISTS `accounts`".to_owned(),
        format!("CREATE TABLE `tenants` (`id` {tenant} NOT NULL PRIMARY KEY)"),
        format!("CREATE TABLE `accounts` (`id` {account} NOT NULL PRIMARY KEY)"),
        "INSERT INTO `tenants` VALUES ('t1'), ('t2')".to_owned(),
        "INSERT INTO `accounts` VALUES ('acc_1'), ('acc_2')".to_owned(),
    ] {
        execute(db, &sql).await.unwrap();
    }
}

async fn count(db: &DatabaseConnection, table: &str) -> u64 {
    // An update of every row to itself counts them, on every backend.
    execute(db, &format!("UPDATE `{table}` SET `id` = `id`"))
        .await
        .unwrap()
}

on_every_database! {
    async fn removal_of_a_parent(db: TestDb) {
        if db.backend == Backend::Sqlite {
            return;
        }
        let plain = db.connect().await;
        assert_eq!(status(&plain).await.unwrap(), NO_PARENTS);
        for types in parents(db.backend) {
            make_parents(&plain, *types).await;
            assert_eq!(status(&plain).await.unwrap(), FORGOTTEN);
            assert!(status(&plain).await.unwrap().are_forgotten());
            execute(&plain, &insert_as_before("a", "t1", "https://h/a")).await.unwrap();
            execute(&plain, &insert_as_before("b", "t2", "https://h/b")).await.unwrap();

            enable(&db.url).await.unwrap();
            assert_eq!(status(&plain).await.unwrap(), ENABLED, "{types:?}");
            enable_on(&plain).await.unwrap();

            let orphan = execute(&plain, &insert_as_before("c", "t9", "https://h/c")).await;
            assert!(orphan.is_err());
            let restricted = execute(&plain, "DELETE FROM `accounts` WHERE `id` = 'acc_1'").await;
            assert!(restricted.is_err());
            execute(&plain, "DELETE FROM `tenants` WHERE `id` = 't1'").await.unwrap();
            assert_eq!(count(&plain, "tenant_scm_integrations").await, 1);
            execute(&plain, "DELETE FROM `accounts` WHERE `id` = 'acc_2'").await.unwrap();

            disable(&db.url).await.unwrap();
            disable_on(&plain).await.unwrap();
            assert_eq!(status(&plain).await.unwrap(), FORGOTTEN);
            execute(&plain, "DELETE FROM `tenant_scm_integrations`").await.unwrap();
        }
    }

    async fn what_stands_in_the_way_is_told(db: TestDb) {
        if db.backend == Backend::Sqlite {
            return;
        }
        let plain = db.connect().await;
        let result = enable(&db.url).await;
        assert!(
            matches!(result, Err(ForeignKeyError::NoParent { table: "tenants" })),
            "{result:?}"
        );
        make_parents(&plain, parents(db.backend)[0]).await;
        execute(&plain, "DROP TABLE `accounts`").await.unwrap();
        let result = enable(&db.url).await;
        assert!(
            matches!(result, Err(ForeignKeyError::NoParent { table: "accounts" })),
            "{result:?}"
        );
        make_parents(&plain, parents(db.backend)[0]).await;
        for (id, tenant) in [("a", "t1"), ("b", "t8"), ("c", "t9")] {
            let row = insert_as_before(id, tenant, &format!("https://h/{id}"));
            execute(&plain, &row).await.unwrap();
        }
        let result = enable(&db.url).await;
        assert!(
            matches!(result, Err(ForeignKeyError::Orphans { column: "tenantId", rows: 2, .. })),
            "{result:?}"
        );
        execute(&plain, "DELETE FROM `tenant_scm_integrations` WHERE `id` <> 'a'").await.unwrap();
        execute(&plain, "UPDATE `tenant_scm_integrations` SET `createdByAccountId` = 'x'")
            .await
            .unwrap();
        let result = enable(&db.url).await;
        assert!(
            matches!(
                result,
                Err(ForeignKeyError::Orphans { column: "createdByAccountId", rows: 1, .. })
            ),
            "{result:?}"
        );
        // Nothing was changed so far.
        assert_eq!(status(&plain).await.unwrap(), FORGOTTEN);

        execute(&plain, "DELETE FROM `tenant_scm_integrations`").await.unwrap();
        execute(&plain, "DROP TABLE `tenants`").await.unwrap();
        execute(&plain, "CREATE TABLE `tenants` (`id` INT NOT NULL PRIMARY KEY)").await.unwrap();
        let result = enable(&db.url).await;
        assert!(
            matches!(result, Err(ForeignKeyError::ParentType { table: "tenants", .. })),
            "{result:?}"
        );
    }

    empty async fn without_the_table_it_is_told(db: TestDb) {
        if db.backend == Backend::Sqlite {
            return;
        }
        let plain = db.connect().await;
        let result = enable(&db.url).await;
        assert!(matches!(result, Err(ForeignKeyError::NotMigrated)), "{result:?}");
        disable(&db.url).await.unwrap();
        assert_eq!(status(&plain).await.unwrap(), NO_PARENTS);
    }
}

#[tokio::test]
async fn sqlite_says_that_it_cannot() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let plain = db.connect().await;
    assert_eq!(status(&plain).await.unwrap().tenant, KeyState::Unsupported);
    for result in [enable(&db.url).await, disable(&db.url).await] {
        assert!(
            matches!(result, Err(ForeignKeyError::Unsupported)),
            "{result:?}"
        );
    }
}
