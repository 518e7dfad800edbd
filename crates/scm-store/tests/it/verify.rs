//! Results of checks.

use scm_store::{StoreError, VerificationOutcome};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    IntegrationId, Patch, Purpose, Timestamp, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::given::{Given, by, scope, token};

fn outcome(status: VerificationStatus) -> VerificationOutcome {
    VerificationOutcome {
        status,
        error: None,
        credential_version: 1,
        token_expires_at: Patch::Absent,
        provider_repository_id: None,
        operations: None,
    }
}

on_every_database! {
    async fn an_expiry_known_to_be_wrong_is_cleared(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let at = Timestamp::parse("2028-01-01T00:00:00.000Z").unwrap();
        for (told, stored) in [
            (Patch::Value(at), Some(at)),
            (Patch::Absent, Some(at)),
            (Patch::Null, None),
        ] {
            let outcome = VerificationOutcome {
                token_expires_at: told,
                ..outcome(VerificationStatus::Valid)
            };
            given
                .store
                .update_verification_status(&by(&scope("t1")), &row.id, &outcome)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(given.found(&row).await.token_expires_at, stored);
        }
    }

    async fn a_result_is_stored(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given.tick();
        let at = Timestamp::parse("2028-01-01T00:00:00.000Z").unwrap();
        let good = VerificationOutcome {
            token_expires_at: Patch::Value(at),
            provider_repository_id: Some("R_1".to_owned()),
            ..outcome(VerificationStatus::Valid)
        };
        let store = &given.store;
        let after = store
            .update_verification_status(&by(&scope("t1")), &row.id, &good)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(after.verification_status, VerificationStatus::Valid);
        assert_eq!(after.last_verified_at, Some(after.updated_at));
        assert_eq!((after.token_expires_at, after.version.number), (Some(at), 2));

        let bad = VerificationOutcome {
            error: Some("the host refused the token 🚫".repeat(4_000)),
            ..outcome(VerificationStatus::Invalid)
        };
        let after = store
            .update_verification_status(&by(&scope("t1")), &row.id, &bad)
            .await
            .unwrap()
            .unwrap();
        let error = after.verification_error.unwrap();
        assert!(error.starts_with("the host refused") && error.len() > 65_000);
        assert_eq!((after.token_expires_at, after.has_valid_token), (Some(at), false));
        let opened = store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.provider_repository_id.as_deref(), Some("R_1"));
        assert_eq!(opened.credential_version, 1);

        let after = store
            .update_verification_status(&by(&scope("t1")), &row.id, &outcome(VerificationStatus::Valid))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(after.verification_error, None);
    }

    async fn a_result_for_an_older_credential_is_refused(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let changes = UpdateScmIntegrationDto {
            access_token: Patch::Value(token("ghp_second")),
            ..UpdateScmIntegrationDto::default()
        };
        let changed =
            given.store.update(&by(&scope("t1")), &row.id, &changes, None).await.unwrap().unwrap();
        let late = outcome(VerificationStatus::Invalid);
        let result = given.store.update_verification_status(&by(&scope("t1")), &row.id, &late).await;
        assert!(matches!(result, Err(StoreError::CredentialChanged)), "{result:?}");
        assert_eq!(given.found(&row).await, changed);

        given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap();
        let late = VerificationOutcome { credential_version: 3, ..late };
        let result = given.store.update_verification_status(&by(&scope("t1")), &row.id, &late).await;
        assert!(matches!(result, Err(StoreError::CredentialChanged)), "{result:?}");

        let nobody = IntegrationId::parse("nobody").unwrap();
        let result = given.store.update_verification_status(&by(&scope("t1")), &nobody, &late).await;
        assert!(result.unwrap().is_none());
    }
}
