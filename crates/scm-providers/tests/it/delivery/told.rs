//! What deliveries tell: the recorded ones, and for what none was recorded payloads in the form that
//! the host documents, with the members that are read.

#![expect(
    clippy::needless_pass_by_value,
    reason = "tables of JSON are written in place"
)]

mod bitbucket;
mod data_center;
mod github;
mod gitlab;

use scm_providers::delivery::parse;
use scm_types::{ScmEvent, SignatureScheme};
use serde_json::{Value, json};

use super::{Delivery, recorded::recorded};

/// A commit of each payload here.
const HEAD: &str = "c14c1bb05dfb1fdcdf06b31485fff61b0ea44277";
/// Its parent.
const BASE: &str = "a51241ae1f00cbe728930db48e890b18fd527f99";
/// An annotated tag, or whatever else is no commit.
const OBJECT: &str = "fabed3d94cd03e6c2b7958afa9569c18a24d301f";
const ZEROS: &str = "0000000000000000000000000000000000000000";

/// The events of a recorded delivery, as JSON.
fn recorded_events(name: &str) -> Value {
    let (delivery, secret) = recorded(name);
    let verified = delivery.verify_with(&[secret]).unwrap();
    let events = parse(&verified).unwrap_or_else(|error| panic!("{name}: {error}"));
    delivered(events)
}

/// The events of a payload, as JSON.
fn events(scheme: SignatureScheme, event: &str, payload: &Value) -> Value {
    let delivery = Delivery::signed(scheme, event, payload.to_string().as_bytes());
    let events = parse(&delivery.verify().unwrap());
    delivered(events.unwrap_or_else(|error| panic!("{event}: {error}")))
}

/// As JSON, without the mark of those that no delivery told, which none of these has.
fn delivered(events: Vec<ScmEvent>) -> Value {
    let without_mark = |event| {
        let mut event = serde_json::to_value(event).unwrap();
        let mark = event.as_object_mut().unwrap().remove("reconciled");
        assert_eq!(mark, Some(Value::Bool(false)));
        event
    };
    events.into_iter().map(without_mark).collect()
}

/// The same without what all events of a payload have in common.
fn kinds(scheme: SignatureScheme, event: &str, payload: &Value) -> Value {
    let Value::Array(mut events) = events(scheme, event, payload) else {
        panic!("events are a list");
    };
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.remove("repository").unwrap();
        event.remove("actor").unwrap();
    }
    Value::Array(events)
}

/// A payload with some members replaced.
fn with(mut payload: Value, members: Value) -> Value {
    let Value::Object(members) = members else {
        panic!("members are an object");
    };
    payload.as_object_mut().unwrap().extend(members);
    payload
}
