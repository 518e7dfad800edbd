//! Two tenants, each role, every path.

use actix_web::{http::Method, test::TestRequest};
use scm_http::Limits;
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
};
use serde_json::{Value, json};

use super::{app, check, connect};
use crate::app::{Mode, TestApp};

/// Every path: method, path, body, whether a viewer may.
fn requests() -> Vec<(Method, &'static str, Option<Value>, bool)> {
    let github = Standard::Github;
    vec![
        (Method::GET, "/github", None, true),
        (Method::HEAD, "/github", None, true),
        (Method::GET, "/github/branches", None, true),
        (Method::GET, "/branches", None, true),
        (Method::POST, "/github/verify", Some(check(github)), false),
        (Method::POST, "/github", Some(connect(github)), false),
        (
            Method::PATCH,
            "/github",
            Some(json!({"displayName": "x"})),
            false,
        ),
        (Method::DELETE, "/github", None, false),
    ]
}

fn ask(
    app: &TestApp,
    caller: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> TestRequest {
    let request = app.at(method, path, caller);
    match body {
        Some(body) => request.set_json(body),
        None => request,
    }
}

#[tokio::test]
async fn each_role_may_what_it_may() {
    let (_db, app) = app().await;
    for caller in ["t1-viewer", "t1-editor", "t1-owner", "platform"] {
        let first = ask(
            &app,
            "t1-owner",
            Method::POST,
            "/github",
            Some(connect(Standard::Github)),
        );
        app.send(first).await;
        for (method, path, body, reads) in requests() {
            let answer = app
                .send(ask(&app, caller, method.clone(), path, body))
                .await;
            if reads || ["t1-owner", "platform"].contains(&caller) {
                assert!(
                    answer.status.is_success(),
                    "{caller} {method} {path}: {}",
                    answer.json
                );
            } else {
                assert_eq!(answer.status, 403, "{caller} {method} {path}");
                assert_eq!(answer.failure().0, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn the_tenant_of_the_path_is_the_callers() {
    let (_db, app) = app().await;
    app.panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await
        .expect(201);
    app.github.forget_requests();
    for caller in ["t2-viewer", "t2-editor", "t2-owner"] {
        for (method, path, body, _) in requests() {
            let head = method == Method::HEAD;
            // With and without a row: nobody learns which tenants have one.
            let mut answers = Vec::new();
            for tenant in ["t1", "t3", "no%20tenant"] {
                let uri = format!("/tenants/{tenant}/integrations/scm{path}");
                let request = ask(&app, caller, method.clone(), path, body.clone()).uri(&uri);
                answers.push(app.send(request).await.expect(403));
            }
            assert!(
                head || answers[0].failure().0 == "foreign_tenant",
                "{method} {path}"
            );
            assert_eq!(answers[0].bytes, answers[1].bytes, "{method} {path}");
            assert_eq!(answers[0].bytes, answers[2].bytes, "{method} {path}");
        }
        // Naming the tenant in the header makes nobody its member.
        let named = app.at(Method::GET, "/github", caller);
        app.send(named.insert_header(("Scm-Tenant", "t1")))
            .await
            .expect(403);
        let other = app.at(Method::GET, "/github", caller);
        app.send(other.insert_header(("Scm-Tenant", "t2")))
            .await
            .expect(403);
    }
    assert_eq!(app.provider_calls(), 0, "no code host is called");
    let own = app.at(Method::GET, "/github", "t1-owner");
    app.send(own.insert_header(("Scm-Tenant", "t1")))
        .await
        .expect(200);
}

#[tokio::test]
async fn without_a_good_key_nothing_answers() {
    let (_db, app) = app().await;
    let mut paths: Vec<_> = requests()
        .into_iter()
        .map(|(method, path, ..)| (method, format!("/tenants/t1/integrations/scm{path}")))
        .collect();
    paths.push((Method::GET, "/integrations/scm/providers".to_owned()));
    for (method, path) in paths {
        // The header that delivr's own server believed.
        let request = TestRequest::with_uri(&path).method(method.clone());
        let request = request.insert_header(("userId", "acc-t1-owner"));
        let answer = app.send(request.set_json(json!({}))).await.expect(401);
        assert!(
            answer.header("www-authenticate").is_some(),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there() {
    let (_db, app) = app().await;
    for path in [
        "",
        "/",
        "/github/",
        "/azure",
        "/GITHUB",
        "/github/verify/x",
        "/webhooks/x",
    ] {
        let answer = app.panel(Method::GET, path, None).await.expect(404);
        assert_eq!(answer.failure().0, "unknown_route", "{path}");
    }
    for (method, path, allow) in [
        (Method::PUT, "/github", "GET, HEAD, POST, PATCH, DELETE"),
        (Method::GET, "/github/verify", "POST"),
        (Method::POST, "/github/branches", "GET, HEAD"),
        (Method::DELETE, "/branches", "GET, HEAD"),
    ] {
        let answer = app.panel(method.clone(), path, None).await.expect(405);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    let root = TestRequest::with_uri("/tenants/t1/integrations/other");
    app.send(root).await.expect(404);
}

#[tokio::test]
async fn they_are_counted_with_the_own_routes() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let limits = Limits {
        tenant: std::num::NonZeroU32::new(2),
        ..Limits::default()
    };
    let app = TestApp::with_limits(&db.url, Mode::Keys, limits).await;
    let own = || app.request(Method::GET, "", Some("t1-owner"));
    app.send(own()).await.expect(200);
    app.panel(Method::GET, "/github", None).await.expect(404);
    let refused = app.panel(Method::GET, "/github", None).await.expect(429);
    assert_eq!(refused.failure().0, "rate_limited");
    app.send(own()).await.expect(429);
}
