//! Every recorded delivery, and every one with something changed.

use std::time::Duration;

use scm_testkit::{
    db::TestDb,
    deliveries::{ALL, RecordedDelivery},
    on_every_database,
};
use scm_types::SignatureScheme;
use serde_json::{Value, json};

use super::{Delivery, NOBODY, Receiver};

/// What a recorded delivery comes to: its state and note, and each event that it tells with what is
/// telling about it.
fn expected(name: &str) -> (&'static str, Value, Value) {
    let push = |branch: &str, after: &str, commits: usize| json!({"kind": "push", "branch": branch, "after": after, "commits": commits});
    let done = |events: Value| ("done", Value::Null, events);
    let ignored = |note: &str| ("ignored", json!(note), json!([]));
    match name {
        "github/webhook_create_tag" | "github/webhook_delete" => ignored("told_elsewhere"),
        "github/webhook_installation_repositories_removed" => ignored("unknown_event"),
        // The connection has a token of its own.
        "github/webhook_installation_suspend" => (
            "done",
            json!("other_installation"),
            json!([{"kind": "installation_suspended", "installationId": "16598467"}]),
        ),
        "github/webhook_meta_deleted" => {
            done(json!([{"kind": "webhook_removed", "webhookId": "101047067"}]))
        }
        "github/webhook_ping" | "bitbucket/webhook_datacenter_ping" => {
            done(json!([{"kind": "ping"}]))
        }
        "github/webhook_pull_request_closed" => {
            done(json!([{"kind": "pull_request_closed", "number": 2}]))
        }
        "github/webhook_push_branch" => {
            let sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
            done(
                json!([{"kind": "branch_created", "name": "master", "commitSha": sha}, push("master", sha, 1)]),
            )
        }
        "github/webhook_push_tag" => done(json!([{"kind": "tag_deleted", "name": "simple-tag"}])),
        "github/webhook_release_published" => {
            done(json!([{"kind": "release_published", "tag": "0.0.1"}]))
        }
        "github/webhook_repository_renamed" => {
            done(json!([{"kind": "repository_renamed", "newPath": "Octocoders/Hello-World"}]))
        }
        "gitlab/webhook_merge_request_merged" => {
            done(json!([{"kind": "pull_request_merged", "number": 4}]))
        }
        "gitlab/webhook_push" => done(json!([push(
            "main",
            "16862e368d8ab812e48833b741dad720d6e2cb7f",
            1
        )])),
        "gitlab/webhook_release" => done(json!([{"kind": "release_published", "tag": "0.0.2"}])),
        "gitlab/webhook_tag_push" => done(json!([{"kind": "tag_created", "name": "v22"}])),
        "bitbucket/webhook_push" => done(json!([push(
            "main",
            "c14c1bb05dfb1fdcdf06b31485fff61b0ea44277",
            1
        )])),
        "bitbucket/webhook_pullrequest_fulfilled" => {
            done(json!([{"kind": "pull_request_merged", "number": 1}]))
        }
        "bitbucket/webhook_datacenter_push" => done(json!([push(
            "renovate-all",
            "76797d54bca87db6d1e3e82ee40622c7908aa514",
            1
        )])),
        other => panic!("it is not said what {other} comes to"),
    }
}

/// The events, with no more of each than is expected of it; a list is as long as it is.
fn telling(told: &[Value], expected: &Value) -> Value {
    let expected = expected.as_array().unwrap();
    let events = told.iter().enumerate().map(|(index, event)| {
        let wanted = expected.get(index).and_then(Value::as_object);
        let Some(wanted) = wanted else {
            return event.clone();
        };
        let members = wanted.keys().map(|name| {
            let value = match &event[name] {
                Value::Array(items) => json!(items.len()),
                other => other.clone(),
            };
            (name.clone(), value)
        });
        Value::Object(members.collect())
    });
    Value::Array(events.collect())
}

/// All of them, those of GitLab as it sends them and as it did before it signed.
fn all() -> impl Iterator<Item = (&'static RecordedDelivery, Delivery)> {
    ALL.iter().flat_map(|recorded| {
        let delivery = Delivery::recorded(recorded.name);
        let in_clear = recorded
            .name
            .starts_with("gitlab/")
            .then(|| (recorded, delivery.clone().in_clear()));
        std::iter::once((recorded, delivery)).chain(in_clear)
    })
}

on_every_database! {
    async fn every_recorded_delivery_comes_to_the_feed(db: TestDb) {
        let on = Receiver::on(&db).await;
        for (number, (recorded, delivery)) in all().enumerate() {
            let (name, tenant) = (recorded.name, format!("t{number}"));
            let id = on.hooked(&tenant, &delivery).await;
            on.send(&id, &delivery).await.expect(202);
            on.send(&id, &delivery).await.expect(200);
            assert_eq!(on.work_off().await, 1, "{name}");
            let (state, note, events) = expected(name);
            assert_eq!(on.states(&id).await, [(state.to_owned(), note)], "{name}");
            let told = on.told(&tenant).await;
            assert_eq!(telling(&told, &events), events, "{name}");
            for event in told {
                assert_eq!(event["integrationId"], json!(id), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn with_one_byte_changed_each_is_refused_like_an_unknown_id() {
    let on = Receiver::new().await;
    for (number, (recorded, delivery)) in all().enumerate() {
        let name = recorded.name;
        let id = on.hooked(&format!("t{number}"), &delivery).await;
        let unknown = on.send(NOBODY, &delivery).await.expect(404);
        assert_eq!(unknown.failure().0, "unknown_webhook");
        let mut changed = Vec::new();
        // What comes with a token in clear is not signed.
        if delivery.scheme != SignatureScheme::GitlabToken {
            for position in [0, delivery.body.len() / 2, delivery.body.len() - 1] {
                let mut other = delivery.clone();
                other.body[position] ^= 1;
                changed.push(other);
            }
            let mut shorter = delivery.clone();
            shorter.body.pop();
            changed.push(shorter);
            let mut longer = delivery.clone();
            longer.body.push(b'\n');
            changed.push(longer);
        }
        let proof = delivery.header(delivery.proof());
        for position in [0, proof.len() / 2, proof.len() - 2] {
            let mut other = proof.clone().into_bytes();
            other[position] ^= 1;
            let other = String::from_utf8(other).unwrap();
            changed.push(delivery.clone().with(delivery.proof(), &other));
        }
        for (number, changed) in changed.iter().enumerate() {
            let refused = on.send(&id, changed).await.expect(404);
            assert_eq!(refused.bytes, unknown.bytes, "{name} {number}");
        }
        assert_eq!(on.states(&id).await, [], "{name}");
        on.send(&id, &delivery).await.expect(202);
    }
}

#[tokio::test]
async fn after_days_a_delivery_is_known_or_too_old() {
    let on = Receiver::new().await;
    for (number, scheme) in SignatureScheme::ALL.into_iter().enumerate() {
        let (tenant, delivery) = (format!("t{number}"), Delivery::of(scheme));
        on.app.clock.set(super::signed_at());
        let id = on.hooked(&tenant, &delivery).await;
        on.send(&id, &delivery).await.expect(202);
        assert_eq!(on.work_off().await, 1);
        let told = on.told(&tenant).await;
        on.app.clock.advance(Duration::from_hours(10 * 24));
        // GitLab signs the time. The others sign the body alone, and it is known.
        let want = if scheme == SignatureScheme::GitlabSignature {
            404
        } else {
            200
        };
        for name in [
            "X-GitHub-Delivery",
            "Idempotency-Key",
            "X-Request-UUID",
            "X-Request-Id",
        ] {
            let fresh = delivery
                .clone()
                .with(name, "11111111-2222-4333-8444-555555555555");
            // In clear the id is all there is to know a delivery by.
            if scheme != SignatureScheme::GitlabToken || name != "Idempotency-Key" {
                on.send(&id, &fresh).await.expect(want);
            }
        }
        on.send(&id, &delivery).await.expect(want);
        assert_eq!(on.work_off().await, 0, "{scheme}");
        assert_eq!(on.told(&tenant).await, told, "{scheme}");
    }
}
