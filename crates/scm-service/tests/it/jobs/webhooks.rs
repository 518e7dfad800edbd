//! Webhooks of integrations that are deleted.

use std::time::Duration;

use scm_service::ServiceError;
use scm_store::JobKind;
use scm_testkit::{code_host::Reply, db::TestDb, on_every_database};

use super::{age, all_due, bench, execute, notes, on_sqlite, row, rows, work_off};
use crate::bench::{Bench, platform, transport};

const URL: &str = "https://scm.example.com/hooks/1";

/// The integration has a webhook at its host; gives its id there.
async fn hooked(bench: &Bench) -> String {
    let hook = bench.git.add_hook(URL);
    execute(
        bench,
        &format!(
            "UPDATE `tenant_scm_integrations` SET `webhookId` = '{hook}', `webhookUrl` = '{URL}'"
        ),
    )
    .await;
    hook
}

async fn delete(bench: &Bench, hard: bool) {
    let platform = platform();
    let deleted = bench.services.delete(&platform, &bench.id, hard, None);
    deleted.await.unwrap();
}

on_every_database! {
    async fn a_webhook_goes_with_its_integration(db: TestDb) {
        let bench = bench(db).await;
        hooked(&bench).await;
        delete(&bench, true).await;
        assert!(bench.git.hooks().is_empty());
        assert!(notes(&bench, "webhook_removal").await.is_empty());
    }

    async fn a_removal_that_failed_is_tried_again(db: TestDb) {
        let bench = bench(db).await;
        hooked(&bench).await;
        bench.git.always("", "", Reply::empty(500));
        delete(&bench, false).await;
        assert_eq!(bench.git.hooks().len(), 1);
        assert_eq!(notes(&bench, "webhook_removal").await.len(), 1);
        let sql = "SELECT `payload` FROM `scm_jobs` WHERE `kind` = 'webhook_removal'";
        let payload: String = rows(&bench, sql).await[0].try_get("", "payload").unwrap();
        assert!(payload.starts_with("v1.k1."), "{payload}");

        all_due(&bench).await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::WebhookRemoval, "failed"), 1, "{report:?}");
        assert_eq!(notes(&bench, "webhook_removal").await[0].0, 2);
        bench.git.heal();
        all_due(&bench).await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::WebhookRemoval, "done"), 1, "{report:?}");
        assert!(bench.git.hooks().is_empty());
        assert!(notes(&bench, "webhook_removal").await.is_empty());
        let sql = "SELECT `outcome` FROM `scm_audit_log` WHERE `action` = 'webhook.removed'";
        let noted = rows(&bench, sql).await;
        assert_eq!(noted.len(), 1);
        assert_eq!(noted[0].try_get::<String>("", "outcome").unwrap(), "done");
    }

    async fn after_a_week_it_is_given_up(db: TestDb) {
        let bench = bench(db).await;
        hooked(&bench).await;
        bench.git.always("", "", Reply::empty(500));
        delete(&bench, true).await;
        all_due(&bench).await;
        age(&bench, "createdAt").await;
        let report = work_off(&bench.services).await;
        assert_eq!(report.of(JobKind::WebhookRemoval, "given_up"), 1, "{report:?}");
        assert!(notes(&bench, "webhook_removal").await.is_empty(), "its credential is gone too");
        assert_eq!(bench.git.hooks().len(), 1);
    }
}

#[tokio::test]
async fn a_credential_that_is_refused_is_not_tried_again() {
    let bench = on_sqlite().await;
    hooked(&bench).await;
    bench.git.always("", "", Reply::fixture("gitlab/user_401"));
    delete(&bench, true).await;
    assert_eq!(bench.git.hooks().len(), 1);
    assert!(notes(&bench, "webhook_removal").await.is_empty());
}

#[tokio::test]
async fn a_host_that_does_not_answer_holds_no_deletion_up() {
    let bench = on_sqlite().await;
    hooked(&bench).await;
    bench.git.set_latency(Duration::from_hours(1));
    let impatient = transport(Duration::from_millis(100));
    let server = bench.server().await.transport(impatient).build().unwrap();
    server
        .delete(&platform(), &bench.id, true, None)
        .await
        .unwrap();
    let noted = notes(&bench, "webhook_removal").await;
    assert_eq!(noted, [(1, Some("provider_timeout".to_owned()))]);
}

#[tokio::test]
async fn what_is_not_deleted_keeps_its_webhook() {
    let bench = on_sqlite().await;
    hooked(&bench).await;
    let before = row(&bench, &bench.id).await.version;
    execute(
        &bench,
        "UPDATE `tenant_scm_integrations` SET `version` = `version` + 1",
    )
    .await;
    let stale = scm_service::Precondition(vec![before]);
    let refused = bench
        .services
        .delete(&platform(), &bench.id, true, Some(&stale))
        .await;
    assert!(
        matches!(refused, Err(ServiceError::VersionMismatch)),
        "{refused:?}"
    );
    assert_eq!(bench.git.hooks().len(), 1);
    assert!(notes(&bench, "webhook_removal").await.is_empty());

    // One who died between the job and the deletion left both: the webhook is wanted.
    bench.git.always("", "", Reply::empty(500));
    let copied = "CREATE TABLE `kept` AS SELECT * FROM `tenant_scm_integrations`";
    execute(&bench, copied).await;
    delete(&bench, true).await;
    execute(
        &bench,
        "INSERT INTO `tenant_scm_integrations` SELECT * FROM `kept`",
    )
    .await;
    bench.git.heal();
    all_due(&bench).await;
    let report = work_off(&bench.services).await;
    assert_eq!(
        report.of(JobKind::WebhookRemoval, "dropped"),
        1,
        "{report:?}"
    );
    assert_eq!(bench.git.hooks().len(), 1);
}
