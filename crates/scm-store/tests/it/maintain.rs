//! Upkeep of the whole table.

use scm_store::{FilledKeys, StoreError};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{ScmIntegrationFilters, WebHosts};

use crate::given::{Given, by, new, scope};

async fn old_row(given: &Given, id: &str, kind: &str, url: &str) {
    let sql = format!(
        "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, `displayName`, \
         `repositoryUrl`, `createdByAccountId`) VALUES ('{id}', 't1', '{kind}', 'n', '{url}', 'a')"
    );
    given.execute(&sql).await;
}

on_every_database! {
    async fn old_rows_get_their_key(db: TestDb) {
        let given = Given::on(db).await;
        given.created("t1", "https://github.com/Acme/known").await;
        old_row(&given, "a", "GITHUB", "https://github.com/Acme/Shop.git").await;
        old_row(&given, "b", "GITHUB", "https://github.com/acme/shop").await;
        old_row(&given, "c", "GITLAB", "https://github.com/acme/other").await;
        old_row(&given, "d", "GITHUB", "https://git.nowhere.example/acme/shop").await;
        for number in 0..250 {
            old_row(&given, &format!("e{number}"), "GITLAB", &format!("https://gitlab.com/g/{number}"))
                .await;
        }
        let before = given.ids(&scope("t1"), &ScmIntegrationFilters::default()).await;
        let done = given.store.fill_repository_keys(&WebHosts::public()).await.unwrap();
        assert_eq!(done, FilledKeys { filled: 251, not_understood: 2, duplicates: 1 });
        let again = given.store.fill_repository_keys(&WebHosts::public()).await.unwrap();
        assert_eq!(again, FilledKeys { filled: 0, ..done });
        assert_eq!(given.ids(&scope("t1"), &ScmIntegrationFilters::default()).await, before);
        let result = given.store.create(&by(&scope("t1")), new("t1", "git@github.com:ACME/SHOP")).await;
        assert!(matches!(result, Err(StoreError::Conflict)), "{result:?}");
    }
}
