//! A request belongs to the trace that it says it comes from, and so do the calls that it leads to.

use std::collections::HashSet;

use actix_web::http::Method;
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
};

use crate::app::{LOG, TestApp};

/// Each test has a trace of its own: the log is that of all tests.
fn parent(trace: &str) -> String {
    format!("00-{trace}-00f067aa0ba902b7-01")
}

/// A check of a connection with these headers; the `traceparent` of each call to the host.
async fn calls_of(app: &TestApp, headers: &[(&str, &str)]) -> Vec<String> {
    let created = app.post("", &app.body("t", Standard::Gitlab)).await;
    let id = created.expect(201).id();
    app.gitlab.forget_requests();
    let mut request = app.request(Method::POST, &format!("/{id}/verify"), None);
    for header in headers {
        request = request.append_header(*header);
    }
    app.send(request).await.expect(200);
    app.delete(&format!("/{id}?hard=true")).await.expect(200);
    let calls = app.gitlab.requests();
    assert!(calls.len() > 1, "a check is several calls");
    for call in &calls {
        assert_eq!(call.header("tracestate"), None, "it is for the own house");
    }
    let parents = calls.iter().map(|call| call.header("traceparent"));
    parents.map(|parent| parent.unwrap().to_owned()).collect()
}

/// The parts of a `traceparent`.
fn parts(parent: &str) -> (&str, &str, &str) {
    let parts: Vec<_> = parent.split('-').collect();
    assert_eq!((parts[0], parts.len()), ("00", 4), "{parent}");
    (parts[1], parts[2], parts[3])
}

#[tokio::test]
async fn calls_belong_to_the_trace_of_their_request() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers = [
        ("traceparent", &*parent(trace)),
        ("tracestate", "vendor=a-state-of-the-house"),
    ];
    let calls = calls_of(&app, &headers).await;
    let mut spans = HashSet::from(["00f067aa0ba902b7".to_owned()]);
    for call in &calls {
        let (its_trace, span, flags) = parts(call);
        assert_eq!((its_trace, flags), (trace, "01"));
        assert!(
            spans.insert(span.to_owned()),
            "each call is a span: {calls:?}"
        );
    }
    let log = String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned();
    let line = log
        .lines()
        .find(|line| line.contains(trace) && line.contains("elapsed_us"));
    let line = line.expect("the line of the request has its trace");
    assert!(
        line.contains("span_id=") && line.contains("request_id="),
        "{line}"
    );
    assert!(!line.contains("a-state-of-the-house"), "{line}");
}

#[tokio::test]
async fn what_cannot_be_read_begins_a_trace() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    let trace = "5bf92f3577b34da6a3ce929d0e0e4737";
    let (good, other) = (parent(trace), parent("6bf92f3577b34da6a3ce929d0e0e4738"));
    let upper = good.to_uppercase();
    for headers in [
        &[][..],
        &[("traceparent", "nonsense")],
        &[("traceparent", &*upper)],
        &[("traceparent", &*good), ("traceparent", &*other)],
        &[("tracestate", "vendor=1")],
    ] {
        let calls = calls_of(&app, headers).await;
        let traces: HashSet<_> = calls.iter().map(|call| parts(call).0).collect();
        assert_eq!(traces.len(), 1, "{headers:?}");
        assert!(!traces.contains(trace), "{headers:?}");
        assert!(
            calls.iter().all(|call| parts(call).2 == "00"),
            "nobody records it"
        );
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_read_leaves_the_trace() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    let trace = "7bf92f3577b34da6a3ce929d0e0e4739";
    let headers = [("traceparent", &*parent(trace)), ("tracestate", "=,=")];
    let calls = calls_of(&app, &headers).await;
    assert!(calls.iter().all(|call| parts(call).0 == trace), "{calls:?}");
}
