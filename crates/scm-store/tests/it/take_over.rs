//! Rows of the old server's table, with the id and the times that they had there.

use scm_store::{OldState, StoreError, TakeOver, TakenOver};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{
    Actor, AuditAction, IntegrationId, Purpose, ServerTask, TenantScope, Timestamp,
    VerificationStatus, WebhookSecret,
};

use crate::given::{Given, by, new, scope};

fn command() -> Actor {
    Actor::server(ServerTask::Command)
}

fn time(raw: &str) -> Timestamp {
    Timestamp::parse(raw).unwrap()
}

fn old(id: &str, tenant: &str, url: &str) -> TakeOver {
    TakeOver {
        id: IntegrationId::parse(id).unwrap(),
        integration: new(tenant, url),
        state: OldState {
            is_active: false,
            verification_status: VerificationStatus::Invalid,
            last_verified_at: Some(time("2025-03-01T10:00:00Z")),
            verification_error: Some("Bad credentials".to_owned()),
            webhook_id: Some("42".to_owned()),
            webhook_url: Some("https://old.example/hook".to_owned()),
            webhook_secret: Some(WebhookSecret::parse("hook-secret").unwrap()),
            created_at: time("2025-01-10T08:30:00Z"),
            updated_at: time("2025-03-01T10:00:00.500Z"),
        },
    }
}

const SHOP: &str = "https://github.com/acme/shop";

on_every_database! {
    async fn a_row_keeps_what_it_had(db: TestDb) {
        let given = Given::on(db).await;
        let wanted = old("from-there", "t1", SHOP);
        assert_eq!(given.store.would_take_over(&wanted).await.unwrap(), TakenOver::Made);
        assert_eq!(given.store.take_over(&command(), &wanted).await.unwrap(), TakenOver::Made);
        let found = given.store.find_with_secrets(&command(), &wanted.id, Purpose::Read).await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.access_token.unwrap().expose(), "ghp_first");
        assert_eq!(found.refresh_token.unwrap().expose(), "ghr_first");
        assert_eq!(found.webhook_secret.unwrap().expose(), "hook-secret");
        let row = found.integration;
        assert_eq!(row.id, wanted.id);
        assert_eq!(row.created_at, wanted.state.created_at);
        assert_eq!(row.updated_at, wanted.state.updated_at);
        assert_eq!(row.last_verified_at, wanted.state.last_verified_at);
        assert_eq!(row.verification_status, VerificationStatus::Invalid);
        assert_eq!(row.verification_error.as_deref(), Some("Bad credentials"));
        assert_eq!(row.webhook_id.as_deref(), Some("42"));
        assert_eq!(row.webhook_url.as_deref(), Some("https://old.example/hook"));
        assert!(!row.is_active && !found.is_deleted);

        let entries = given.entries(&scope("t1"), &wanted.id).await;
        let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
        let imported = AuditAction::IntegrationImported.as_str();
        assert_eq!(actions.iter().filter(|action| **action == imported).count(), 1);
    }

    async fn what_is_here_is_left_as_it_is(db: TestDb) {
        let given = Given::on(db).await;
        let ours = given.created("t1", SHOP).await;
        let taken = given.store.take_over(&command(), &old("a", "t1", "git@github.com:Acme/Shop")).await;
        assert_eq!(taken.unwrap(), TakenOver::There, "the repository in another spelling");
        assert_eq!(given.found(&ours).await, ours);

        let first = old("b", "t1", "https://github.com/acme/one");
        assert_eq!(given.store.take_over(&command(), &first).await.unwrap(), TakenOver::Made);
        assert_eq!(given.store.take_over(&command(), &first).await.unwrap(), TakenOver::There);
        let renamed = old("b", "t1", "https://github.com/acme/two");
        assert_eq!(given.store.would_take_over(&renamed).await.unwrap(), TakenOver::There);
        assert_eq!(given.store.take_over(&command(), &renamed).await.unwrap(), TakenOver::There);
        let foreign = old("b", "t2", "https://github.com/acme/two");
        assert_eq!(given.store.would_take_over(&foreign).await.unwrap(), TakenOver::Taken);
        assert_eq!(given.store.take_over(&command(), &foreign).await.unwrap(), TakenOver::Taken);

        let id = first.id.clone();
        assert!(given.store.soft_delete(&by(&scope("t1")), &id, None).await.unwrap());
        assert_eq!(given.store.take_over(&command(), &first).await.unwrap(), TakenOver::There);
        let row = given.store.find_by_id(&TenantScope::Platform, &id).await.unwrap().unwrap();
        assert!(!row.has_valid_token, "what was deleted here stays deleted");
    }

    async fn a_value_that_does_not_fit_is_told(db: TestDb) {
        let given = Given::on(db).await;
        let mut long = old("a", "t1", SHOP);
        long.state.webhook_url = Some("x".repeat(513));
        for result in [
            given.store.take_over(&command(), &long).await,
            given.store.would_take_over(&long).await,
        ] {
            assert!(matches!(result, Err(StoreError::DoesNotFit { field: "webhookUrl" })), "{result:?}");
        }
        let outside = given.store.take_over(&by(&scope("t2")), &old("a", "t1", SHOP)).await;
        assert!(matches!(outside, Err(StoreError::OutsideScope)));
    }
}
