//! Whatever comes: nothing panics, and nothing is accepted that was not signed.

use proptest::prelude::*;
use scm_providers::delivery::parse;
use serde_json::{Map, Value};

use super::*;

fn scheme() -> impl Strategy<Value = SignatureScheme> {
    proptest::sample::select(SignatureScheme::ALL.to_vec())
}

/// Headers that are read, and values that look like theirs.
fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let names = vec![
        "x-hub-signature-256",
        "x-hub-signature",
        "x-gitlab-token",
        "webhook-signature",
        "webhook-id",
        "webhook-timestamp",
        "idempotency-key",
        "x-gitlab-event-uuid",
        "content-type",
    ];
    let values = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..100),
        "sha256=[0-9a-f]{60,68}".prop_map(String::into_bytes),
        "(v1,[A-Za-z0-9+/]{40,44}={0,2} ?){1,3}".prop_map(String::into_bytes),
        "17933808[0-9]{0,4}".prop_map(String::into_bytes),
    ];
    (proptest::sample::select(names), values)
}

/// Names of members that are read, so that what is generated gets past the first look.
const MEMBERS: &[&str] = &[
    "action",
    "actor",
    "after",
    "archived",
    "author",
    "base",
    "before",
    "branch",
    "changes",
    "checkout_sha",
    "commits",
    "default_branch",
    "destination",
    "eventKey",
    "forced",
    "from",
    "fromHash",
    "fromRef",
    "full_name",
    "hash",
    "head",
    "head_commit",
    "hook_id",
    "html",
    "href",
    "id",
    "iid",
    "installation",
    "key",
    "links",
    "login",
    "merge_commit",
    "message",
    "name",
    "new",
    "number",
    "object_attributes",
    "object_kind",
    "old",
    "owner",
    "path_with_namespace",
    "project",
    "properties",
    "pullRequest",
    "pull_request",
    "pullrequest",
    "push",
    "ref",
    "release",
    "repo",
    "repository",
    "self",
    "sender",
    "slug",
    "source",
    "tag",
    "tag_name",
    "target",
    "test",
    "title",
    "toCommit",
    "toHash",
    "toRef",
    "type",
    "user",
    "username",
    "uuid",
];

const EVENTS: &[&str] = &[
    "push",
    "create",
    "pull_request",
    "release",
    "repository",
    "installation",
    "meta",
    "ping",
    "Push Hook",
    "repo:push",
    "repo:updated",
    "repo:transfer",
    "pullrequest:created",
    "repo:refs_changed",
    "repo:modified",
    "pr:opened",
    "diagnostics:ping",
    "something",
];

fn json() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![
        any::<String>(),
        "[0-9a-f]{40}",
        Just("0".repeat(40)),
        "refs/(heads|tags)/[a-z/]{0,9}",
        proptest::sample::select(vec![
            "push",
            "tag_push",
            "merge_request",
            "release",
            "merge",
            "create",
            "closed",
            "opened",
            "renamed",
            "transferred",
            "edited",
            "published",
            "branch",
            "tag",
            "a/b",
            "pr:merged",
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 200, 12, |inner| {
        let member = proptest::sample::select(MEMBERS).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((member, inner), 0..12)
                .prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

/// All that is told of a delivery that holds.
fn read(delivery: &Delivery) {
    let verified = delivery.verify().unwrap();
    if let Ok(events) = parse(&verified) {
        for event in events {
            let json = serde_json::to_string(&event).unwrap();
            let back: scm_types::ScmEvent = serde_json::from_str(&json).unwrap();
            assert_eq!(back, event);
        }
    }
}

proptest! {
    #[test]
    fn headers_that_were_not_signed_are_refused(
        scheme in scheme(),
        headers in proptest::collection::vec(header(), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut delivery = Delivery { scheme, headers: HeaderMap::new(), body };
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                delivery.headers.append(name, value);
            }
        }
        prop_assert!(delivery.verify_with(&[SECRET, OTHER]).is_err());
    }

    #[test]
    fn whatever_is_signed_is_accepted(
        scheme in scheme(),
        event in ".{0,70}",
        body in proptest::collection::vec(any::<u8>(), 0..500),
    ) {
        if HeaderValue::try_from(event.as_str()).is_ok() {
            let delivery = Delivery::signed(scheme, &event, &body);
            prop_assert!(delivery.verify().is_ok());
            read(&delivery);
        }
    }

    #[test]
    fn any_json_is_read_or_refused(
        scheme in scheme(),
        event in proptest::sample::select(EVENTS),
        payload in json(),
    ) {
        read(&Delivery::signed(scheme, event, payload.to_string().as_bytes()));
    }

    #[test]
    fn recorded_payloads_with_anything_in_them_are_read_or_refused(
        at in any::<proptest::sample::Index>(),
        recorded in 0..super::recorded::count(),
        value in json(),
    ) {
        let (delivery, secret) = super::recorded::nth(recorded);
        let verified = delivery.verify_with(&[secret]).unwrap();
        let mut payload: Value = serde_json::from_slice(verified.body()).unwrap();
        replace(&mut payload, at, &value);
        let (scheme, event) = (verified.scheme(), verified.event().unwrap());
        read(&Delivery::signed(scheme, event, payload.to_string().as_bytes()));
    }
}

/// Puts a value in the place of some other, at any depth.
fn replace(payload: &mut Value, at: proptest::sample::Index, value: &Value) {
    fn places(value: &Value) -> usize {
        1 + match value {
            Value::Array(items) => items.iter().map(places).sum(),
            Value::Object(members) => members.values().map(places).sum(),
            _ => 0,
        }
    }
    fn put(target: &mut Value, left: &mut usize, value: &Value) {
        if *left == 0 {
            *target = value.clone();
            *left = usize::MAX;
            return;
        }
        *left -= 1;
        let inner: Vec<&mut Value> = match target {
            Value::Array(items) => items.iter_mut().collect(),
            Value::Object(members) => members.values_mut().collect(),
            _ => Vec::new(),
        };
        for target in inner {
            if *left == usize::MAX {
                return;
            }
            put(target, left, value);
        }
    }
    let mut left = at.index(places(payload));
    put(payload, &mut left, value);
}
