//! Foreign keys, on either side of a row.

use scm_store::StoreError;
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::AccountId;

use crate::given::{Given, by, new, scope};

on_every_database! {
    async fn an_unknown_parent_is_named(db: TestDb) {
        if db.backend == Backend::Sqlite {
            return;
        }
        let given = Given::on(db).await;
        for sql in [
            "CREATE TABLE `tenants` (`id` VARCHAR(36) NOT NULL PRIMARY KEY)",
            "CREATE TABLE `accounts` (`id` VARCHAR(255) NOT NULL PRIMARY KEY)",
            "INSERT INTO `tenants` VALUES ('t1')",
            "INSERT INTO `accounts` VALUES ('acc_1')",
        ] {
            given.execute(sql).await;
        }
        scm_migrations::foreign_keys::enable(&given.db.url).await.unwrap();
        given.created("t1", "https://github.com/a/b").await;
        let result = given.store.create(&by(&scope("t2")), new("t2", "https://github.com/a/b")).await;
        assert!(
            matches!(result, Err(StoreError::Reference { field: "tenantId" })),
            "{result:?}"
        );
        let mut wanted = new("t1", "https://github.com/a/c");
        wanted.created_by_account_id = AccountId::parse("acc_9").unwrap();
        let result = given.store.create(&by(&scope("t1")), wanted).await;
        assert!(
            matches!(result, Err(StoreError::Reference { field: "createdByAccountId" })),
            "{result:?}"
        );
    }

    async fn a_row_in_use_stays(db: TestDb) {
        let given = Given::on(db).await;
        let used = given.created("t1", "https://github.com/a/b").await;
        let also_used = given.created("t1", "https://github.com/a/c").await;
        let id = match given.db.backend {
            Backend::Mysql => "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            _ => "VARCHAR(255)",
        };
        for (table, rule, row) in [
            ("releases", "ON DELETE RESTRICT", &used),
            ("builds", "", &also_used),
        ] {
            let table_sql = format!(
                "CREATE TABLE `{table}` (`scm` {id}, FOREIGN KEY (`scm`) REFERENCES \
                 `tenant_scm_integrations` (`id`) {rule})"
            );
            given.execute(&table_sql).await;
            given.execute(&format!("INSERT INTO `{table}` VALUES ('{}')", row.id)).await;
            let result = given.store.hard_delete(&by(&scope("t1")), &row.id, None).await;
            assert!(matches!(result, Err(StoreError::Restricted)), "{rule}: {result:?}");
            assert!(given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap());
        }
    }
}
