//! One shape for every failure, from wherever it comes.

use actix_web::{http::Method, test::TestRequest};
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
};
use serde_json::json;

use crate::app::{BASE, TestApp};

async fn app() -> (TestDb, TestApp) {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let app = TestApp::open(&db).await;
    (db, app)
}

#[tokio::test]
async fn every_kind_of_failure_has_it() {
    let (_db, app) = app().await;
    let json = ("Content-Type", "application/json");
    let post = || app.request(Method::POST, "", None);
    let cases = [
        (
            "unknown path",
            TestRequest::with_uri("/nothing"),
            404,
            "unknown_route",
        ),
        (
            "unknown route",
            app.request(Method::GET, "/a/b/c", None),
            404,
            "unknown_route",
        ),
        (
            "wrong method",
            app.request(Method::PUT, "/x", None),
            405,
            "method_not_allowed",
        ),
        (
            "no JSON",
            post().insert_header(json).set_payload("{"),
            400,
            "malformed_json",
        ),
        (
            "no object",
            post().insert_header(json).set_payload("[]"),
            400,
            "not_an_object",
        ),
        ("empty", post().insert_header(json), 400, "malformed_json"),
        (
            "invalid UTF-8",
            post()
                .insert_header(json)
                .set_payload(&b"{\"a\":\"\xff\"}"[..]),
            400,
            "malformed_json",
        ),
        (
            "lone surrogate",
            post().insert_header(json).set_payload(r#"{"a":"\ud800"}"#),
            400,
            "malformed_json",
        ),
        (
            "too deep",
            post().insert_header(json).set_payload("[".repeat(10_000)),
            400,
            "malformed_json",
        ),
        (
            "wrong kind",
            post()
                .insert_header(("Content-Type", "text/plain"))
                .set_payload("{}"),
            415,
            "unsupported_media_type",
        ),
        (
            "no kind",
            post().set_payload("{}"),
            415,
            "unsupported_media_type",
        ),
        (
            "form",
            post().set_form(json!({"tenantId": "t"})),
            415,
            "unsupported_media_type",
        ),
        (
            "too large",
            post()
                .insert_header(json)
                .set_payload(vec![b' '; 256 * 1024 + 1]),
            413,
            "body_too_large",
        ),
        (
            "compressed",
            post()
                .insert_header(json)
                .insert_header(("Content-Encoding", "gzip"))
                .set_payload("{}"),
            415,
            "unsupported_media_type",
        ),
        (
            "another charset",
            post()
                .insert_header(("Content-Type", "application/json; charset=utf-16"))
                .set_payload("{}"),
            415,
            "unsupported_media_type",
        ),
        (
            "announced too large",
            post()
                .insert_header(json)
                .insert_header(("Content-Length", "9223372036854775807")),
            413,
            "body_too_large",
        ),
        (
            "a query where none belongs",
            app.request(Method::POST, "?bogus=1", None)
                .insert_header(json)
                .set_payload("{}"),
            400,
            "validation_failed",
        ),
        (
            "bad query",
            app.request(Method::GET, "?limit=%zz&limit=%ff", None),
            400,
            "malformed_query",
        ),
    ];
    for (name, request, status, code) in cases {
        let answer = app.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.failure().0),
            (status, code.to_owned()),
            "{name}: {}",
            answer.json
        );
        assert_eq!(answer.json["success"], false, "{name}");
        assert!(
            answer.json["error"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{name}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{name}"
        );
    }
    let wrong = app
        .send(app.request(Method::PUT, "", None))
        .await
        .expect(405);
    assert_eq!(wrong.header("allow"), Some("GET, HEAD, POST"));
}

#[tokio::test]
async fn problem_details_on_request() {
    let (_db, app) = app().await;
    let accept = ("Accept", "application/problem+json");
    let answer = app
        .send(
            app.request(Method::GET, "/missing", None)
                .insert_header(accept),
        )
        .await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(
        answer.json,
        json!({
            "type": "urn:scm:error:not_found",
            "title": "Not Found",
            "status": 404,
            "detail": "SCM integration not found",
            "code": "not_found",
        })
    );
    let fields = app
        .send(
            app.request(Method::GET, "?limit=0", None)
                .insert_header(accept),
        )
        .await;
    assert_eq!(fields.json["errors"][0]["field"], "limit");
    let route = app
        .send(TestRequest::with_uri("/nothing").insert_header(accept))
        .await;
    assert_eq!(route.json["status"], 404);
    let body = app.body("t", Standard::Github);
    let good = app
        .send(
            app.request(Method::POST, "", None)
                .insert_header(accept)
                .set_json(body),
        )
        .await;
    assert_eq!(
        good.expect(201).header("content-type"),
        Some("application/json")
    );
}

#[tokio::test]
async fn request_ids_are_taken_over_if_they_are_harmless() {
    let (_db, app) = app().await;
    let with =
        |id: &str| TestRequest::with_uri(BASE).insert_header(("X-Request-Id", id.to_owned()));
    assert_eq!(
        app.send(with("abc-1.2_3")).await.header("x-request-id"),
        Some("abc-1.2_3")
    );
    for odd in ["a b", "<script>", &"x".repeat(129)] {
        let answer = app.send(with(odd)).await;
        let id = answer.header("x-request-id").unwrap();
        assert_ne!(id, odd);
        assert_eq!(id.len(), 21);
    }
}

#[tokio::test]
async fn without_authentication_no_web_page_gets_in() {
    let (_db, app) = app().await;
    for (name, value) in [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        let request = app
            .request(Method::GET, "", None)
            .insert_header((name, value));
        let answer = app.send(request).await.expect(403);
        assert_eq!(answer.failure().0, "not_local", "{name}: {value}");
    }
    let own = app
        .request(Method::GET, "", None)
        .insert_header(("Host", "127.0.0.1:8080"));
    app.send(own.insert_header(("Origin", "http://localhost:3000")))
        .await
        .expect(200);
}
