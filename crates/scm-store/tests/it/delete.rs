//! Deleting, and coming back.

use scm_store::StoreError;
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    AccountId, DisplayName, IntegrationId, Purpose, RowVersion, ScmIntegrationFilters,
    VerificationStatus,
};

use crate::given::{Given, by, new, repository, scope, tenant, token};

on_every_database! {
    async fn a_soft_delete_erases_the_secrets(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given
            .execute(
                "UPDATE `tenant_scm_integrations` SET `webhookSecret` = 'x', `webhookId` = 'h1', \
                 `tokenExpiresAt` = `createdAt`",
            )
            .await;
        given.tick();
        assert!(given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap());
        for column in ["accessToken", "refreshToken", "webhookSecret", "tokenExpiresAt"] {
            let sql = format!("SELECT COUNT(`{column}`) FROM `tenant_scm_integrations`");
            let count: i64 = given.rows(&sql).await[0].try_get_by_index(0).unwrap();
            assert_eq!(count, 0, "{column}");
        }
        let deleted = given.found(&row).await;
        assert!(!deleted.is_active && !deleted.has_valid_token);
        assert_eq!(deleted.webhook_id.as_deref(), Some("h1"));
        assert_eq!(deleted.version.number, 2);
        assert!(deleted.updated_at > row.updated_at);

        // Again is the same as once, for who knows what state it is in or does not ask.
        given.tick();
        for expected in [None, Some(&deleted.version)] {
            assert!(given.store.soft_delete(&by(&scope("t1")), &row.id, expected).await.unwrap());
        }
        let stale = given.store.soft_delete(&by(&scope("t1")), &row.id, Some(&row.version)).await;
        assert!(matches!(stale, Err(StoreError::VersionMismatch)), "{stale:?}");
        assert_eq!(given.found(&row).await, deleted);
        let url = repository("https://github.com/a/b");
        let found = given.store.find_by_repository(&scope("t1"), &tenant("t1"), &url).await;
        assert!(found.unwrap().is_none());
    }

    async fn a_hard_delete_leaves_nothing(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        assert!(given.store.hard_delete(&by(&scope("t1")), &row.id, None).await.unwrap());
        assert!(!given.store.hard_delete(&by(&scope("t1")), &row.id, None).await.unwrap());
        assert!(!given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap());
        assert!(!given.store.exists(&scope("t1"), &row.id).await.unwrap());
        given.created("t1", "https://github.com/a/b").await;
    }

    async fn the_expected_state_decides(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let stale = RowVersion { number: 7, ..row.version };
        let soft = given.store.soft_delete(&by(&scope("t1")), &row.id, Some(&stale)).await;
        assert!(matches!(soft, Err(StoreError::VersionMismatch)), "{soft:?}");
        let hard = given.store.hard_delete(&by(&scope("t1")), &row.id, Some(&stale)).await;
        assert!(matches!(hard, Err(StoreError::VersionMismatch)), "{hard:?}");
        assert_eq!(given.found(&row).await, row);
        assert!(given.store.hard_delete(&by(&scope("t1")), &row.id, Some(&row.version)).await.unwrap());
        let nobody = IntegrationId::parse("nobody").unwrap();
        assert!(!given.store.hard_delete(&by(&scope("t1")), &nobody, Some(&stale)).await.unwrap());
        assert!(!given.store.soft_delete(&by(&scope("t1")), &nobody, Some(&stale)).await.unwrap());
    }

    async fn creating_again_brings_a_deleted_row_back(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/Acme/Shop").await;
        given
            .execute(
                "UPDATE `tenant_scm_integrations` SET `webhookId` = 'h1', `webhookUrl` = 'u', \
                 `providerRepositoryId` = 'r1', `verificationStatus` = 'INVALID', \
                 `verificationError` = 'refused', `lastVerifiedAt` = `createdAt`",
            )
            .await;
        given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap();
        given.tick();

        let mut wanted = new("t1", "https://github.com/acme/shop");
        wanted.display_name = DisplayName::parse("Second").unwrap();
        wanted.access_token = Some(token("ghp_second"));
        wanted.refresh_token = None;
        wanted.created_by_account_id = AccountId::parse("acc_2").unwrap();
        let back = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
        assert_eq!((&back.id, back.created_at), (&row.id, row.created_at));
        assert_eq!(back.display_name, "Second");
        assert_eq!(back.repository_url, "https://github.com/acme/shop");
        assert_eq!(back.created_by_account_id.as_str(), "acc_2");
        assert_eq!(back.verification_status, VerificationStatus::Pending);
        assert!(back.is_active && back.has_valid_token && back.updated_at > row.updated_at);
        assert_eq!((&back.webhook_id, &back.webhook_url), (&None, &None));
        assert_eq!((&back.verification_error, back.last_verified_at), (&None, None));
        assert_eq!(back.version.number, 3);

        let opened = given.store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_second");
        assert!(opened.refresh_token.is_none() && opened.provider_repository_id.is_none());
        assert_eq!(opened.credential_version, 3);
        assert_eq!(given.ids(&scope("t1"), &ScmIntegrationFilters::default()).await, [row.id]);
    }

    async fn a_paused_row_does_not_come_back_by_creating(db: TestDb) {
        let given = Given::on(db).await;
        given.created("t1", "https://github.com/a/b").await;
        given.execute("UPDATE `tenant_scm_integrations` SET `isActive` = FALSE").await;
        let again = given.store.create(&by(&scope("t1")), new("t1", "https://github.com/a/b")).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    }
}
