//! What tells deliveries apart.

use scm_providers::delivery::body_cap;

use super::*;

const BODY: &[u8] = br#"{"test":true}"#;

fn id(delivery: &Delivery) -> String {
    delivery.verify().unwrap().id().to_string()
}

fn digest(delivery: &Delivery) -> String {
    delivery.verify().unwrap().digest().to_owned()
}

#[test]
fn ids_come_from_the_header_of_each_product() {
    for (scheme, header) in [
        (SignatureScheme::Github, "x-github-delivery"),
        (SignatureScheme::Bitbucket, "x-request-uuid"),
        (SignatureScheme::BitbucketDataCenter, "x-request-id"),
        (SignatureScheme::GitlabSignature, "webhook-id"),
        (SignatureScheme::GitlabToken, "idempotency-key"),
    ] {
        let delivery = Delivery::signed(scheme, "push", BODY);
        assert_eq!(id(&delivery), delivery.header(header), "{scheme}");
    }
    let mut delivery = Delivery::signed(SignatureScheme::GitlabToken, "push", BODY);
    delivery.set("webhook-id", "comes-first");
    assert_eq!(id(&delivery), "comes-first");
}

#[test]
fn an_id_that_cannot_be_stored_is_replaced_by_the_digest() {
    for scheme in [
        SignatureScheme::Github,
        SignatureScheme::Bitbucket,
        SignatureScheme::BitbucketDataCenter,
    ] {
        let genuine = Delivery::signed(scheme, "push", BODY);
        let name = match scheme {
            SignatureScheme::Github => "x-github-delivery",
            SignatureScheme::Bitbucket => "x-request-uuid",
            _ => "x-request-id",
        };
        for bad in ["", "a b", "<script>", "a;b", &"x".repeat(129)] {
            let mut delivery = genuine.clone();
            delivery.set(name, bad);
            assert_eq!(id(&delivery), digest(&delivery), "{scheme} {bad:?}");
        }
        let mut twice = genuine.clone();
        twice
            .headers
            .append(name, HeaderValue::from_static("other"));
        assert_eq!(id(&twice), digest(&twice), "{scheme}");
        let mut without = genuine.clone();
        without.remove(name);
        assert_eq!(id(&without), digest(&without), "{scheme}");
    }
}

#[test]
fn an_older_gitlab_is_told_apart_by_trigger_event_and_body() {
    let older = |trigger: &str, event: &str, body: &[u8]| {
        let mut delivery = Delivery::signed(SignatureScheme::GitlabToken, event, body);
        delivery.remove("idempotency-key");
        delivery.set("x-gitlab-event-uuid", trigger);
        // New on every attempt, so it must not count.
        delivery.set("x-gitlab-webhook-uuid", trigger);
        delivery
    };
    let first = id(&older("1", "Push Hook", BODY));
    assert_eq!(first.len(), 64);
    let mut again = older("1", "Push Hook", BODY);
    again.set("x-gitlab-webhook-uuid", "another");
    assert_eq!(id(&again), first);
    assert_ne!(id(&older("2", "Push Hook", BODY)), first);
    assert_ne!(id(&older("1", "Tag Push Hook", BODY)), first);
    assert_ne!(id(&older("1", "Push Hook", b"{}")), first);
}

#[test]
fn a_digest_is_of_what_is_signed() {
    // printf '{"test":true}' | sha256sum
    let body_alone = "6fd977db9b2afe87a9ceee48432881299a6aaf83d935fbbe83007660287f9c2e";
    for scheme in [
        SignatureScheme::Github,
        SignatureScheme::Bitbucket,
        SignatureScheme::BitbucketDataCenter,
    ] {
        let delivery = Delivery::signed(scheme, "push", BODY);
        assert_eq!(digest(&delivery), body_alone, "{scheme}");
    }
    // Sent again by somebody who has seen it, under another id.
    let genuine = Delivery::signed(SignatureScheme::Github, "push", BODY);
    let mut replayed = genuine.clone();
    replayed.set("x-github-delivery", "another");
    assert_ne!(id(&replayed), id(&genuine));
    assert_eq!(digest(&replayed), digest(&genuine));
}

#[test]
fn what_gitlab_says_twice_happened_twice() {
    for scheme in [
        SignatureScheme::GitlabSignature,
        SignatureScheme::GitlabToken,
    ] {
        let first = Delivery::signed(scheme, "Push Hook", BODY);
        let mut second = first.clone();
        if scheme == SignatureScheme::GitlabToken {
            second.set("idempotency-key", "another");
        } else {
            second.set("webhook-id", "another");
            let signature = standard(SECRET, &second);
            second.set("webhook-signature", &signature);
        }
        assert_ne!(digest(&first), digest(&second), "{scheme}");
        assert_eq!(digest(&first), digest(&first.clone()), "{scheme}");
    }
}

#[test]
fn names_of_events_are_ordinary_words_or_none() {
    #[track_caller]
    fn check(raw: &[u8], want: Option<&str>) {
        let mut delivery = Delivery::signed(SignatureScheme::Github, "push", BODY);
        let value = HeaderValue::from_bytes(raw).unwrap();
        delivery.headers.insert("x-github-event", value);
        assert_eq!(delivery.verify().unwrap().event(), want);
    }
    check(b"pull_request", Some("pull_request"));
    check(b"Merge Request Hook", Some("Merge Request Hook"));
    check(b"repo:refs_changed", Some("repo:refs_changed"));
    check(b"", None);
    check(b"<b>", None);
    check(b"caf\xc3\xa9", None);
    check(b"\xff", None);
    check("x".repeat(65).as_bytes(), None);
}

#[test]
fn bodies_are_capped_by_what_the_hosts_send() {
    let mib = 1024 * 1024;
    for (scheme, cap) in [
        (SignatureScheme::Github, 25 * mib),
        (SignatureScheme::GitlabSignature, 25 * mib),
        (SignatureScheme::GitlabToken, 25 * mib),
        (SignatureScheme::Bitbucket, mib),
        (SignatureScheme::BitbucketDataCenter, 25 * mib),
    ] {
        assert_eq!(body_cap(scheme), cap, "{scheme}");
    }
}
