//! Changing: absent, null and a value, and in which states of a row.

use scm_store::StoreError;
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    BranchName, DisplayName, Patch, Purpose, RefreshToken, RowVersion, SafeScmIntegration,
    TenantScope, Timestamp, UpdateScmIntegrationDto, VerificationStatus,
};

use crate::given::{Given, by, new, scope, token};

type Changes = UpdateScmIntegrationDto;

fn name(raw: &str) -> Patch<DisplayName> {
    Patch::Value(DisplayName::parse(raw).unwrap())
}

fn time(raw: &str) -> Timestamp {
    Timestamp::parse(raw).unwrap()
}

async fn update(
    given: &Given,
    row: &SafeScmIntegration,
    changes: Changes,
) -> Result<Option<SafeScmIntegration>, StoreError> {
    let scope = TenantScope::Tenant(row.tenant_id.clone());
    given
        .store
        .update(&by(&scope), &row.id, &changes, None)
        .await
}

/// A row whose last check was bad, with an expiry.
async fn checked(given: &Given) -> SafeScmIntegration {
    let mut wanted = new("t1", "https://github.com/a/b");
    wanted.token_expires_at = Some(time("2028-01-01T00:00:00.000Z"));
    let row = given.store.create(&by(&scope("t1")), wanted).await.unwrap();
    given
        .execute(
            "UPDATE `tenant_scm_integrations` SET `verificationStatus` = 'INVALID', \
             `verificationError` = 'refused', `lastVerifiedAt` = `createdAt`",
        )
        .await;
    given.found(&row).await
}

on_every_database! {
    async fn named_fields_change_and_no_others(db: TestDb) {
        let given = Given::on(db).await;
        let before = checked(&given).await;
        given.tick();
        let changes = Changes {
            display_name: name("Renamed 🚀"),
            default_branch: Patch::Value(BranchName::parse("develop").unwrap()),
            ..Changes::default()
        };
        let after = update(&given, &before, changes).await.unwrap().unwrap();
        let now = time("2027-01-31T09:00:00.124Z");
        let want = SafeScmIntegration {
            display_name: "Renamed 🚀".to_owned(),
            default_branch: "develop".to_owned(),
            updated_at: now,
            version: RowVersion { number: 2, updated_at: now },
            ..before.clone()
        };
        assert_eq!(after, want);
        assert_eq!(given.found(&before).await, want);
    }

    async fn nothing_named_changes_nothing(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        given.tick();
        let same = update(&given, &row, Changes::default()).await.unwrap().unwrap();
        assert_eq!(same, row);
    }

    async fn a_new_credential_starts_over(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        for (expiry, want) in [
            (Patch::Absent, None),
            (Patch::Null, None),
            (Patch::Value(time("2029-01-01T00:00:00.000Z")), Some("2029-01-01T00:00:00.000Z")),
        ] {
            let changes = Changes {
                access_token: Patch::Value(token("ghp_second")),
                token_expires_at: expiry,
                ..Changes::default()
            };
            let after = update(&given, &row, changes).await.unwrap().unwrap();
            assert_eq!(after.verification_status, VerificationStatus::Pending);
            assert_eq!((after.verification_error, after.last_verified_at), (None, None));
            assert_eq!(after.token_expires_at.map(|at| at.to_string()).as_deref(), want);
            assert!(after.has_valid_token);
        }
        let opened = given.store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_second");
        assert_eq!(opened.refresh_token.unwrap().expose(), "ghr_first");
        assert_eq!(opened.credential_version, 4);
    }

    async fn the_platform_seals_for_the_rows_tenant(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let changes = Changes {
            access_token: Patch::Value(token("ghp_by_platform")),
            refresh_token: Patch::Value(RefreshToken::parse("ghr_by_platform").unwrap()),
            ..Changes::default()
        };
        given
            .store
            .update(&by(&TenantScope::Platform), &row.id, &changes, None)
            .await
            .unwrap()
            .unwrap();
        let opened = given.store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.access_token.unwrap().expose(), "ghp_by_platform");
        assert_eq!(opened.refresh_token.unwrap().expose(), "ghr_by_platform");
    }

    async fn credentials_can_be_erased(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        let changes = Changes { refresh_token: Patch::Null, ..Changes::default() };
        let after = update(&given, &row, changes).await.unwrap().unwrap();
        assert_eq!(after.verification_status, VerificationStatus::Invalid);
        assert_eq!(given.text("refreshToken", &row.id).await, None);

        let changes = Changes { access_token: Patch::Null, ..Changes::default() };
        let after = update(&given, &row, changes).await.unwrap().unwrap();
        assert_eq!(after.verification_status, VerificationStatus::Pending);
        assert!(!after.has_valid_token && after.is_active && after.token_expires_at.is_none());
        assert_eq!(given.text("accessToken", &row.id).await, None);
    }

    async fn the_expiry_alone_can_be_set_and_cleared(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        let at = time("2030-06-01T12:00:00.500Z");
        let changes = Changes { token_expires_at: Patch::Value(at), ..Changes::default() };
        let after = update(&given, &row, changes).await.unwrap().unwrap();
        assert_eq!(after.token_expires_at, Some(at));
        assert_eq!(after.verification_status, VerificationStatus::Invalid);
        let changes = Changes { token_expires_at: Patch::Null, ..Changes::default() };
        let after = update(&given, &row, changes).await.unwrap().unwrap();
        assert_eq!(after.token_expires_at, None);
    }

    async fn null_is_refused_where_there_must_be_a_value(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        for (changes, want) in [
            (Changes { display_name: Patch::Null, ..Changes::default() }, "displayName"),
            (Changes { default_branch: Patch::Null, ..Changes::default() }, "defaultBranch"),
            (Changes { is_active: Patch::Null, ..Changes::default() }, "isActive"),
        ] {
            let result = update(&given, &row, changes).await;
            assert!(
                matches!(result, Err(StoreError::NotNullable { field }) if field == want),
                "{want}: {result:?}"
            );
        }
        assert_eq!(given.found(&row).await, row);
    }

    async fn a_pause_keeps_the_credential(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let pause = Changes { is_active: Patch::Value(false), ..Changes::default() };
        let paused = update(&given, &row, pause).await.unwrap().unwrap();
        assert!(!paused.is_active && paused.has_valid_token);
        let resume = Changes { is_active: Patch::Value(true), ..Changes::default() };
        let active = update(&given, &row, resume).await.unwrap().unwrap();
        assert!(active.is_active && active.has_valid_token);
    }

    async fn nothing_is_switched_on_without_a_credential(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        let on = || Changes { is_active: Patch::Value(true), ..Changes::default() };
        let erase = Changes {
            is_active: Patch::Value(false),
            access_token: Patch::Null,
            ..Changes::default()
        };
        update(&given, &row, erase).await.unwrap();
        let result = update(&given, &row, on()).await;
        assert!(matches!(result, Err(StoreError::NoCredential)), "{result:?}");

        let with_token = Changes { access_token: Patch::Value(token("ghp_x")), ..on() };
        assert!(update(&given, &row, with_token).await.unwrap().unwrap().is_active);
        let on_and_erased = Changes { access_token: Patch::Null, ..on() };
        let result = update(&given, &row, on_and_erased).await;
        assert!(matches!(result, Err(StoreError::NoCredential)), "{result:?}");

        let mut installed = new("t1", "https://github.com/a/installed");
        installed.access_token = None;
        installed.github_installation_id = Some("42".to_owned());
        let row = given.store.create(&by(&scope("t1")), installed).await.unwrap();
        assert!(update(&given, &row, on()).await.unwrap().unwrap().is_active);
    }

    async fn the_expected_state_decides(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given.tick();
        let change = Changes { display_name: name("B"), ..Changes::default() };
        let after = given
            .store
            .update(&by(&scope("t1")), &row.id, &change, Some(&row.version))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(after.version.number, 2);
        for stale in [
            row.version,
            RowVersion { number: 2, ..row.version },
            RowVersion { number: 1, ..after.version },
        ] {
            for change in [&change, &Changes::default()] {
                let result = given.store.update(&by(&scope("t1")), &row.id, change, Some(&stale)).await;
                assert!(matches!(result, Err(StoreError::VersionMismatch)), "{result:?}");
            }
        }
        // An old writer changes the time and not the number.
        given
            .execute(
                "UPDATE `tenant_scm_integrations` SET `displayName` = 'by old code', \
                 `updatedAt` = '2027-01-31 10:00:00.000'",
            )
            .await;
        let result =
            given.store.update(&by(&scope("t1")), &row.id, &change, Some(&after.version)).await;
        assert!(matches!(result, Err(StoreError::VersionMismatch)), "{result:?}");
    }

    async fn a_deleted_row_comes_back_with_a_new_credential_only(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        given
            .execute(
                "UPDATE `tenant_scm_integrations` SET `webhookId` = 'h1', `webhookUrl` = 'u', \
                 `providerRepositoryId` = 'r1'",
            )
            .await;
        given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap();
        let token = || Patch::Value(token("ghp_second"));
        for changes in [
            Changes::default(),
            Changes { display_name: name("B"), ..Changes::default() },
            Changes { is_active: Patch::Value(true), ..Changes::default() },
            Changes { is_active: Patch::Value(false), ..Changes::default() },
            Changes { access_token: token(), ..Changes::default() },
        ] {
            let result = update(&given, &row, changes).await;
            assert!(matches!(result, Err(StoreError::Deleted)), "{result:?}");
        }
        let changes = Changes {
            is_active: Patch::Value(true),
            access_token: token(),
            ..Changes::default()
        };
        let back = update(&given, &row, changes).await.unwrap().unwrap();
        assert!(back.is_active && back.has_valid_token);
        assert_eq!((back.webhook_id, back.webhook_url), (None, None));
        assert_eq!(given.text("providerRepositoryId", &row.id).await, None);
        assert_eq!(given.text("webhookSecret", &row.id).await, None);
        // Alive again: the same change now touches the credential only.
        given.execute("UPDATE `tenant_scm_integrations` SET `webhookId` = 'h2'").await;
        let changes = Changes {
            is_active: Patch::Value(true),
            access_token: token(),
            ..Changes::default()
        };
        let same = update(&given, &row, changes).await.unwrap().unwrap();
        assert_eq!(same.webhook_id.as_deref(), Some("h2"));
    }
}
