//! Secrets that another writer of the table has left in clear, or sealed in its own way.

use scm_store::{
    FoundInClear, InClearFault, SealInClear, SealedInClear, StoreError,
    delivr::{self, OldValueError, PassPhrase},
    key_usage,
};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    Actor, AuditAction, AuditFact, IntegrationId, InvalidSecret, Purpose, SafeScmIntegration,
    ServerTask, TenantScope,
};

use crate::given::{Given, scope};

const PHRASE: &str = "a pass phrase of more than thirty-two characters";

fn server() -> Actor {
    Actor::server(ServerTask::Adoption)
}

fn phrase() -> PassPhrase {
    PassPhrase::parse(PHRASE).unwrap()
}

fn with_phrase() -> SealInClear {
    SealInClear {
        pass_phrase: Some(phrase()),
        ..SealInClear::default()
    }
}

fn id(raw: &str) -> IntegrationId {
    IntegrationId::parse(raw).unwrap()
}

/// A row as an old writer makes it: it knows the original's columns alone.
async fn old_row(given: &Given, id: &str, access: &str, webhook: Option<&str>) {
    let webhook = webhook.map_or("NULL".to_owned(), |secret| format!("'{secret}'"));
    let sql = format!(
        "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, `displayName`, \
         `repositoryUrl`, `accessToken`, `webhookSecret`, `verificationStatus`, \
         `createdByAccountId`) VALUES ('{id}', 't1', 'GITHUB', 'n', \
         'https://github.com/acme/{id}', '{access}', {webhook}, 'VALID', 'a')"
    );
    given.execute(&sql).await;
}

async fn seal(given: &Given, how: &SealInClear) -> (SealedInClear, Vec<FoundInClear>) {
    let mut found = Vec::new();
    let mut watch = |row: &FoundInClear| found.push(row.clone());
    let done = given.store.seal_in_clear(&server(), how, &mut watch).await;
    (done.unwrap(), found)
}

/// The access token, opened as whoever works with the repository does.
async fn token(given: &Given, raw: &str) -> Result<String, StoreError> {
    let row = given
        .store
        .find_with_secrets(&server(), &id(raw), Purpose::Read)
        .await?;
    Ok(row.unwrap().access_token.unwrap().expose().to_owned())
}

async fn row(given: &Given, raw: &str) -> SafeScmIntegration {
    let found = given
        .store
        .find_by_id(&TenantScope::Platform, &id(raw))
        .await;
    found.unwrap().unwrap()
}

async fn sealings(given: &Given, of: &str) -> Vec<AuditFact> {
    let entries = given.entries(&scope("t1"), &id(of)).await;
    let sealings = entries
        .iter()
        .filter(|entry| entry.action == AuditAction::CredentialSealed.as_str());
    let fields = sealings.map(|entry| entry.detail.as_ref()?.get("fields").cloned());
    fields.map(Option::unwrap).collect()
}

on_every_database! {
    async fn what_stands_in_clear_is_not_used_until_it_is_sealed(db: TestDb) {
        let given = Given::on(db).await;
        old_row(&given, "old", "ghp_in_clear", Some("hook_in_clear")).await;
        let before = row(&given, "old").await;
        assert!(matches!(token(&given, "old").await, Err(StoreError::Unreadable { .. })));

        let (done, found) = seal(&given, &SealInClear::default()).await;
        assert_eq!(done, SealedInClear { rows: 1, sealed: 2, unreadable: 0 });
        assert_eq!(found[0].sealed, ["accessToken", "webhookSecret"]);
        assert_eq!(token(&given, "old").await.unwrap(), "ghp_in_clear");
        for column in ["accessToken", "webhookSecret"] {
            let stored = given.text(column, &id("old")).await.unwrap();
            assert!(stored.starts_with("v1.k1."), "{column}");
        }
        let after = row(&given, "old").await;
        assert_eq!(after.verification_status, before.verification_status, "nobody else wrote it");
        assert_eq!(after.updated_at, before.updated_at);
        assert_eq!(after.version.number, before.version.number + 1);
        let fields = ["accessToken", "webhookSecret"].map(str::to_owned);
        assert_eq!(sealings(&given, "old").await, [AuditFact::List(fields.to_vec())]);
        assert_eq!(key_usage(&given.pool).await.unwrap().unsealed, 0);

        let (again, _) = seal(&given, &SealInClear::default()).await;
        assert_eq!(again, SealedInClear::default());
        assert_eq!(sealings(&given, "old").await.len(), 1);
    }

    async fn a_token_that_the_old_writer_put_into_a_row_of_ours_is_a_new_credential(db: TestDb) {
        let given = Given::on(db).await;
        let ours = given.created("t1", "https://github.com/acme/shop").await;
        given.execute(&format!(
            "UPDATE `tenant_scm_integrations` SET `accessToken` = 'ghp_second', `version` = 2, \
             `verificationStatus` = 'INVALID', `verificationError` = 'Bad credentials' \
             WHERE `id` = '{}'", ours.id
        )).await;
        let scope = scope("t1");
        let credential = given.store.credential_version(&scope, &ours.id).await.unwrap().unwrap();
        given.tick();
        let (done, _) = seal(&given, &SealInClear::default()).await;
        assert_eq!(done.sealed, 1);
        let after = given.found(&ours).await;
        assert_eq!(after.verification_status.as_str(), "PENDING");
        assert_eq!(after.verification_error, None);
        assert!(after.updated_at > ours.updated_at && after.has_valid_token);
        let now = given.store.credential_version(&scope, &ours.id).await.unwrap().unwrap();
        assert_eq!(now, credential + 1, "a check of the old one says nothing of it");
        assert_eq!(token(&given, ours.id.as_str()).await.unwrap(), "ghp_second");
    }

    async fn what_the_old_server_sealed_wants_its_pass_phrase(db: TestDb) {
        let given = Given::on(db).await;
        let sealed = delivr::seal("ghp_sealed", &phrase()).unwrap();
        old_row(&given, "old", &sealed, None).await;
        let (done, found) = seal(&given, &SealInClear::default()).await;
        assert_eq!(done, SealedInClear { rows: 1, sealed: 0, unreadable: 1 });
        let fault = InClearFault::Value(OldValueError::NoPassPhrase);
        assert_eq!(found[0].faults, [("accessToken", fault)]);
        assert_eq!(given.text("accessToken", &id("old")).await.unwrap(), sealed, "it stays");

        let look = SealInClear { dry_run: true, ..with_phrase() };
        let (done, found) = seal(&given, &look).await;
        assert_eq!(done, SealedInClear { rows: 1, sealed: 1, unreadable: 0 });
        assert_eq!(found[0].sealed, ["accessToken"]);
        assert_eq!(given.text("accessToken", &id("old")).await.unwrap(), sealed);
        assert!(sealings(&given, "old").await.is_empty());

        seal(&given, &with_phrase()).await;
        assert_eq!(token(&given, "old").await.unwrap(), "ghp_sealed");
    }

    async fn what_can_be_no_secret_is_told_and_stays(db: TestDb) {
        let given = Given::on(db).await;
        let cut = delivr::seal("ghp_x", &phrase()).unwrap().replacen(':', "A:", 1);
        for (name, value) in [("blank", "has spaces"), ("cut", &cut), ("empty", ""), ("ours", "v2.k1.x")] {
            old_row(&given, name, value, Some("hook")).await;
        }
        let (done, found) = seal(&given, &with_phrase()).await;
        assert_eq!((done.rows, done.sealed, done.unreadable), (4, 5, 3));
        let faults: Vec<_> = found.iter().map(|row| (row.id.as_str(), row.faults.clone())).collect();
        let wants = [
            ("blank", vec![("accessToken", InClearFault::Secret(InvalidSecret::Character))]),
            ("cut", vec![("accessToken", InClearFault::Value(OldValueError::Form))]),
            ("empty", vec![("accessToken", InClearFault::Secret(InvalidSecret::Empty))]),
            // No version of ours but a token like any other.
            ("ours", vec![]),
        ];
        assert_eq!(faults, wants);
        for row in &found {
            assert_eq!(row.sealed.last(), Some(&"webhookSecret"), "what can be sealed is");
        }
        assert_eq!(given.text("accessToken", &id("blank")).await.unwrap(), "has spaces");
    }

    async fn many_rows_are_done_page_by_page(db: TestDb) {
        let given = Given::on(db).await;
        for number in 0..130 {
            let value = if number % 7 == 0 { "no secret" } else { "ghp_x" };
            old_row(&given, &format!("r{number:03}"), value, None).await;
        }
        let (done, found) = seal(&given, &SealInClear::default()).await;
        assert_eq!(done, SealedInClear { rows: 130, sealed: 111, unreadable: 19 });
        assert_eq!(found.len(), 130);
        let (again, _) = seal(&given, &SealInClear::default()).await;
        assert_eq!(again, SealedInClear { rows: 19, sealed: 0, unreadable: 19 });
    }

    async fn what_is_written_meanwhile_wins(db: TestDb) {
        let given = Given::on(db).await;
        for name in ["a", "b"] {
            old_row(&given, name, "ghp_first", None).await;
        }
        // Both rows were read when the first is done.
        let newer = "UPDATE `tenant_scm_integrations` SET `accessToken` = 'ghp_newer' WHERE `id` = 'b'";
        let mut found = Vec::new();
        let mut watch = |row: &FoundInClear| {
            if row.id == "a" {
                given.meanwhile(newer);
            }
            found.push(row.id.clone());
        };
        let how = SealInClear::default();
        let done = given.store.seal_in_clear(&server(), &how, &mut watch).await.unwrap();
        assert_eq!((done.rows, found), (1, vec!["a".to_owned()]));
        assert_eq!(given.text("accessToken", &id("b")).await.unwrap(), "ghp_newer");
        seal(&given, &how).await;
        assert_eq!(token(&given, "b").await.unwrap(), "ghp_newer");
    }
}
