//! What is not taken in.

use std::time::Duration;

use scm_service::{DeliveryFilter, Received, ServiceError, Services, StoreError};
use scm_testkit::git_host::Dialect;
use scm_types::{DeliveryState, EventCursor, EventKind, IntegrationId, PageLimit};

use super::{Hooked, Signed, assert_unknown, cipher, pool, server};
use crate::bench::{Bench, owner};

#[tokio::test]
async fn what_is_not_proved_is_refused_in_one_way() {
    let on = Hooked::new().await;
    let push = on.push().await;
    let signed = Signed::new(&on.secret, "push", &push.key, push.body.as_bytes());
    let mut changed = signed.clone();
    changed.body[10] ^= 1;
    let mut empty = signed.clone();
    empty.body.clear();
    for refused in [
        changed,
        empty,
        Signed::new("another-secret", "push", &push.key, push.body.as_bytes()),
        signed.clone().without("x-hub-signature-256"),
        signed.clone().with("x-hub-signature-256", ""),
        signed.clone().with("x-hub-signature-256", "sha256=zz"),
        signed.clone().with(
            "x-hub-signature-256",
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
        ),
        // What another host's delivery is proved by.
        signed
            .clone()
            .without("x-hub-signature-256")
            .with("x-gitlab-token", &on.secret),
    ] {
        assert_unknown(&on.receive(&refused).await);
    }
    let nobody = IntegrationId::parse("V1StGXR8_Z5jdHi6B-myT").unwrap();
    assert_unknown(&signed.to(&on.services, &nobody).await);
    assert!(on.states().await.is_empty());

    on.services
        .delete(&owner(), on.id(), false, None)
        .await
        .unwrap();
    // Whatever is kept in memory: what is refused by it is compared, what is accepted is not.
    on.bench.clock.advance(Duration::from_secs(31));
    assert_unknown(&on.receive(&signed).await);
}

#[tokio::test]
async fn an_integration_without_a_webhook_takes_nothing() {
    let bench = Bench::new(Dialect::Github).await;
    let signed = Signed::new("", "ping", "key", b"{}");
    assert_unknown(&signed.to(&bench.services, &bench.id).await);
    let other = server(&bench).await;
    assert_unknown(&signed.to(&other, &bench.id).await);
    // The webhook that is registered then is known at once, also where nothing was known before.
    bench.services.verify(&owner(), &bench.id).await.unwrap();
    server(&bench)
        .await
        .register_webhook(&owner(), &bench.id)
        .await
        .unwrap();
    bench.clock.advance(Duration::from_secs(1));
    let secret = bench.git.hooks()[0].secret.clone().unwrap();
    let ping = Signed::new(&secret, "ping", "key", b"{\"zen\":\"z\",\"hook_id\":1}");
    assert_eq!(
        ping.to(&other, &bench.id).await.unwrap(),
        Received::Accepted
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_told() {
    let on = Hooked::new().await;
    let pool = pool(&on.bench).await;
    let services = Services::builder(pool.clone(), cipher()).clock(on.bench.clock.clone());
    let services = services.build().unwrap();
    let signed = Signed::new(&on.secret, "ping", "one", b"{\"zen\":\"1\",\"hook_id\":1}");
    assert_eq!(
        signed.to(&services, on.id()).await.unwrap(),
        Received::Accepted
    );
    pool.close().await.unwrap();
    let again = Signed::new(&on.secret, "ping", "two", b"{\"zen\":\"2\",\"hook_id\":1}");
    let nobody = IntegrationId::parse("nobody").unwrap();
    for id in [on.id(), &nobody] {
        let refused = again.to(&services, id).await;
        assert!(
            matches!(
                &refused,
                Err(ServiceError::Store(StoreError::Unavailable { .. }))
            ),
            "{refused:?}"
        );
    }
    assert_eq!(on.states().await.len(), 1);
}

#[tokio::test]
async fn every_product_proves_itself_in_its_own_way() {
    for dialect in [Dialect::Gitlab, Dialect::Bitbucket] {
        let bench = Bench::new(dialect).await;
        // GitLab before 19.0, which sends a token in clear.
        bench.git.set_hook_signing(false);
        let services = server(&bench).await;
        services
            .register_webhook(&owner(), &bench.id)
            .await
            .unwrap();
        let hook = bench.git.hooks().remove(0);
        let push = bench.git.deliver_push("refs/heads/main", None).await;
        let push = push.into_iter().next().unwrap();
        let github = Signed::new(
            hook.secret.as_deref().unwrap_or("none"),
            "push",
            &push.key,
            push.body.as_bytes(),
        );
        let signature = github.headers[3].1.clone();
        let bare = Signed {
            headers: vec![("content-type", "application/json".to_owned())],
            body: github.body.clone(),
        };
        let (event, signed, wrong) = if dialect == Dialect::Gitlab {
            let bare = bare
                .with("x-gitlab-event", "Push Hook")
                .with("idempotency-key", &push.key);
            let token = hook.token.as_ref().unwrap();
            (
                "Push Hook",
                bare.clone().with("x-gitlab-token", token),
                bare.with("x-gitlab-token", "x"),
            )
        } else {
            let bare = bare
                .with("x-event-key", &push.event)
                .with("x-request-uuid", &push.key);
            let signed = bare.clone().with("x-hub-signature", &signature);
            (
                "repo:push",
                signed,
                bare.with("x-hub-signature-256", &signature),
            )
        };
        // GitHub's header is right, where there is a secret to sign with, and not what is sent here.
        for refused in [&github, &wrong] {
            assert_unknown(&refused.to(&services, &bench.id).await);
        }
        assert_eq!(
            signed.to(&services, &bench.id).await.unwrap(),
            Received::Accepted,
            "{dialect:?}"
        );
        assert_eq!(services.work_off_deliveries().await.unwrap(), 1);
        let filter = DeliveryFilter::default();
        let page = services
            .deliveries(&owner(), &bench.id, &filter)
            .await
            .unwrap();
        let delivery = &page.items[0];
        assert_eq!(
            (delivery.state, delivery.event.as_str()),
            (DeliveryState::Done, event),
            "{delivery:?}"
        );
        let first = EventCursor::default();
        let told = services
            .events(&owner(), None, first, PageLimit::MAX, Duration::ZERO)
            .await;
        let told = told.unwrap().items;
        assert!(
            told.iter()
                .any(|told| matches!(told.event.kind, EventKind::Push(_))),
            "{told:?}"
        );
    }
}
