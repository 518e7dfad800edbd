//! What is not accepted, for every scheme.

use super::*;

const BODY: &[u8] = br#"{"test":true}"#;

const SCHEMES: [SignatureScheme; 5] = SignatureScheme::ALL;

fn genuine(scheme: SignatureScheme) -> Delivery {
    Delivery::signed(scheme, "push", BODY)
}

/// The header that proves a delivery.
fn proof(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::Github => "x-hub-signature-256",
        SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter => "x-hub-signature",
        SignatureScheme::GitlabSignature => "webhook-signature",
        SignatureScheme::GitlabToken => "x-gitlab-token",
    }
}

#[test]
fn the_genuine_one_is_accepted() {
    for scheme in SCHEMES {
        assert!(genuine(scheme).verify().is_ok(), "{scheme}");
    }
}

#[test]
fn another_secret_is_not() {
    for scheme in SCHEMES {
        let refused = genuine(scheme).verify_with(&[OTHER]).err();
        assert_eq!(refused, Some(SignatureError::Mismatch), "{scheme}");
    }
}

#[test]
fn without_its_header_nothing_is() {
    for scheme in SCHEMES {
        let mut delivery = genuine(scheme);
        delivery.remove(proof(scheme));
        let refused = delivery.verify().err();
        assert_eq!(refused, Some(SignatureError::Missing), "{scheme}");
    }
}

#[test]
fn a_header_that_is_there_twice_is_not() {
    for scheme in SCHEMES {
        let name = proof(scheme);
        let right = genuine(scheme).headers[name].clone();
        for second in [right, HeaderValue::from_static("sha256=00")] {
            let mut delivery = genuine(scheme);
            delivery.headers.append(name, second);
            let refused = delivery.verify().err();
            assert_eq!(refused, Some(SignatureError::Malformed), "{scheme}");
        }
    }
}

#[test]
fn what_has_not_exactly_the_form_of_its_host_is_not() {
    for scheme in [
        SignatureScheme::Github,
        SignatureScheme::Bitbucket,
        SignatureScheme::BitbucketDataCenter,
    ] {
        let right = genuine(scheme).header(proof(scheme));
        let digits = right.strip_prefix("sha256=").unwrap();
        for wrong in [
            String::new(),
            "sha256=".to_owned(),
            digits.to_owned(),
            format!("sha1={digits}"),
            format!("sha1={}", &digits[..40]),
            format!("sha512={digits}{digits}"),
            format!("SHA256={digits}"),
            format!("sha256={}", digits.to_uppercase()),
            format!("sha256={}", &digits[..63]),
            format!("sha256={}", &digits[..62]),
            format!("sha256={digits}0"),
            format!("sha256={digits}00"),
            format!("sha256= {digits}"),
            format!(" {right}"),
            format!("{right} "),
            format!("{right},{right}"),
            format!("sha256=g{}", &digits[1..]),
        ] {
            let mut delivery = genuine(scheme);
            delivery.set(proof(scheme), &wrong);
            let refused = delivery.verify().err();
            assert_eq!(refused, Some(SignatureError::Malformed), "{scheme} {wrong}");
        }
        let mut delivery = genuine(scheme);
        let wrong = HeaderValue::from_bytes(b"sha256=\xff\xfe").unwrap();
        delivery.headers.insert(proof(scheme), wrong);
        assert_eq!(delivery.verify().err(), Some(SignatureError::Malformed));
    }
}

#[test]
fn sha_1_is_not() {
    // What GitHub sends beside the other one, and nothing else.
    let mut delivery = genuine(SignatureScheme::Github);
    delivery.remove("x-hub-signature-256");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    let tag = hmac::sign(&key, BODY);
    delivery.set("x-hub-signature", &format!("sha1={}", hex(tag.as_ref())));
    assert_eq!(delivery.verify().err(), Some(SignatureError::Missing));
    delivery.scheme = SignatureScheme::Bitbucket;
    assert_eq!(delivery.verify().err(), Some(SignatureError::Malformed));
}

#[test]
fn what_proves_a_delivery_by_another_scheme_does_not_by_this() {
    for scheme in SCHEMES {
        for foreign in SCHEMES {
            let mut delivery = genuine(foreign);
            delivery.scheme = scheme;
            let accepted = delivery.verify().is_ok();
            // The products of one maker write the same header, and a GitLab that has learned to sign
            // since its webhook was registered is believed by its signature.
            let alike = |scheme| {
                matches!(
                    scheme,
                    SignatureScheme::Bitbucket | SignatureScheme::BitbucketDataCenter
                )
            };
            let expected = scheme == foreign
                || (alike(scheme) && alike(foreign))
                || (scheme == SignatureScheme::GitlabToken
                    && foreign == SignatureScheme::GitlabSignature);
            assert_eq!(accepted, expected, "{foreign} as {scheme}");
        }
    }
}

#[test]
fn a_foreign_proof_beside_a_wrong_one_is_no_help() {
    for scheme in SCHEMES {
        let mut delivery = Delivery::signed_with(OTHER, scheme, "push", BODY);
        for foreign in SCHEMES {
            let name = proof(foreign);
            if !delivery.headers.contains_key(name) && foreign != SignatureScheme::GitlabSignature {
                delivery
                    .headers
                    .insert(name, genuine(foreign).headers[name].clone());
            }
        }
        let refused = delivery.verify().err();
        assert_eq!(refused, Some(SignatureError::Mismatch), "{scheme}");
    }
}

#[test]
fn keys_that_anybody_can_guess_are_not() {
    // The one that stands in the place of a second secret, and the empty one.
    for scheme in SCHEMES {
        for key in [&[0; 32][..], b""] {
            let mut delivery = genuine(scheme);
            let value = match scheme {
                SignatureScheme::GitlabToken => String::from_utf8(key.to_owned()).unwrap(),
                SignatureScheme::GitlabSignature => {
                    let text = format!("whsec_{}", BASE64_STANDARD.encode(key));
                    standard(&text, &delivery)
                }
                _ => sha256(key, BODY),
            };
            if let Ok(value) = HeaderValue::try_from(value) {
                delivery.headers.insert(proof(scheme), value);
                let refused = delivery.verify().err();
                assert_eq!(refused, Some(SignatureError::Mismatch), "{scheme}");
            }
        }
    }
}

#[test]
fn no_error_repeats_what_came() {
    for scheme in SCHEMES {
        let mut delivery = genuine(scheme);
        delivery.set(proof(scheme), "marker-of-the-header");
        delivery.body = b"marker-of-the-body".to_vec();
        let error = delivery.verify().err().unwrap();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("marker"), "{text}");
    }
    let (delivery, secret) = (genuine(SignatureScheme::Github), [SECRET]);
    let shown = format!("{:?}", delivery.verify_with(&secret).unwrap());
    assert!(
        !shown.contains("test") && !shown.contains("whsec"),
        "{shown}"
    );
}
