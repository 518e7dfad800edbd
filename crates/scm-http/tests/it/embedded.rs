//! The routes inside a host's own app, behind its own sessions: the example, held to what it says.

use actix_web::{
    App,
    http::{Method, StatusCode, header::COOKIE},
    test::{self, TestRequest},
};
use scm_service::{ConnectOptions, connect};
use scm_testkit::{db::TestDb, on_every_database};
use serde_json::{Value, json};

use crate::embedded_host::Portal;

on_every_database! {
    async fn a_hosts_sessions_decide_who_sees_what(db: TestDb) {
        let pool = connect(&db.url, &ConnectOptions::default()).await.unwrap();
        let portal = Portal::new(pool);
        let app = test::init_service(App::new().configure(portal.routes())).await;
        let body = json!({
            "scmType": "GITHUB",
            "repositoryUrl": "https://github.com/octo/app",
            "accessToken": "ghp_of_your_own",
        });
        let asked = async |method: Method, path: &str, session: &str, body: Option<&Value>| {
            let mut request = TestRequest::with_uri(path).method(method);
            request = request.insert_header((COOKIE, format!("a=b; portal_session={session}")));
            if let Some(body) = body {
                request = request.set_json(body);
            }
            let answer = test::call_service(&app, request.to_request()).await;
            let status = answer.status();
            (status, String::from_utf8(test::read_body(answer).await.to_vec()).unwrap())
        };

        let (status, text) = asked(Method::POST, "/portal/scm", "ada", Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{text}");
        assert!(!text.contains("ghp_"), "{text}");
        let made: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(made["data"]["tenantId"], "acme");
        assert_eq!(made["data"]["createdByAccountId"], "ada");
        let path = format!("/portal/scm/{}", made["data"]["id"].as_str().unwrap());

        let cases = [
            (Method::GET, path.as_str(), "ada", StatusCode::OK),
            (Method::GET, path.as_str(), "grace", StatusCode::NOT_FOUND),
            (Method::POST, "/portal/scm", "grace", StatusCode::FORBIDDEN),
            (Method::GET, path.as_str(), "mallory", StatusCode::UNAUTHORIZED),
            (Method::GET, "/portal", "mallory", StatusCode::OK),
        ];
        for (method, path, session, expected) in cases {
            let given = (method == Method::POST).then_some(&body);
            let (status, text) = asked(method, path, session, given).await;
            assert_eq!(status, expected, "{session} {path}: {text}");
        }
        let (_, metrics) = asked(Method::GET, "/metrics", "", None).await;
        assert!(metrics.contains("scm_http_requests_total{method=\"POST\",route=\"/portal/scm"), "{metrics}");
    }
}
