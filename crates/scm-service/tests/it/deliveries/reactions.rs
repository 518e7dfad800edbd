//! What a delivery changes of its integration.

use scm_service::{DeliveryFilter, Received};
use scm_testkit::{db::TestDb, on_every_database};
use scm_types::{DeliveryState, VerificationStatus};
use serde_json::{Value, json};

use super::{Hooked, Signed, assert_unknown};
use crate::bench::owner;

on_every_database! {
    async fn a_renamed_repository_is_followed(db: TestDb) {
        let on = Hooked::on(db).await;
        let before = on.bench.row().await;
        let mut push: Value = serde_json::from_str(&on.push().await.body).unwrap();
        let old = push["repository"]["full_name"].as_str().unwrap().to_owned();
        let (owner_name, _) = old.split_once('/').unwrap();
        let new = format!("{owner_name}/Renamed");
        for field in ["full_name", "name", "html_url", "url"] {
            push["repository"].as_object_mut().unwrap().remove(field);
        }
        push["repository"]["full_name"] = json!(new);
        push["repository"]["name"] = json!("Renamed");
        push["repository"]["html_url"] = json!(before.repository_url.replace(&old, &new));
        on.accept(&push.to_string(), "push", "renamed").await;
        assert_eq!(on.work_off().await, 1);

        let row = on.bench.row().await;
        assert_eq!(row.repository_url, before.repository_url.replace(&old, &new));
        assert_eq!(row.github_repository.as_deref(), Some("Renamed"));
        assert!(row.version.number > before.version.number);
        assert_eq!(on.kinds().await.first(), Some(&"repository_renamed"));
        // A delivery from before says nothing any more.
        let states = on.states().await;
        assert_eq!(states, [(DeliveryState::Done, None)]);
    }
}

#[tokio::test]
async fn a_new_default_branch_is_taken_over_once() {
    let on = Hooked::new().await;
    let change = |from: &str, to: &str| {
        let changes = json!({ "default_branch": { "from": from } });
        (changes, to.to_owned())
    };
    let mut deliveries = Vec::new();
    for (from, to) in [("main", "develop"), ("develop", "trunk")] {
        let (changes, to) = change(from, to);
        let push: Value = serde_json::from_str(&on.push().await.body).unwrap();
        let mut repository = push["repository"].clone();
        repository["default_branch"] = json!(to);
        let body = json!({
            "action": "edited", "changes": changes, "repository": repository,
            "sender": push["sender"],
        });
        on.accept(&body.to_string(), "repository", &to).await;
        assert_eq!(on.work_off().await, 1);
        assert_eq!(on.bench.row().await.default_branch, to);
        let page = on
            .services
            .deliveries(&owner(), on.id(), &DeliveryFilter::default())
            .await;
        deliveries.push(page.unwrap().items.remove(0).id);
    }
    assert_eq!(on.kinds().await, ["default_branch_changed"; 2]);
    // The first one again: it speaks of the past.
    on.services
        .replay_delivery(&owner(), on.id(), &deliveries[0])
        .await
        .unwrap();
    assert_eq!(on.work_off().await, 1);
    assert_eq!(on.bench.row().await.default_branch, "trunk");
    assert_eq!(
        on.states().await[0],
        (DeliveryState::Done, Some("late".to_owned()))
    );
}

#[tokio::test]
async fn a_removed_webhook_is_noticed() {
    let on = Hooked::new().await;
    let hook: u64 = on.bench.git.hooks()[0].id.parse().unwrap();
    let body = on
        .about(json!({ "action": "deleted", "hook_id": hook, "hook": {} }))
        .await;
    let signed = Signed::new(&on.secret, "meta", "meta", body.as_bytes());
    assert_eq!(on.receive(&signed).await.unwrap(), Received::Accepted);
    assert_eq!(on.work_off().await, 1);
    assert_eq!(on.bench.row().await.webhook_id, None);
    assert_eq!(on.kinds().await, ["webhook_removed"]);
    // Nothing that is signed with its secret counts any more.
    assert_unknown(&on.receive(&signed).await);
}

#[tokio::test]
async fn an_installation_that_is_gone_makes_the_connection_invalid() {
    let on = Hooked::new().await;
    let body = json!({
        "action": "suspend",
        "installation": { "id": 42, "account": { "login": "octo", "id": 1 } },
        "sender": { "login": "octo", "id": 1 },
    });
    on.accept(&body.to_string(), "installation", "first").await;
    assert_eq!(on.work_off().await, 1);
    // It works with a token of its own.
    assert_eq!(
        on.bench.row().await.verification_status,
        VerificationStatus::Valid
    );
    let noted = (DeliveryState::Done, Some("other_installation".to_owned()));
    assert_eq!(on.states().await, [noted]);

    let set = "UPDATE tenant_scm_integrations SET \"githubInstallationId\" = '42', \"accessToken\" = NULL";
    on.bench.db.execute_by_hand(set).await;
    let mut again = body;
    again["action"] = json!("deleted");
    on.accept(&again.to_string(), "installation", "second")
        .await;
    assert_eq!(on.work_off().await, 1);
    let row = on.bench.row().await;
    assert_eq!(row.verification_status, VerificationStatus::Invalid);
    assert!(row.verification_error.unwrap().contains("installation"));
    assert_eq!(
        on.kinds().await,
        ["installation_suspended", "installation_deleted"]
    );
}
