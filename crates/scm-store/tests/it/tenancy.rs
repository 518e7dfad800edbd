//! A foreign tenant's row is a row that does not exist, in every call.

use scm_store::{StoreError, VerificationOutcome};
use scm_testkit::{
    db::{Backend, TestDb},
    on_every_database,
};
use scm_types::{
    IntegrationId, Patch, Purpose, ScmIntegrationFilters, TenantScope, UpdateScmIntegrationDto,
    VerificationStatus,
};

use crate::given::{Given, by, new, repository, scope, tenant, token};

async fn a_foreign_row_does_not_exist_in(given: &Given) {
    let row = given.created("t1", "https://github.com/a/b").await;
    let store = &given.store;
    // The case of the letters is part of an id.
    for foreign in [scope("t2"), scope("T1")] {
        assert!(store.find_by_id(&foreign, &row.id).await.unwrap().is_none());
        assert!(
            store
                .find_with_secrets(&by(&foreign), &row.id, Purpose::Read)
                .await
                .unwrap()
                .is_none()
        );
        assert!(!store.exists(&foreign, &row.id).await.unwrap());
        assert_eq!(store.count(&foreign).await.unwrap(), 0);
        let filters = [None, Some(tenant("t1"))].map(|tenant_id| ScmIntegrationFilters {
            tenant_id,
            ..ScmIntegrationFilters::default()
        });
        for filters in filters {
            assert!(given.ids(&foreign, &filters).await.is_empty());
        }
        let url = repository("https://github.com/a/b");
        let found = store
            .find_by_repository(&foreign, &tenant("t1"), &url)
            .await;
        assert!(found.unwrap().is_none());
        for changes in [
            UpdateScmIntegrationDto::default(),
            UpdateScmIntegrationDto {
                is_active: Patch::Value(true),
                access_token: Patch::Value(token("ghp_foreign")),
                ..UpdateScmIntegrationDto::default()
            },
        ] {
            for expected in [None, Some(&row.version)] {
                let result = store
                    .update(&by(&foreign), &row.id, &changes, expected)
                    .await;
                assert!(result.unwrap().is_none());
            }
        }
        let outcome = VerificationOutcome {
            status: VerificationStatus::Invalid,
            error: None,
            credential_version: 1,
            token_expires_at: Patch::Absent,
            provider_repository_id: None,
            operations: None,
        };
        let result = store
            .update_verification_status(&by(&foreign), &row.id, &outcome)
            .await;
        assert!(result.unwrap().is_none());
        for expected in [None, Some(&row.version)] {
            assert!(
                !store
                    .soft_delete(&by(&foreign), &row.id, expected)
                    .await
                    .unwrap()
            );
            assert!(
                !store
                    .hard_delete(&by(&foreign), &row.id, expected)
                    .await
                    .unwrap()
            );
        }
        let result = store
            .create(&by(&foreign), new("t1", "https://github.com/a/c"))
            .await;
        assert!(
            matches!(result, Err(StoreError::OutsideScope)),
            "{result:?}"
        );
    }
    assert_eq!(given.found(&row).await, row);
    let all = given
        .ids(&TenantScope::Platform, &ScmIntegrationFilters::default())
        .await;
    assert_eq!(all, [row.id]);
}

on_every_database! {
    async fn a_foreign_row_does_not_exist(db: TestDb) {
        a_foreign_row_does_not_exist_in(&Given::on(db).await).await;
    }

    async fn two_tenants_may_connect_the_same_repository(db: TestDb) {
        let given = Given::on(db).await;
        let own = given.created("t1", "https://github.com/a/b").await;
        let other = given.created("t2", "https://github.com/a/b").await;
        assert!(given.store.hard_delete(&by(&scope("t2")), &other.id, None).await.unwrap());
        assert_eq!(given.found(&own).await, own);
    }
}

/// The parents' collation is the platform's, and `tenantId` takes it over with the foreign keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_that_ignores_case_lets_no_foreign_tenant_in() {
    for collation in ["latin1_general_ci", "utf8mb4_general_ci"] {
        let Some(db) = TestDb::migrated(Backend::Mysql).await else {
            return;
        };
        let given = Given::on(db).await;
        let set = collation.split('_').next().unwrap();
        for sql in [
            format!(
                "CREATE TABLE `tenants` (`id` CHAR(36) NOT NULL PRIMARY KEY) CHARACTER SET {set} \
                 COLLATE {collation}"
            ),
            format!(
                "CREATE TABLE `accounts` (`id` VARCHAR(255) NOT NULL PRIMARY KEY) CHARACTER SET \
                 {set} COLLATE {collation}"
            ),
            "INSERT INTO `tenants` VALUES ('t1')".to_owned(),
            "INSERT INTO `accounts` VALUES ('acc_1')".to_owned(),
        ] {
            given.execute(&sql).await;
        }
        scm_migrations::foreign_keys::enable(&given.db.url)
            .await
            .unwrap();
        a_foreign_row_does_not_exist_in(&given).await;

        let row = given.created("t1", "https://github.com/a/d").await;
        let url = repository("https://github.com/a/d");
        let of_other = ScmIntegrationFilters {
            tenant_id: Some(tenant("T1")),
            ..ScmIntegrationFilters::default()
        };
        let everyone = TenantScope::Platform;
        assert!(given.ids(&everyone, &of_other).await.is_empty());
        let store = &given.store;
        let found = store
            .find_by_repository(&everyone, &tenant("T1"), &url)
            .await;
        assert!(found.unwrap().is_none());
        // The table's own key does not tell them apart: refused, and nobody's row is touched.
        let taken = store
            .create(&by(&scope("T1")), new("T1", "https://github.com/a/d"))
            .await;
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
        store
            .soft_delete(&by(&scope("t1")), &row.id, None)
            .await
            .unwrap();
        let taken = store
            .create(&by(&everyone), new("T1", "https://github.com/a/d"))
            .await;
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
        // An id of a table that was taken over as it was.
        given
            .execute(&format!(
                "ALTER TABLE `tenant_scm_integrations` MODIFY `id` VARCHAR(255) CHARACTER SET \
                 {set} COLLATE {collation} NOT NULL"
            ))
            .await;
        let respelled: String = row
            .id
            .as_str()
            .chars()
            .map(|letter| match letter {
                'a'..='z' => letter.to_ascii_uppercase(),
                other => other.to_ascii_lowercase(),
            })
            .collect();
        let respelled = IntegrationId::parse(respelled.as_str()).unwrap();
        assert!(store.exists(&scope("t1"), &row.id).await.unwrap());
        assert!(!store.exists(&scope("t1"), &respelled).await.unwrap());
    }
}
