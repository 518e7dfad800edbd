//! One table of requests and answers, `tests/cases.json`, for whoever serves these routes: they are
//! held to it here, and a router that hands requests over to them is held to it in its own language.
//!
//! A member of an expected body stands for itself and says nothing of others; `text` is a whole body, to
//! the byte. `$name` is what an earlier answer gave (`keep`), and `$github` where repositories are.

use std::{collections::BTreeMap, time::Duration};

use actix_web::{http::Method, test::TestRequest};
use scm_http::Limits;
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
};
use serde::Deserialize;
use serde_json::Value;

use crate::app::{Answer, BASE, Mode, TestApp};

const TABLE: &str = include_str!("../cases.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    method: Option<String>,
    path: String,
    #[serde(default)]
    send: BTreeMap<String, String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    raw: Option<String>,
    #[serde(default)]
    spaces: Option<usize>,
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    keep: BTreeMap<String, String>,
}

type Known = BTreeMap<String, String>;

/// The text with what is known in place of its names; longer names first, for one can begin another.
fn filled(text: &str, known: &Known) -> String {
    let mut names: Vec<_> = known.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names
        .into_iter()
        .fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("${name}"), value)
        })
}

fn filled_json(value: &Value, known: &Known) -> Value {
    match value {
        Value::String(text) => filled(text, known).into(),
        Value::Array(items) => items.iter().map(|item| filled_json(item, known)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), filled_json(value, known)))
            .collect(),
        other => other.clone(),
    }
}

/// True if everything that is expected is there.
fn holds(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(_)) => expected
            .iter()
            .all(|(name, value)| holds(value, &found[name.as_str()])),
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len()
                && expected
                    .iter()
                    .zip(found)
                    .all(|(expected, found)| holds(expected, found))
        }
        _ => expected == found,
    }
}

fn request(case: &Case, known: &Known) -> TestRequest {
    let uri = format!("{BASE}{}", filled(&case.path, known));
    let method = case.method.as_deref().unwrap_or("GET");
    let mut request = TestRequest::with_uri(&uri).method(method.parse::<Method>().unwrap());
    for (name, value) in &case.send {
        request = request.insert_header((name.as_str(), filled(value, known)));
    }
    if let Some(json) = &case.json {
        request = request.set_json(filled_json(json, known));
    } else if let Some(raw) = &case.raw {
        request = request.set_payload(raw.clone());
    } else if let Some(count) = case.spaces {
        request = request.set_payload(" ".repeat(count));
    }
    request
}

fn hold(case: &Case, known: &mut Known, answer: &Answer) {
    let name = &case.name;
    assert_eq!(
        answer.status.as_u16(),
        case.status,
        "{name}: {}",
        answer.json
    );
    for (header, value) in &case.headers {
        assert_eq!(
            answer.header(header),
            Some(filled(value, known).as_str()),
            "{name}: {header}"
        );
    }
    if let Some(text) = &case.text
        && case.method.as_deref() != Some("HEAD")
    {
        let found = String::from_utf8(answer.bytes.to_vec()).unwrap();
        assert_eq!(found, filled(text, known), "{name}");
    }
    if let Some(body) = &case.body {
        let body = filled_json(body, known);
        assert!(
            holds(&body, &answer.json),
            "{name}: {} is not {body}",
            answer.json
        );
    }
    for (name, place) in &case.keep {
        let value = match place.strip_prefix('@') {
            Some(header) => answer.header(header),
            None => place
                .split('.')
                .fold(&answer.json, |value, member| &value[member])
                .as_str(),
        };
        known.insert(name.clone(), value.unwrap().to_owned());
    }
}

#[tokio::test]
async fn every_answer_is_that_of_the_table() {
    let cases: Vec<Case> = serde_json::from_str(TABLE).unwrap();
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    // Without an address that code hosts could deliver to.
    let app = TestApp::with_limits(&db.url, Mode::Open, Limits::default()).await;
    let github = app.host(Standard::Github).base_url();
    let mut known = Known::from([("github".to_owned(), github)]);
    for case in &cases {
        let answer = app.send(request(case, &known)).await;
        hold(case, &mut known, &answer);
        // What is made later comes first in a list.
        app.clock.advance(Duration::from_secs(1));
    }
}
