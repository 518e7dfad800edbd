//! Several secrets of one webhook, and none.

use scm_providers::delivery::verify_nothing;

use super::*;

const BODY: &[u8] = br#"{"test":true}"#;

#[test]
fn while_a_secret_is_replaced_both_are_accepted() {
    for scheme in SignatureScheme::ALL {
        for (signer, matched) in [(SECRET, 0), (OTHER, 1)] {
            let delivery = Delivery::signed_with(signer, scheme, "push", BODY);
            let verified = delivery.verify_with(&[SECRET, OTHER]).unwrap();
            assert_eq!(verified.matched(), matched, "{scheme}");
        }
        let third = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
        let delivery = Delivery::signed_with(third, scheme, "push", BODY);
        let refused = delivery.verify_with(&[SECRET, OTHER]).err();
        assert_eq!(refused, Some(SignatureError::Mismatch), "{scheme}");
    }
}

#[test]
fn a_secret_that_other_software_has_set_can_be_replaced() {
    let scheme = SignatureScheme::GitlabSignature;
    let delivery = Delivery::signed(scheme, "Push Hook", BODY);
    for secrets in [[SECRET, "plain-secret"], ["plain-secret", SECRET]] {
        let verified = delivery.verify_with(&secrets).unwrap();
        assert_eq!(secrets[verified.matched()], SECRET);
    }
}

#[test]
fn the_same_secret_twice_is_the_first() {
    let delivery = Delivery::signed(SignatureScheme::Github, "push", BODY);
    assert_eq!(
        delivery.verify_with(&[SECRET, SECRET]).unwrap().matched(),
        0
    );
}

#[test]
fn without_a_secret_nothing_is_accepted() {
    for scheme in SignatureScheme::ALL {
        let delivery = Delivery::signed(scheme, "push", BODY);
        for secrets in [&[][..], &[SECRET, OTHER, SECRET]] {
            let refused = delivery.verify_with(secrets).err();
            assert_eq!(refused, Some(SignatureError::Secrets), "{scheme}");
        }
        let mut empty = delivery.clone();
        empty.headers.clear();
        assert!(empty.verify_with(&[]).is_err());
    }
}

#[test]
fn a_webhook_that_nobody_knows_takes_any_body() {
    for body in [&b""[..], BODY, &vec![0xff; 100_000]] {
        verify_nothing(body);
    }
}
