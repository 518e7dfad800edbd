//! A foreign tenant's row is a row that does not exist, in every call.

use scm_store::{StoreError, VerificationOutcome};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    Patch, ScmIntegrationFilters, TenantScope, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::given::{Given, new, repository, scope, tenant, token};

on_every_database! {
    async fn a_foreign_row_does_not_exist(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let store = &given.store;
        // The case of the letters is part of an id.
        for foreign in [scope("t2"), scope("T1")] {
            assert!(store.find_by_id(&foreign, &row.id).await.unwrap().is_none());
            assert!(store.find_with_secrets(&foreign, &row.id).await.unwrap().is_none());
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
            let found = store.find_by_repository(&foreign, &tenant("t1"), &url).await;
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
                    let result = store.update(&foreign, &row.id, &changes, expected).await;
                    assert!(result.unwrap().is_none());
                }
            }
            let outcome = VerificationOutcome {
                status: VerificationStatus::Invalid,
                error: None,
                credential_version: 1,
                token_expires_at: Patch::Absent,
                provider_repository_id: None,
            };
            let result = store.update_verification_status(&foreign, &row.id, &outcome).await;
            assert!(result.unwrap().is_none());
            for expected in [None, Some(&row.version)] {
                assert!(!store.soft_delete(&foreign, &row.id, expected).await.unwrap());
                assert!(!store.hard_delete(&foreign, &row.id, expected).await.unwrap());
            }
            let result = store.create(&foreign, new("t1", "https://github.com/a/c")).await;
            assert!(matches!(result, Err(StoreError::OutsideScope)), "{result:?}");
        }
        assert_eq!(given.found(&row).await, row);
        let all = given.ids(&TenantScope::Platform, &ScmIntegrationFilters::default()).await;
        assert_eq!(all, [row.id]);
    }

    async fn two_tenants_may_connect_the_same_repository(db: TestDb) {
        let given = Given::on(db).await;
        let own = given.created("t1", "https://github.com/a/b").await;
        let other = given.created("t2", "https://github.com/a/b").await;
        assert!(given.store.hard_delete(&scope("t2"), &other.id, None).await.unwrap());
        assert_eq!(given.found(&own).await, own);
    }
}
