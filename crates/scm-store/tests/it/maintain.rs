//! Upkeep of the whole table.

use scm_store::{FilledKeys, KeyId, Resealed, StoreError};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{RefreshToken, ScmIntegrationFilters, WebHosts};

use crate::given::{Given, KEYS, new, scope};

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
        let result = given.store.create(&scope("t1"), new("t1", "git@github.com:ACME/SHOP")).await;
        assert!(matches!(result, Err(StoreError::Conflict)), "{result:?}");
    }

    async fn secrets_move_to_the_current_key(db: TestDb) {
        let given = Given::on(db).await;
        let mut rows = Vec::new();
        for number in 0..205 {
            let tenant = format!("t{}", number % 3);
            rows.push(given.created(&tenant, &format!("https://github.com/a/r{number}")).await);
        }
        let broken = format!(
            "UPDATE `tenant_scm_integrations` SET `refreshToken` = 'plain' WHERE `id` = '{}'",
            rows[0].id
        );
        given.execute(&broken).await;
        let id = |raw| KeyId::parse(raw).unwrap();
        let rotated = KEYS.replace('*', " ") + "* k_2 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";
        let store = given.with_keys(&rotated);
        assert_eq!(store.secrets_sealed_with(&id("k1")).await.unwrap(), 409);
        assert_eq!(store.reseal().await.unwrap(), Resealed { resealed: 409, unreadable: 1 });
        assert_eq!(store.reseal().await.unwrap(), Resealed { resealed: 0, unreadable: 1 });
        assert_eq!(store.secrets_sealed_with(&id("k1")).await.unwrap(), 0);
        assert_eq!(store.secrets_sealed_with(&id("k_2")).await.unwrap(), 409);
        assert_eq!(store.secrets_sealed_with(&id("kx2")).await.unwrap(), 0);
        // What the row says is what it said, and the old key is not needed any more.
        assert_eq!(given.found(&rows[1]).await, rows[1]);
        let store = given.with_keys("k_2 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM");
        let opened = store.find_with_secrets(&scope("t1"), &rows[1].id).await.unwrap().unwrap();
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_first");
        assert_eq!(opened.refresh_token.as_ref().map(RefreshToken::expose), Some("ghr_first"));
    }
}
