//! What is taken in and tells nothing.

use scm_service::{DeliveryFilter, Received};
use scm_types::{DeliveryState, Patch, Timestamp, UpdateScmIntegrationDto};
use serde_json::{Value, json};

use super::{Hooked, Signed};
use crate::bench::owner;

#[tokio::test]
async fn a_paused_integration_keeps_its_deliveries_and_tells_nothing() {
    let on = Hooked::new().await;
    let pause = |active| UpdateScmIntegrationDto {
        is_active: Patch::Value(active),
        ..UpdateScmIntegrationDto::default()
    };
    on.bench.update(&pause(false)).await;
    let push = on.push().await;
    on.accept(&push.body, "push", &push.key).await;
    assert_eq!(on.work_off().await, 1);
    let ignored = (
        DeliveryState::Ignored,
        Some("integration_paused".to_owned()),
    );
    assert_eq!(on.states().await, [ignored]);
    assert!(on.told().await.is_empty());

    on.bench.update(&pause(true)).await;
    let page = on
        .services
        .deliveries(&owner(), on.id(), &DeliveryFilter::default())
        .await;
    let delivery = page.unwrap().items.remove(0).id;
    on.services
        .replay_delivery(&owner(), on.id(), &delivery)
        .await
        .unwrap();
    assert_eq!(on.work_off().await, 1);
    assert!(!on.told().await.is_empty());
}

#[tokio::test]
async fn payloads_that_cannot_be_read_are_dead_until_they_come_again() {
    let on = Hooked::new().await;
    let deep = "[".repeat(200) + &"]".repeat(200);
    let deep = format!("{{\"a\":{deep}}}");
    let cases: [(&str, &[u8], &str); 5] = [
        ("push", b"{\"ref\":", "payload_json"),
        ("push", b"\xff\xfe{}", "payload_encoding"),
        ("push", deep.as_bytes(), "payload_depth"),
        ("push", b"[]", "payload_json"),
        ("push", b"payload=%7B%7D", "payload_json"),
    ];
    for (number, (event, body, _)) in cases.iter().enumerate() {
        let signed = Signed::new(&on.secret, event, &format!("key-{number}"), body);
        assert_eq!(on.receive(&signed).await.unwrap(), Received::Accepted);
    }
    let form = Signed::new(&on.secret, "push", "form", b"payload=%7B%22a%22%3A1%7D")
        .with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(on.receive(&form).await.unwrap(), Received::Accepted);
    assert_eq!(on.work_off().await, 6);
    let codes: Vec<_> = on
        .states()
        .await
        .into_iter()
        .map(|(state, code)| {
            assert_eq!(state, DeliveryState::Dead);
            code.unwrap()
        })
        .collect();
    let mut want: Vec<_> = cases.iter().map(|(.., code)| *code).collect();
    want.push("payload_content_type");
    assert_eq!(codes, want);

    assert_eq!(on.receive(&form).await.unwrap(), Received::Accepted);
    assert_eq!(on.work_off().await, 1);
    let since = Timestamp::EPOCH;
    let replayed = on
        .services
        .replay_dead_deliveries(&owner(), on.id(), since)
        .await
        .unwrap();
    assert_eq!(replayed, 6);
    assert_eq!(on.work_off().await, 6);
    assert!(on.told().await.is_empty());
}

#[tokio::test]
async fn what_is_unknown_or_about_another_repository_is_ignored() {
    let on = Hooked::new().await;
    let star = on.about(json!({ "action": "created" })).await;
    on.accept(&star, "star", "star").await;
    let mut push: Value = serde_json::from_str(&on.push().await.body).unwrap();
    push["repository"]["id"] = json!(1);
    on.accept(&push.to_string(), "push", "other").await;
    assert_eq!(on.work_off().await, 2);
    let states = on.states().await.into_iter().map(|(state, code)| {
        assert_eq!(state, DeliveryState::Ignored);
        code.unwrap()
    });
    assert_eq!(
        states.collect::<Vec<_>>(),
        ["unknown_event", "other_repository"]
    );
    assert!(on.told().await.is_empty());
}
