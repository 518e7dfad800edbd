//! What the panel does, step by step.

use actix_web::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use scm_service::ProviderHost;
use scm_testkit::{
    code_host::Standard,
    db::{Backend, TestDb},
    git_host::{Dialect, GitHost},
};
use scm_types::{HostKind, WebHost};
use serde_json::{Value, json};

use super::{app, check, connect, names, provider};
use crate::app::{MARK, Mode, PANEL_KEY, TestApp, token, transport};

/// As the panel encrypts it, under a nonce of the test.
fn encrypted(text: &str) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &PANEL_KEY).unwrap());
    let mut sealed = text.as_bytes().to_vec();
    let nonce = Nonce::assume_unique_for_key([3; 12]);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)
        .unwrap();
    STANDARD.encode([[3; 12].as_slice(), &sealed].concat())
}

#[tokio::test]
async fn it_verifies_connects_reads_changes_and_deletes() {
    let (_db, app) = app().await;
    for standard in Standard::ALL {
        let path = format!("/{}", provider(standard));
        let (owner, repo) = names(standard);
        app.panel(Method::GET, &path, None).await.expect(404);

        let verify = format!("{path}/verify");
        let checked = app
            .panel(Method::POST, &verify, Some(check(standard)))
            .await;
        let checked = checked.expect(200).json;
        assert_eq!(checked["success"], true);
        assert_eq!(checked["verified"], true);
        assert_eq!(checked["message"], "Connection verified successfully");
        assert_eq!(checked["details"]["repository"], standard.repository());
        assert_eq!(checked["details"]["defaultBranch"], "main");
        assert_eq!(checked["details"]["permissions"]["pull"], true);
        app.panel(Method::GET, &path, None).await.expect(404);

        let made = app
            .panel(Method::POST, &path, Some(connect(standard)))
            .await;
        let made = made.expect(201);
        let label = made.json["message"].as_str().unwrap();
        assert!(
            label.ends_with(" integration created successfully"),
            "{label}"
        );
        let row = &made.json["integration"];
        for (field, want) in [
            ("tenantId", json!("t1")),
            ("scmType", json!(provider(standard).to_uppercase())),
            ("owner", json!(owner)),
            ("repo", json!(repo)),
            ("displayName", json!(format!("{owner}/{repo}"))),
            ("defaultBranch", json!("main")),
            ("verificationStatus", json!("VALID")),
            ("status", json!("VALID")),
            ("isActive", json!(true)),
            ("webhookEnabled", json!(false)),
            ("senderLogin", json!(null)),
            ("createdByAccountId", json!("acc-t1-owner")),
        ] {
            assert_eq!(row[field], want, "{field} {row}");
        }

        let read = app.panel(Method::GET, &path, None).await.expect(200);
        assert_eq!(read.json, json!({"success": true, "integration": row}));
        assert_eq!(read.header("etag"), made.header("etag"));
        let known = app.at(Method::GET, &path, "t1-viewer");
        let known = known.insert_header(("If-None-Match", read.header("etag").unwrap()));
        app.send(known).await.expect(304);

        let branches = json!({
            "success": true,
            "branches": [
                {"name": "main", "protected": standard != Standard::Bitbucket, "default": true},
                {"name": "feature/login", "protected": false, "default": false},
            ],
            "defaultBranch": "main",
        });
        for of in [format!("{path}/branches"), "/branches".to_owned()] {
            let listed = app.panel(Method::GET, &of, None).await.expect(200);
            assert_eq!(listed.json, branches, "{of}");
        }

        let change = json!({
            "scmType": provider(standard).to_uppercase(),
            "owner": owner,
            "repo": repo,
            "displayName": "Ours",
            "integrationId": row["id"],
        });
        let changed = app
            .panel(Method::PATCH, &path, Some(change))
            .await
            .expect(200);
        let now = &changed.json["integration"];
        assert_eq!(
            (&now["id"], &now["displayName"]),
            (&row["id"], &json!("Ours"))
        );
        assert_eq!(
            now["verificationStatus"], "VALID",
            "the credential is the same"
        );

        let gone = app.panel(Method::DELETE, &path, None).await.expect(200);
        let label = gone.json["message"].as_str().unwrap();
        assert!(
            label.ends_with(" integration deleted successfully"),
            "{label}"
        );
        app.panel(Method::GET, &path, None).await.expect(404);
        app.panel(Method::DELETE, &path, None).await.expect(404);
    }
}

#[tokio::test]
async fn what_the_panel_encrypted_is_opened() {
    let (_db, app) = app().await;
    let mut body = connect(Standard::Github);
    body["accessToken"] = encrypted(&token(Standard::Github)).into();
    body["_encrypted"] = true.into();
    app.panel(Method::POST, "/github", Some(body.clone()))
        .await
        .expect(201);
    let sent = app.github.requests();
    let authorization = sent[0].header("authorization").unwrap();
    assert!(
        authorization.ends_with(MARK),
        "the host gets the credential itself"
    );

    for wrong in [
        token(Standard::Github),
        "AAAA".to_owned(),
        encrypted("two words"),
        encrypted(""),
    ] {
        body["accessToken"] = wrong.into();
        for (method, path) in [(Method::POST, "/github"), (Method::PATCH, "/github")] {
            let refused = app
                .panel(method, path, Some(body.clone()))
                .await
                .expect(400);
            assert_eq!(refused.failure().1, ["accessToken"]);
        }
    }
}

#[tokio::test]
async fn to_connect_again_changes_the_same_row() {
    let (_db, app) = app().await;
    let made = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    let made = made.expect(201).json;
    app.add_repository("OCTO/app");
    let mut again = connect(Standard::Github);
    // Another spelling is the same repository.
    again["owner"] = "OCTO".into();
    again["displayName"] = "New".into();
    let updated = app
        .panel(Method::POST, "/github", Some(again))
        .await
        .expect(200);
    assert_eq!(
        updated.json["message"],
        "GitHub integration updated successfully"
    );
    let row = &updated.json["integration"];
    assert_eq!(row["id"], made["integration"]["id"]);
    assert_eq!(row["displayName"], "New");
    assert_eq!(row["verificationStatus"], "VALID");
    assert_eq!(app.rows(true).await.len(), 1);

    let pause = app
        .panel(Method::PATCH, "/github", Some(json!({"isActive": false})))
        .await;
    pause.expect(200);
    app.panel(Method::GET, "/github", None).await.expect(404);
    let back = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    assert_eq!(back.expect(200).json["integration"]["id"], row["id"]);
}

#[tokio::test]
async fn another_repository_takes_the_place_of_the_first() {
    let (_db, app) = app().await;
    app.add_repository("octo/web");
    app.add_repository("octo/ios");
    let first = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    let first = first.expect(201).json["integration"].clone();

    let other = json!({"owner": "octo", "repo": "web", "displayName": "Web"});
    let refused = app
        .panel(Method::PATCH, "/github", Some(other.clone()))
        .await
        .expect(400);
    assert_eq!(
        refused.failure().1,
        ["accessToken"],
        "a credential is for one repository"
    );

    let mut with_token = other;
    with_token["accessToken"] = token(Standard::Github).into();
    let patched = app
        .panel(Method::PATCH, "/github", Some(with_token))
        .await
        .expect(200);
    let second = &patched.json["integration"];
    assert_eq!(
        (&second["repo"], &second["displayName"]),
        (&json!("web"), &json!("Web"))
    );
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["verificationStatus"], "VALID");

    let mut third = connect(Standard::Github);
    third["repo"] = "ios".into();
    let third = app
        .panel(Method::POST, "/github", Some(third))
        .await
        .expect(201);
    let active = app.rows(true).await;
    assert_eq!(active.len(), 1, "one integration: {active:?}");
    assert_eq!(active[0]["id"], third.json["integration"]["id"]);
    let left = app.rows(false).await;
    assert_eq!(left.len(), 2, "the others are deleted, softly");
    assert!(
        left.iter().all(|row| row["hasValidToken"] == false),
        "{left:?}"
    );
}

#[tokio::test]
async fn of_several_only_the_newest_is_known() {
    let (_db, app) = app().await;
    app.add_repository("octo/web");
    app.panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await
        .expect(201);
    app.clock.advance(std::time::Duration::from_secs(1));
    let mut web = app.body("t1", Standard::Github);
    web["repositoryUrl"] = app.github.repository_url("octo/web").into();
    let own = app
        .request(Method::POST, "", Some("t1-owner"))
        .set_json(&web);
    app.send(own).await.expect(201);

    let read = app.panel(Method::GET, "/github", None).await.expect(200);
    assert_eq!(read.json["integration"]["repo"], "web");
    let refused = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    assert_eq!(
        refused.expect(400).failure().1,
        ["repo"],
        "nothing is deleted unasked"
    );
    assert_eq!(app.rows(true).await.len(), 2);
}

#[tokio::test]
async fn of_several_hosts_one_is_named_and_its_webhook_is_ours() {
    let db = TestDb::migrated(Backend::Sqlite).await.unwrap();
    let git = GitHost::start(Dialect::Github).await;
    let web = WebHost::parse(HostKind::Github, &git.base_url()).unwrap();
    let host = ProviderHost {
        api_url: git.api_url().parse().unwrap(),
        allow_private_addresses: true,
        ..ProviderHost::default_for(web)
    };
    let app = TestApp::with_hosts(&db.url, Mode::Keys, vec![host], transport()).await;
    let unnamed = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    assert_eq!(unnamed.expect(400).failure().1, ["repositoryUrl"]);
    assert_eq!(app.provider_calls(), 0, "no host is told the credential");

    let mut body = json!({
        "repositoryUrl": git.repository_url(),
        "accessToken": token(Standard::Github),
        "webhookEnabled": true,
    });
    let made = app.panel(Method::POST, "/github", Some(body.clone())).await;
    let row = made.expect(201).json["integration"].clone();
    assert_eq!(row["repositoryUrl"], git.repository_url());
    assert_eq!(row["webhookEnabled"], true, "{row}");
    let url = row["webhookUrl"].as_str().unwrap();
    assert!(url.starts_with("https://scm.example.com/hooks"), "{url}");

    body["owner"] = "another".into();
    let two = app.panel(Method::POST, "/github", Some(body)).await;
    assert_eq!(two.expect(400).failure().1, ["repositoryUrl"]);
    // As the panel does: the names that it was shown.
    let same = json!({"owner": row["owner"], "repo": row["repo"], "webhookEnabled": false});
    let off = app.panel(Method::PATCH, "/github", Some(same)).await;
    assert_eq!(off.expect(200).json["integration"]["webhookEnabled"], false);
}

#[tokio::test]
async fn the_providers() {
    let (_db, app) = app().await;
    let request = actix_web::test::TestRequest::with_uri("/integrations/scm/providers");
    let key = format!("Bearer {}", app.key("t2-viewer"));
    let answer = app
        .send(request.insert_header(("Authorization", key)))
        .await
        .expect(200);
    let ids: Vec<_> = answer
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            assert_eq!(
                (&one["enabled"], &one["status"]),
                (&json!(true), &json!("available"))
            );
            one["id"].as_str().unwrap()
        })
        .collect();
    assert_eq!(ids, ["github", "gitlab", "bitbucket"]);
}

#[tokio::test]
async fn a_request_with_a_key_is_carried_out_once() {
    let (_db, app) = app().await;
    let ask = || {
        let request = app.at(Method::POST, "/github", "t1-owner");
        request
            .insert_header(("Idempotency-Key", "once"))
            .set_json(connect(Standard::Github))
    };
    let first = app.send(ask()).await.expect(201);
    let calls = app.provider_calls();
    let again = app.send(ask()).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!((again.bytes, app.provider_calls()), (first.bytes, calls));
}

#[tokio::test]
async fn a_change_names_the_state_it_is_for() {
    let (_db, app) = app().await;
    app.add_repository("octo/web");
    let made = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    let tag = made.expect(201).header("etag").unwrap().to_owned();
    let moved = json!({"repo": "web", "accessToken": token(Standard::Github)});
    let ask = |method: Method, tag: &str, body: Option<&Value>| {
        let request = app.at(method, "/github", "t1-owner");
        let request = request.insert_header(("If-Match", tag));
        match body {
            Some(body) => request.set_json(body),
            None => request,
        }
    };
    let old = "\"1-0\"";
    let name = json!({"displayName": "x"});
    app.send(ask(Method::PATCH, old, Some(&name)))
        .await
        .expect(412);
    app.send(ask(Method::PATCH, old, Some(&moved)))
        .await
        .expect(412);
    app.send(ask(Method::DELETE, old, None)).await.expect(412);
    assert_eq!(app.rows(true).await.len(), 1);
    app.send(ask(Method::PATCH, &tag, Some(&name)))
        .await
        .expect(200);
}

#[tokio::test]
async fn its_changes_are_in_the_audit_log() {
    let (_db, app) = app().await;
    let made = app
        .panel(Method::POST, "/github", Some(connect(Standard::Github)))
        .await;
    let id = made.expect(201).json["integration"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.panel(Method::PATCH, "/github", Some(json!({"displayName": "x"})))
        .await
        .expect(200);
    let log = app.request(Method::GET, &format!("/{id}/audit"), Some("t1-owner"));
    let log = app.send(log).await.expect(200);
    let entries = log.data().as_array().unwrap();
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let want = [
        "integration.updated",
        "integration.verified",
        "credential.opened",
        "integration.created",
    ];
    assert_eq!(actions, want);
}
