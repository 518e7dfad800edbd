//! Deliveries as the hosts sent them: every one is accepted, and none with any byte changed.

use scm_providers::delivery::{parse, parse_kept};
use scm_testkit::deliveries::{ALL, RecordedDelivery};

use super::*;

fn scheme(recorded: &RecordedDelivery) -> SignatureScheme {
    recorded.scheme.parse().unwrap()
}

fn delivery(recorded: &RecordedDelivery) -> Delivery {
    let mut delivery = Delivery {
        scheme: scheme(recorded),
        headers: HeaderMap::new(),
        body: recorded.body.to_owned(),
    };
    for (name, value) in recorded.headers() {
        delivery.set(&name, &value);
    }
    delivery
}

/// The delivery of that name and the secret that it is signed with.
pub(super) fn recorded(name: &str) -> (Delivery, &'static str) {
    let found = RecordedDelivery::named(name);
    (delivery(&found), found.secret)
}

/// How many there are.
pub(super) fn count() -> usize {
    ALL.len()
}

/// One of them, and the secret that it is signed with.
pub(super) fn nth(index: usize) -> (Delivery, &'static str) {
    (delivery(&ALL[index]), ALL[index].secret)
}

#[test]
fn every_recorded_delivery_is_accepted() {
    for recorded in ALL {
        let delivery = delivery(recorded);
        let verified = delivery.verify_with(&[recorded.secret]);
        let verified = verified.unwrap_or_else(|error| panic!("{}: {error}", recorded.name));
        assert_eq!(verified.body(), recorded.body);
        assert_eq!(verified.scheme(), scheme(recorded));
        assert_eq!(verified.matched(), 0);
        assert!(verified.event().is_some(), "{}", recorded.name);
    }
}

#[test]
fn what_was_kept_tells_what_it_told_when_it_came() {
    for recorded in ALL {
        let delivery = delivery(recorded);
        let told = parse(&delivery.verify_with(&[recorded.secret]).unwrap()).unwrap();
        let kept = parse_kept(delivery.scheme, &delivery.headers, &delivery.body);
        assert_eq!(kept, Ok(told), "{}", recorded.name);
    }
}

#[test]
fn no_byte_of_a_body_can_be_changed() {
    for recorded in ALL {
        let mut delivery = delivery(recorded);
        for position in 0..delivery.body.len() {
            delivery.body[position] ^= 1;
            let refused = delivery.verify_with(&[recorded.secret]).err();
            assert_eq!(
                refused,
                Some(SignatureError::Mismatch),
                "{} {position}",
                recorded.name
            );
            delivery.body[position] ^= 1;
        }
        for shorter in [0, delivery.body.len() - 1] {
            let mut cut = delivery.clone();
            cut.body.truncate(shorter);
            assert!(cut.verify_with(&[recorded.secret]).is_err());
        }
        delivery.body.push(b' ');
        assert!(delivery.verify_with(&[recorded.secret]).is_err());
    }
}

#[test]
fn no_character_of_a_signature_can_be_changed() {
    for recorded in ALL {
        let name = recorded.proof();
        let right = delivery(recorded).header(name);
        for position in 0..right.len() {
            for flipped in [1, 2, 4, 32] {
                let mut wrong = right.clone().into_bytes();
                wrong[position] ^= flipped;
                let Ok(value) = HeaderValue::from_bytes(&wrong) else {
                    continue;
                };
                let mut delivery = delivery(recorded);
                delivery.headers.insert(name, value);
                let verified = delivery.verify_with(&[recorded.secret]);
                assert!(verified.is_err(), "{} {position} {flipped}", recorded.name);
            }
        }
    }
}

#[test]
fn what_gitlab_signs_along_cannot_be_changed() {
    for (name, other) in [
        ("webhook-id", "3a427872-00df-429c-9bc9-a9475de2ef99"),
        ("webhook-timestamp", "1793380801"),
    ] {
        let (mut delivery, secret) = recorded("gitlab/webhook_push");
        delivery.set(name, other);
        let refused = delivery.verify_with(&[secret]).err();
        assert_eq!(refused, Some(SignatureError::Mismatch), "{name}");
    }
}

#[test]
fn a_secret_that_other_software_has_set_is_taken_as_it_is() {
    // GitLab, before it signed: the header holds that very secret.
    let (mut delivery, _) = recorded("gitlab/webhook_push");
    delivery.scheme = SignatureScheme::GitlabToken;
    delivery.remove("webhook-signature");
    assert!(delivery.verify_with(&["plain-secret"]).is_ok());
    let refused = delivery.verify_with(&["plain-secreT"]).err();
    assert_eq!(refused, Some(SignatureError::Mismatch));
}
