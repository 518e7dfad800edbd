//! GitLab's signatures and plain tokens.

use std::time::Duration;

use super::*;

const BODY: &[u8] = br#"{"object_kind":"push"}"#;

fn signed() -> Delivery {
    Delivery::signed(SignatureScheme::GitlabSignature, "Push Hook", BODY)
}

fn with_token() -> Delivery {
    Delivery::signed(SignatureScheme::GitlabToken, "Push Hook", BODY)
}

#[test]
fn a_signature_holds_for_five_minutes_either_way() {
    #[track_caller]
    fn check(millis: i64, accepted: bool) {
        let at = Timestamp::from_millis(SIGNED_AT * 1_000 + millis).unwrap();
        let got = signed().verify_at(&[SECRET], at).map(|_| ());
        let want = if accepted {
            Ok(())
        } else {
            Err(SignatureError::Stale)
        };
        assert_eq!(got, want, "{millis}");
    }
    let five = i64::try_from(Duration::from_mins(5).as_millis()).unwrap();
    check(0, true);
    check(five, true);
    check(five + 1, false);
    check(-five, true);
    check(-five - 1, false);
    check(24 * 3_600_000, false);
    check(-SIGNED_AT * 1_000, false);
}

#[test]
fn times_that_are_none_are_refused() {
    for time in [
        "",
        "-1",
        "+1793380800",
        "1793380800.0",
        "1793380800 ",
        "0x6ae4b1c0",
        "99999999999999999999",
        "9223372036854775807",
        "2026-10-30T16:00:00Z",
    ] {
        let mut delivery = signed();
        delivery.set("webhook-timestamp", time);
        let signature = standard(SECRET, &delivery);
        delivery.set("webhook-signature", &signature);
        let refused = delivery.verify().err();
        assert_eq!(refused, Some(SignatureError::Malformed), "{time:?}");
    }
}

#[test]
fn one_of_several_signatures_is_enough() {
    #[track_caller]
    fn check(value: &str, want: Result<(), SignatureError>) {
        let mut delivery = signed();
        delivery.set("webhook-signature", value);
        assert_eq!(delivery.verify().map(|_| ()), want, "{value}");
    }
    let right = signed().header("webhook-signature");
    let wrong = standard(OTHER, &signed());
    check(&format!("{wrong} {right}"), Ok(()));
    check(&format!("{right} {wrong}"), Ok(()));
    check(&format!("v2,whatever {right}"), Ok(()));
    check(&format!("v1a,AAAA {right}"), Ok(()));
    check(&wrong, Err(SignatureError::Mismatch));
    check(&format!("{wrong} {wrong}"), Err(SignatureError::Mismatch));

    let malformed = Err(SignatureError::Malformed);
    let encoded = right.strip_prefix("v1,").unwrap();
    for value in [
        String::new(),
        "v1".to_owned(),
        "v1,".to_owned(),
        encoded.to_owned(),
        format!("v2,{encoded}"),
        format!("V1,{encoded}"),
        format!("v1,{}", encoded.trim_end_matches('=')),
        format!("v1,{}", &encoded[..40]),
        format!("v1,{encoded}{encoded}"),
        format!("v1, {encoded}"),
        format!("v1,{} {right}", "!".repeat(44)),
        [right.as_str(); 9].join(" "),
    ] {
        check(&value, malformed);
    }
    check(&[right.as_str(); 8].join(" "), Ok(()));
}

#[test]
fn all_three_headers_must_be_there_once() {
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut without = signed();
        without.remove(name);
        assert_eq!(without.verify().err(), Some(SignatureError::Missing));
        let mut twice = signed();
        let value = twice.headers[name].clone();
        twice.headers.append(name, value);
        assert_eq!(twice.verify().err(), Some(SignatureError::Malformed));
    }
    for id in ["", "a b", &"x".repeat(257)] {
        let mut delivery = signed();
        delivery.set("webhook-id", id);
        let signature = standard(SECRET, &delivery);
        delivery.set("webhook-signature", &signature);
        assert_eq!(delivery.verify().err(), Some(SignatureError::Malformed));
    }
}

#[test]
fn a_webhook_that_signs_is_not_believed_by_its_plain_token() {
    let token = with_token().header("x-gitlab-token");
    let mut delivery = signed();
    delivery.set("x-gitlab-token", &token);
    assert!(delivery.verify().is_ok());
    delivery.remove("webhook-signature");
    assert_eq!(delivery.verify().err(), Some(SignatureError::Missing));
}

#[test]
fn a_plain_token_does_not_make_a_wrong_signature_right() {
    let mut delivery = with_token();
    assert!(delivery.verify().is_ok());
    let signed = Delivery::signed_with(OTHER, SignatureScheme::GitlabSignature, "Push Hook", BODY);
    for (name, value) in &signed.headers {
        delivery.headers.insert(name, value.clone());
    }
    assert_eq!(delivery.verify().err(), Some(SignatureError::Mismatch));
    delivery.set("webhook-signature", "nonsense");
    assert_eq!(delivery.verify().err(), Some(SignatureError::Malformed));
}

#[test]
fn a_signing_key_is_never_accepted_in_clear() {
    // GitLab was told a token that is made of it; whoever sends the key itself is not GitLab.
    let mut delivery = with_token();
    delivery.set("x-gitlab-token", SECRET);
    assert_eq!(delivery.verify().err(), Some(SignatureError::Mismatch));
}

#[test]
fn tokens_are_compared_whole() {
    let token = with_token().header("x-gitlab-token");
    for wrong in [
        "",
        &token[1..],
        &token[..token.len() - 1],
        &format!("{token}x"),
    ] {
        let mut delivery = with_token();
        delivery.set("x-gitlab-token", wrong);
        let refused = delivery.verify().err();
        assert_eq!(refused, Some(SignatureError::Mismatch), "{wrong:?}");
    }
}

#[test]
fn a_secret_that_is_no_signing_key_is_the_operators_matter() {
    for text in ["plain-secret", "whsec_", "whsec_***", "whsec_AAE"] {
        let refused = signed().verify_with(&[text]).err().unwrap();
        assert_eq!(refused, SignatureError::SigningKey, "{text}");
        assert!(refused.is_configuration());
    }
    assert!(!SignatureError::Mismatch.is_configuration());
}
