//! What delivr's server took and what is refused here; and what a failing host comes to.

use actix_web::http::Method;
use scm_testkit::code_host::{Reply, Standard};
use serde_json::{Value, json};

use super::{app, check, connect};
use crate::app::token;

/// The body with members changed; `null` takes one away.
fn with(mut body: Value, members: &Value) -> Value {
    let fields = body.as_object_mut().unwrap();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            fields.shift_remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    body
}

#[tokio::test]
async fn bad_bodies() {
    let (_db, app) = app().await;
    let cases: [(Value, &[&str]); 17] = [
        (json!({"tenantId": "t2"}), &["tenantId"]),
        (json!({"scmType": "GITLAB"}), &["scmType"]),
        (json!({"scmType": "git"}), &["scmType"]),
        (json!({"owner": null}), &["owner"]),
        (json!({"owner": "", "repo": 5}), &["owner", "repo"]),
        (json!({"owner": " \t"}), &["owner"]),
        (json!({"accessToken": null}), &["accessToken"]),
        (json!({"accessToken": ""}), &["accessToken"]),
        (json!({"accessToken": "two words"}), &["accessToken"]),
        (json!({"isActive": false}), &["isActive"]),
        (json!({"status": "FINE"}), &["status"]),
        (json!({"webhookSecret": "x"}), &["webhookSecret"]),
        (
            json!({"webhookUrl": "https://evil.example"}),
            &["webhookUrl"],
        ),
        (json!({"senderLogin": "octocat"}), &["senderLogin"]),
        (json!({"branch": "a..b"}), &["branch"]),
        (json!({"branch": "a", "defaultBranch": "b"}), &["branch"]),
        (
            json!({"verificationStatus": "VALID", "x": 1}),
            &["verificationStatus", "x"],
        ),
    ];
    for (members, fields) in cases {
        let body = with(connect(Standard::Github), &members);
        let answer = app
            .panel(Method::POST, "/github", Some(body))
            .await
            .expect(400);
        assert_eq!(answer.json["success"], false);
        let (code, told) = answer.failure();
        assert_eq!(
            (code.as_str(), told.as_slice()),
            ("validation_failed", fields_of(fields).as_slice()),
            "{members}"
        );
    }
    for names in [
        json!({"owner": "octo/sub"}),
        json!({"repo": "app/tree/main"}),
        json!({"owner": "octo/../acme"}),
        json!({"owner": ".."}),
        json!({"repo": "app.git"}),
        json!({"repo": "a\\b"}),
        json!({"owner": "octo\r\nX: y"}),
        json!({"owner": "user:pass@evil.example"}),
    ] {
        let body = with(connect(Standard::Github), &names);
        for path in ["/github", "/github/verify"] {
            let answer = app.panel(Method::POST, path, Some(body.clone())).await;
            assert!(
                [400, 422].contains(&answer.status.as_u16()),
                "{names} {}",
                answer.json
            );
        }
    }
    let elsewhere = json!({"repositoryUrl": "https://evil.example/octo/app"});
    let body = with(connect(Standard::Github), &elsewhere);
    app.panel(Method::POST, "/github", Some(body))
        .await
        .expect(400);
    assert_eq!(app.rows(true).await, Vec::<Value>::new());
}

fn fields_of(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|&field| field.to_owned()).collect()
}

#[tokio::test]
async fn bad_changes() {
    let (_db, app) = app().await;
    let made = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    let made = made.expect(201).json["integration"].clone();
    let cases: [(Value, &[&str]); 8] = [
        (json!({"tenantId": "t2"}), &["tenantId"]),
        (json!({"accessToken": ""}), &["accessToken"]),
        (json!({"owner": ""}), &["owner"]),
        (json!({"repo": " "}), &["repo"]),
        (json!({"id": "x"}), &["id"]),
        (json!({"integrationId": "x"}), &["integrationId"]),
        (json!({"createdByAccountId": "me"}), &["createdByAccountId"]),
        (json!({"displayName": ""}), &["displayName"]),
    ];
    for (body, fields) in cases {
        let answer = app
            .panel(Method::PATCH, "/github", Some(body.clone()))
            .await
            .expect(400);
        assert_eq!(answer.failure().1, fields_of(fields), "{body}");
    }
    let now = app.panel(Method::GET, "/github", None).await.expect(200);
    assert_eq!(now.json["integration"], made);
}

#[tokio::test]
async fn a_credential_that_is_not_accepted_is_not_stored() {
    let (_db, app) = app().await;
    app.panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await
        .expect(201);
    let before = app.panel(Method::GET, "/github", None).await.expect(200);
    let github = Standard::Github;
    let code = "connection_invalid";
    for (route, fixture) in [
        (github.user_route(), "github/user_401_bad_credentials"),
        (github.repository_route(), "github/repo_404"),
    ] {
        app.github.on("GET", route, Reply::fixture(fixture));
        let change = json!({"accessToken": token(Standard::Github)});
        for (method, path, body) in [
            (Method::POST, "/github/verify", check(Standard::Github)),
            (Method::POST, "/github", connect(Standard::Github)),
            (Method::PATCH, "/github", change),
        ] {
            let answer = app.panel(method, path, Some(body)).await.expect(422);
            let told = &answer.json;
            assert_eq!(
                (&told["success"], &told["verified"]),
                (&json!(false), &json!(false))
            );
            assert_eq!(told["code"], code);
            assert_eq!(told["message"], told["error"]);
            assert_eq!(
                told["details"],
                json!({"errorCode": code, "message": told["error"]})
            );
        }
        let user = Reply::fixture("github/user_200_classic_pat");
        app.github.on("GET", github.user_route(), user);
        let repository = app.github.repository_reply();
        app.github.on("GET", github.repository_route(), repository);
        let now = app.panel(Method::GET, "/github", None).await.expect(200);
        assert_eq!(now.json, before.json, "{fixture}");
    }
}

#[tokio::test]
async fn a_failing_host_changes_nothing() {
    let (_db, app) = app().await;
    app.panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await
        .expect(201);
    let before = app.panel(Method::GET, "/github", None).await.expect(200);
    let faults = [
        (Reply::text(503, "down"), 503, "provider_unavailable"),
        (Reply::html(200), 502, "provider_bad_answer"),
        (Reply::close(), 503, "provider_unavailable"),
        (
            Reply::redirect(302, "http://127.0.0.2:1/"),
            502,
            "provider_bad_answer",
        ),
        (
            Reply::fixture("github/repo_403_secondary_rate_limit"),
            429,
            "provider_rate_limited",
        ),
    ];
    for (reply, status, code) in faults {
        app.github.on_everything(reply);
        let change = json!({"accessToken": token(Standard::Github)});
        for (method, path, body) in [
            (
                Method::POST,
                "/github/verify",
                Some(check(Standard::Github)),
            ),
            (Method::POST, "/github", Some(connect(Standard::Github))),
            (Method::PATCH, "/github", Some(change)),
            (Method::GET, "/github/branches", None),
            (Method::GET, "/branches", None),
        ] {
            let answer = app.panel(method.clone(), path, body).await.expect(status);
            assert_eq!(answer.failure().0, code, "{method} {path}");
            assert_eq!(answer.json["success"], false);
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(wait >= 1);
            let verified = answer.json.get("verified");
            assert_eq!(verified, path.ends_with("verify").then_some(&json!(false)));
        }
        app.github.off_everything();
        let now = app.panel(Method::GET, "/github", None).await.expect(200);
        assert_eq!(now.json, before.json, "{code}");
    }
}
