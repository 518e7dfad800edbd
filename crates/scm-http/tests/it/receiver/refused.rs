//! What does not prove itself in the way of its own host: one answer for all, and nothing stored.

use ring::hmac;
use scm_types::SignatureScheme;

use super::{Delivery, NOBODY, Receiver, hex};

/// A delivery with another proof in the place of its own, and what is wrong with it.
fn forgeries(right: &Delivery) -> Vec<(String, Delivery)> {
    let (name, proof) = (right.proof(), right.header(right.proof()));
    let with = |value: &str| right.clone().with(name, value);
    let mut forged = vec![
        ("none".to_owned(), right.clone().without(name)),
        ("empty".to_owned(), with("")),
        ("truncated".to_owned(), with(&proof[..proof.len() - 1])),
        ("half".to_owned(), with(&proof[..proof.len() / 2])),
        ("upper case".to_owned(), with(&proof.to_uppercase())),
        ("longer".to_owned(), with(&format!("{proof}0"))),
        ("a list".to_owned(), with(&format!("{proof},{proof}"))),
        ("the word".to_owned(), with("sha256=")),
        ("null".to_owned(), with("null")),
    ];
    let mut twice = right.clone();
    twice.headers.push((name.to_owned(), proof.clone()));
    forged.push(("twice".to_owned(), twice));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, right.secret.as_bytes());
    let sha1 = format!("sha1={}", hex(hmac::sign(&key, &right.body).as_ref()));
    forged.push(("SHA-1".to_owned(), with(&sha1)));
    forged.push(("an empty key".to_owned(), {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"");
        with(&format!(
            "sha256={}",
            hex(hmac::sign(&key, &right.body).as_ref())
        ))
    }));
    forged
}

/// The delivery with the proof of another scheme, right for its own secret, instead of its own.
fn foreign(right: &Delivery) -> Vec<(String, Delivery)> {
    let bare = right
        .clone()
        .without(right.proof())
        .without("X-Hub-Signature");
    let hub = hmac::Key::new(hmac::HMAC_SHA256, right.secret.as_bytes());
    let hub = format!("sha256={}", hex(hmac::sign(&hub, &right.body).as_ref()));
    let proofs = [
        ("X-Hub-Signature-256", hub.clone()),
        ("X-Hub-Signature", hub),
        ("X-Gitlab-Token", right.secret.to_owned()),
        ("Authorization", format!("Bearer {}", right.secret)),
    ];
    proofs
        .into_iter()
        .filter(|(name, _)| *name != right.proof())
        .map(|(name, value)| (name.to_owned(), bare.clone().with(name, &value)))
        .collect()
}

#[tokio::test]
async fn forged_and_foreign_proofs_are_refused_like_an_unknown_id() {
    let on = Receiver::new().await;
    for (number, scheme) in SignatureScheme::ALL.into_iter().enumerate() {
        let right = Delivery::of(scheme);
        let id = on.hooked(&format!("t{number}"), &right).await;
        let unknown = on.send(NOBODY, &right).await.expect(404);
        for (what, wrong) in forgeries(&right).into_iter().chain(foreign(&right)) {
            let refused = on.send(&id, &wrong).await;
            assert_eq!(refused.status, 404, "{scheme}: {what}");
            assert_eq!(refused.bytes, unknown.bytes, "{scheme}: {what}");
        }
        assert_eq!(on.states(&id).await, [], "{scheme}");
    }
}

#[tokio::test]
async fn a_webhook_of_one_host_takes_nothing_of_another() {
    let on = Receiver::new().await;
    for (number, own) in SignatureScheme::ALL.into_iter().enumerate() {
        let mut hook = Delivery::of(own);
        // Everywhere the same secret, so that nothing but the scheme tells them apart.
        hook.secret = Delivery::of(SignatureScheme::GitlabSignature).secret;
        let id = on.hooked(&format!("t{number}"), &hook).await;
        for other in SignatureScheme::ALL {
            let mut delivery = Delivery::of(other);
            delivery.secret = hook.secret;
            let body = delivery.body.clone();
            let delivery = match other {
                SignatureScheme::GitlabToken => continue,
                _ => delivery.signed(&body),
            };
            let alike = |scheme| {
                matches!(
                    scheme,
                    SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter
                )
            };
            // The two Bitbuckets sign alike, and a GitLab may have learned to sign.
            let is_taken = own == other
                || alike(own) && alike(other)
                || own == SignatureScheme::GitlabToken && other == SignatureScheme::GitlabSignature;
            let want = if is_taken { 202 } else { 404 };
            assert_eq!(
                on.send(&id, &delivery).await.status,
                want,
                "{other} at {own}"
            );
        }
    }
}

#[tokio::test]
async fn the_state_of_the_integration_decides() {
    let on = Receiver::new().await;
    for (number, scheme) in SignatureScheme::ALL.into_iter().enumerate() {
        let (tenant, delivery) = (format!("t{number}"), Delivery::of(scheme));
        let id = on.hooked(&tenant, &delivery).await;
        on.patch(&id, &serde_json::json!({"isActive": false})).await;
        on.send(&id, &delivery).await.expect(202);
        assert_eq!(on.work_off().await, 1);
        let paused = ("ignored".to_owned(), "integration_paused".into());
        assert_eq!(on.states(&id).await, [paused], "{scheme}");
        assert_eq!(
            on.told(&tenant).await,
            Vec::<serde_json::Value>::new(),
            "{scheme}"
        );

        let unknown = on.send(NOBODY, &delivery).await.expect(404);
        on.delete(&id).await;
        let refused = on.send(&id, &delivery).await.expect(404);
        assert_eq!(refused.bytes, unknown.bytes, "{scheme}");
    }
}
