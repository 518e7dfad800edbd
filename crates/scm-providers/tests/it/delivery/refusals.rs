//! Payloads that are the host's and still cannot be read.

use scm_providers::delivery::{PayloadError, parse};

use super::*;

fn error(delivery: &Delivery) -> PayloadError {
    parse(&delivery.verify().unwrap()).unwrap_err()
}

/// A push of GitHub's with this body.
fn push(body: &[u8]) -> Delivery {
    Delivery::signed(SignatureScheme::Github, "push", body)
}

#[test]
fn only_json_is_read() {
    for (kind, is_read) in [
        ("application/json", true),
        ("application/json; charset=utf-8", true),
        ("Application/JSON", true),
        ("application/x-www-form-urlencoded", false),
        ("application/jsonp", false),
        ("text/plain", false),
        ("", false),
    ] {
        let mut delivery = Delivery::signed(SignatureScheme::Github, "ping", b"{}");
        delivery.set("content-type", kind);
        let got = parse(&delivery.verify().unwrap()).map(|events| events.len());
        let want = if is_read {
            Ok(1)
        } else {
            Err(PayloadError::ContentType)
        };
        assert_eq!(got, want, "{kind}");
    }
    let mut delivery = push(b"payload=%7B%7D");
    delivery.remove("content-type");
    let text = error(&delivery).to_string();
    assert!(text.contains("application/json"), "{text}");
}

#[test]
fn what_is_no_json_object_of_text_is_refused() {
    for (body, want) in [
        (&b""[..], PayloadError::Json { line: 1 }),
        (b"null", PayloadError::Json { line: 1 }),
        (b"[1, 2]", PayloadError::Json { line: 1 }),
        (b"\"push\"", PayloadError::Json { line: 1 }),
        (b"{", PayloadError::Json { line: 1 }),
        (b"{}x", PayloadError::Json { line: 1 }),
        (b"{\n\"a\": x\n}", PayloadError::Json { line: 2 }),
        (b"{\"a\":\"\xff\"}", PayloadError::Encoding),
        (b"\xfe\xff\0{", PayloadError::Encoding),
    ] {
        assert_eq!(error(&push(body)), want, "{body:?}");
    }
}

#[test]
fn deep_payloads_are_refused_wherever_they_are_deep() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for levels in [200, 100_000] {
            let inner = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            for member in ["ref", "nobody_reads_this", "repository", "action"] {
                let body = format!("{{\"{member}\":{inner}}}");
                assert_eq!(error(&push(body.as_bytes())), PayloadError::Depth);
            }
        }
    }
    let shallow = format!("{{\"x\":{}{}}}", "[".repeat(63), "]".repeat(63));
    let delivery = Delivery::signed(SignatureScheme::Github, "ping", shallow.as_bytes());
    assert!(parse(&delivery.verify().unwrap()).is_ok());
}

#[test]
fn what_an_event_cannot_do_without_is_named() {
    let repository = r#""repository":{"id":1,"full_name":"a/b"}"#;
    let (before, after) = ("\"before\":\"x\"", "\"after\":\"0\"");
    for body in [
        format!("{{\"ref\":\"refs/heads/a\",{repository}}}"),
        format!("{{\"ref\":\"refs/heads/a\",{before},{after},{repository}}}"),
    ] {
        let want = PayloadError::Missing("the commits before and after");
        assert_eq!(error(&push(body.as_bytes())), want);
    }
    let shas = format!("\"before\":\"{0}\",\"after\":\"{0}\"", "ab".repeat(20));
    let body = format!("{{\"ref\":\"refs/heads/a\",{shas}}}");
    let error_text = error(&push(body.as_bytes())).to_string();
    assert_eq!(
        error_text,
        "The payload must have the repository that it is about"
    );
    assert_eq!(error(&push(b"{}")), PayloadError::Shape { line: 1 });
    let wrong = error(&push(b"{\n\"ref\": 5}"));
    assert_eq!(wrong, PayloadError::Shape { line: 2 });
}

#[test]
fn a_delivery_without_the_name_of_its_event_is_refused() {
    for (scheme, header) in [
        (SignatureScheme::Github, "x-github-event"),
        (SignatureScheme::Bitbucket, "x-event-key"),
        (SignatureScheme::BitbucketDataCenter, "x-event-key"),
        (SignatureScheme::GitlabSignature, "x-gitlab-event"),
        (SignatureScheme::GitlabToken, "x-gitlab-event"),
    ] {
        let mut delivery = Delivery::signed(scheme, "push", b"{}");
        delivery.remove(header);
        assert_eq!(error(&delivery), PayloadError::Event, "{scheme}");
    }
}

#[test]
fn no_error_repeats_the_payload() {
    for body in [
        &br#"{"ref":"refs/tags/marker","before":"marker"}"#[..],
        br#"{"ref":["marker"]}"#,
        br#"{"marker"#,
        br#"{"ref":"refs/heads/marker","before":"marker","after":"marker"}"#,
    ] {
        let error = error(&push(body));
        let text = format!("{error} {error:?}");
        assert!(!text.contains("marker"), "{text}");
    }
}

#[test]
fn texts_are_bounded_and_hold_no_control_characters() {
    let long = "x".repeat(100_000);
    let sha = "ab".repeat(20);
    let body = serde_json::json!({
        "ref": format!("refs/heads/\u{1b}[31m\u{85}{long}"),
        "before": sha,
        "after": sha,
        "repository": { "id": 1, "full_name": format!("a\0/{long}"), "html_url": format!("https://h/{long}") },
        "sender": { "id": 1, "login": format!("a\r\n{long}") },
        "commits": [{ "id": sha, "message": format!("\u{7}{long}"), "author": { "name": long } }],
    });
    let delivery = push(body.to_string().as_bytes());
    let events = parse(&delivery.verify().unwrap()).unwrap();
    let text = serde_json::to_string(&events).unwrap();
    assert!(text.len() < 5_000, "{}", text.len());
    // Serialised, a control character is an escape.
    assert!(!text.contains("\\u00") && !text.contains("\\n"), "{text}");
    assert!(
        text.contains("\"branch\":\"\u{fffd}[31m\u{fffd}x"),
        "{text}"
    );
}
