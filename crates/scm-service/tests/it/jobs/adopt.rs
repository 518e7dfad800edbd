//! What an old server goes on writing into the table.

use scm_store::{JobKind, KeyUsage, key_usage};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{IntegrationId, VerificationStatus};

use super::{all_due, bench, execute, notes, row, work_off};
use crate::bench::{Bench, platform};

/// A row of the same repository as an old server makes it, for another tenant.
async fn old_row(bench: &Bench, token: &str) -> IntegrationId {
    let url = bench.dto().repository_url;
    execute(
        bench,
        &format!(
            "INSERT INTO `tenant_scm_integrations` (`id`, `tenantId`, `scmType`, `displayName`, \
             `repositoryUrl`, `accessToken`, `createdByAccountId`) VALUES ('old', 't-old', \
             'GITLAB', 'Old', '{url}', '{token}', 'acc')"
        ),
    )
    .await;
    IntegrationId::parse("old").unwrap()
}

async fn usage(bench: &Bench) -> KeyUsage {
    key_usage(&bench.db.connect().await).await.unwrap()
}

on_every_database! {
    async fn what_it_writes_in_clear_is_sealed_and_works(db: TestDb) {
        let bench = bench(db).await;
        work_off(&bench.services).await;
        let token = bench.git.issue_access_token();
        let id = old_row(&bench, &token).await;
        let used = bench.services.verify(&platform(), &id).await;
        assert!(used.is_err(), "a token in clear is not used");

        all_due(&bench).await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::Adopt, "put_off"), 1, "{report:?}");
        assert_eq!(usage(&bench).await.unsealed, 0);
        assert_eq!(notes(&bench, "adopt").await, [(0, None)]);
        bench.services.verify(&platform(), &id).await.unwrap();
        assert_eq!(row(&bench, &id).await.verification_status, VerificationStatus::Valid);

        // It goes on: a new token, into a row that was written here.
        let next = bench.git.issue_access_token();
        execute(&bench, &format!(
            "UPDATE `tenant_scm_integrations` SET `accessToken` = '{next}' WHERE `id` = 'old'"
        )).await;
        all_due(&bench).await;
        work_off(&bench.services).await;
        assert_eq!(usage(&bench).await.unsealed, 0);
        bench.services.verify(&platform(), &id).await.unwrap();
    }

    async fn what_cannot_be_sealed_stays_and_is_remembered(db: TestDb) {
        let bench = bench(db).await;
        let id = old_row(&bench, "no secret at all").await;
        for _ in 0..2 {
            all_due(&bench).await;
            work_off(&bench.services).await;
            assert_eq!(notes(&bench, "adopt").await, [(0, Some("unreadable".to_owned()))]);
        }
        assert_eq!(usage(&bench).await.unsealed, 1);
        assert!(bench.services.verify(&platform(), &id).await.is_err());
    }
}
