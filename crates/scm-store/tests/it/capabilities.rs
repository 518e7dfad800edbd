//! What the last good check found possible.

use scm_store::{RewrapOptions, VerificationOutcome, check_canary, rewrap};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    IntegrationId, Operation, OperationReport, OperationState, Patch, Purpose, SafeScmIntegration,
    UpdateScmIntegrationDto, VerificationStatus,
};

use crate::given::{Given, KEYS, by, cipher, new, scope, token};

fn reports() -> Vec<OperationReport> {
    vec![
        OperationReport {
            operation: Operation::CreateTag,
            state: OperationState::Allowed,
            missing: None,
        },
        OperationReport {
            operation: Operation::ManageWebhooks,
            state: OperationState::Denied,
            missing: Some("the scope \"admin:repo_hook\" — 日本 🚀\0".to_owned()),
        },
    ]
}

async fn check(given: &Given, row: &IntegrationId, found: Option<Vec<OperationReport>>) {
    let read = given
        .store
        .find_with_secrets(&by(&scope("t1")), row, Purpose::Read)
        .await
        .unwrap()
        .unwrap();
    let outcome = VerificationOutcome {
        status: match found {
            Some(_) => VerificationStatus::Valid,
            None => VerificationStatus::Invalid,
        },
        error: None,
        credential_version: read.credential_version,
        token_expires_at: Patch::Absent,
        provider_repository_id: None,
        operations: found,
    };
    given
        .store
        .update_verification_status(&by(&scope("t1")), row, &outcome)
        .await
        .unwrap()
        .unwrap();
}

async fn known(given: &Given, row: &IntegrationId) -> Vec<OperationReport> {
    let found = given
        .store
        .find_with_secrets(&by(&scope("t1")), row, Purpose::Read)
        .await;
    found.unwrap().unwrap().operations
}

/// A row of which something is known.
async fn checked(given: &Given) -> SafeScmIntegration {
    let row = given.created("t1", "https://github.com/a/b").await;
    check(given, &row.id, Some(reports())).await;
    row
}

on_every_database! {
    async fn the_last_check_decides(db: TestDb) {
        let given = Given::on(db).await;
        let row = given.created("t1", "https://github.com/a/b").await;
        assert_eq!(known(&given, &row.id).await, []);
        for found in [Some(reports()), Some(reports()[..1].to_vec()), Some(Vec::new()), None] {
            check(&given, &row.id, Some(reports())).await;
            check(&given, &row.id, found.clone()).await;
            assert_eq!(known(&given, &row.id).await, found.unwrap_or_default());
        }
        assert_eq!(given.text("capabilities", &row.id).await, None);
        // More than the column holds is not known, and does not keep the result from being stored.
        let endless = OperationReport { missing: Some("x".repeat(70_000)), ..reports()[1].clone() };
        check(&given, &row.id, Some(vec![endless])).await;
        assert_eq!(given.text("capabilities", &row.id).await, None);
        assert_eq!(given.found(&row).await.verification_status, VerificationStatus::Valid);
    }

    async fn a_new_credential_is_not_the_one_that_was_checked(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        for access_token in [Patch::Value(token("ghp_second")), Patch::Null] {
            let changes = UpdateScmIntegrationDto {
                access_token,
                ..UpdateScmIntegrationDto::default()
            };
            check(&given, &row.id, Some(reports())).await;
            given.store.update(&by(&scope("t1")), &row.id, &changes, None).await.unwrap().unwrap();
            assert_eq!(given.text("capabilities", &row.id).await, None);
        }

        check(&given, &row.id, Some(reports())).await;
        given.store.soft_delete(&by(&scope("t1")), &row.id, None).await.unwrap();
        assert_eq!(given.text("capabilities", &row.id).await, None);
        given.execute("UPDATE `tenant_scm_integrations` SET `capabilities` = '[]'").await;
        let back = given.store.create(&by(&scope("t1")), new("t1", "https://github.com/a/b")).await;
        assert_eq!(back.unwrap().id, row.id);
        assert_eq!(given.text("capabilities", &row.id).await, None);
    }

    async fn other_changes_leave_what_is_known(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        let changes = UpdateScmIntegrationDto {
            is_active: Patch::Value(false),
            refresh_token: Patch::Null,
            token_expires_at: Patch::Null,
            ..UpdateScmIntegrationDto::default()
        };
        given.store.update(&by(&scope("t1")), &row.id, &changes, None).await.unwrap().unwrap();
        assert_eq!(known(&given, &row.id).await, reports());
        let rotated = KEYS.replace('*', " ") + "* k_2 AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM";
        let store = given.with_keys(&rotated);
        let keys = cipher(&rotated);
        check_canary(&given.pool, &keys).await.unwrap();
        let options = RewrapOptions::default();
        let done = rewrap(&given.pool, &keys, &options, &mut |_| {}).await.unwrap();
        assert_eq!(done.resealed, 1);
        let opened = store.find_with_secrets(&by(&scope("t1")), &row.id, Purpose::Read).await.unwrap().unwrap();
        assert_eq!(opened.operations, reports());
    }

    async fn what_cannot_be_read_is_not_known(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        let tag = r#"{"operation":"createTag","state":"allowed"}"#;
        for (stored, want) in [
            (String::new(), &[][..]),
            ("no JSON".to_owned(), &[]),
            ("{}".to_owned(), &[]),
            ("null".to_owned(), &[]),
            (format!("[{tag}"), &[]),
            (format!(r#"[7,{{"operation":"createTag"}},{tag}]"#), &reports()[..1]),
            // A newer program's.
            (format!(r#"[{{"operation":"mergeBranch","state":"allowed"}},{tag}]"#), &reports()[..1]),
            (format!(r#"[{{"operation":"createBranch","state":"limited"}},{tag}]"#), &reports()[..1]),
            (r#"[{"operation":"createTag","state":"allowed","since":1}]"#.to_owned(), &reports()[..1]),
        ] {
            let sql = format!("UPDATE `tenant_scm_integrations` SET `capabilities` = '{stored}'");
            given.execute(&sql).await;
            assert_eq!(known(&given, &row.id).await, want, "{stored}");
        }
    }

    async fn an_old_writer_need_not_know_of_it(db: TestDb) {
        let given = Given::on(db).await;
        let row = checked(&given).await;
        given.execute("UPDATE `tenant_scm_integrations` SET `displayName` = 'B'").await;
        assert_eq!(known(&given, &row.id).await, reports());
        given
            .execute(
                "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, \
                 `displayName`, `repositoryUrl`, `createdByAccountId`) VALUES \
                 ('old', 't1', 'GITLAB', 'n', 'https://gitlab.com/a/b', 'a')",
            )
            .await;
        assert_eq!(known(&given, &IntegrationId::parse("old").unwrap()).await, []);
    }
}
