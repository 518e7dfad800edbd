//! What is genuine and cannot be used: kept, and dead, or refused by what it is wrapped in.

use scm_types::SignatureScheme;

use super::{Delivery, NOBODY, Receiver};

#[tokio::test]
async fn a_genuine_payload_that_cannot_be_read_is_kept_and_dead() {
    let on = Receiver::new().await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let json = "application/json";
    let cases: [(&str, &[u8], &str); 6] = [
        (json, b"{\"ref\":", "payload_json"),
        (json, b"", "payload_json"),
        (json, b"{\"ref\":\"\xff\xfe\"}", "payload_encoding"),
        (json, deep.as_bytes(), "payload_depth"),
        ("text/plain", b"{}", "payload_content_type"),
        (
            "application/x-www-form-urlencoded",
            b"payload=%7B%22zen%22%3A1%7D",
            "payload_content_type",
        ),
    ];
    for (number, scheme) in SignatureScheme::ALL.into_iter().enumerate() {
        let delivery = Delivery::of(scheme);
        for (case, (kind, body, code)) in cases.iter().enumerate() {
            let tenant = format!("t{number}-{case}");
            let id = on.hooked(&tenant, &delivery).await;
            let sent = delivery.clone().with("Content-Type", kind).signed(body);
            let accepted = on.send(&id, &sent).await;
            assert_eq!(accepted.status, 202, "{scheme}: {code}");
            assert_eq!(on.work_off().await, 1, "{scheme}: {code}");
            let dead = ("dead".to_owned(), (*code).into());
            assert_eq!(on.states(&id).await, [dead], "{scheme}: {code}");
            assert_eq!(on.told(&tenant).await, Vec::<serde_json::Value>::new());
        }
    }
}

#[tokio::test]
async fn packed_and_oversized_bodies_are_refused_whoever_signed_them() {
    let on = Receiver::new().await;
    for (number, scheme) in SignatureScheme::ALL.into_iter().enumerate() {
        let delivery = Delivery::of(scheme);
        let id = on.hooked(&format!("t{number}"), &delivery).await;
        for id in [id.as_str(), NOBODY] {
            for packed in ["gzip", "br", "deflate", "identity, gzip"] {
                let packed = delivery.clone().with("Content-Encoding", packed);
                let refused = on.send(id, &packed).await.expect(415);
                assert_eq!(
                    refused.failure().0,
                    "unsupported_content_encoding",
                    "{scheme}"
                );
            }
        }
        let large = delivery.clone().signed(&vec![b' '; 30 * 1024 * 1024]);
        let refused = on.send(&id, &large).await.expect(413);
        assert_eq!(refused.failure().0, "delivery_too_large", "{scheme}");
        assert_eq!(on.states(&id).await, [], "{scheme}");
    }
}

#[tokio::test]
async fn what_is_larger_than_its_host_sends_is_refused_once_it_is_proved() {
    let on = Receiver::new().await;
    let delivery = Delivery::of(SignatureScheme::Bitbucket);
    let id = on.hooked("t", &delivery).await;
    let large = delivery.signed(&vec![b' '; 1024 * 1024 + 1]);
    on.send(&id, &large).await.expect(413);
    let forged = large.clone().with("X-Hub-Signature", "sha256=00");
    on.send(&id, &forged).await.expect(404);
    assert_eq!(on.states(&id).await, []);
}
