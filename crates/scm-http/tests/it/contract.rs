//! The six routes of the original API: statuses, messages, envelope and fields.

use std::collections::BTreeSet;

use actix_web::http::Method;
use scm_testkit::{code_host::Standard, db::TestDb, on_every_database};
use serde_json::{Value, json};

use crate::app::{MARK, TestApp};

/// Every member of a row: the original's, in its order, and what was added.
const COLUMNS: &[&str] = &[
    "id",
    "tenantId",
    "scmType",
    "displayName",
    "githubOrganization",
    "githubRepository",
    "githubInstallationId",
    "gitlabProjectId",
    "gitlabGroupId",
    "bitbucketWorkspace",
    "bitbucketRepository",
    "repositoryUrl",
    "defaultBranch",
    "tokenExpiresAt",
    "autoRotate",
    "webhookId",
    "webhookUrl",
    "isActive",
    "verificationStatus",
    "lastVerifiedAt",
    "verificationError",
    "createdByAccountId",
    "createdAt",
    "updatedAt",
    "hasValidToken",
    "isTokenExpired",
];

on_every_database! {
    async fn the_first_minutes(db: TestDb) {
        let app = TestApp::open(&db).await;
        let mut body = app.body("NJEG6wOk7e", Standard::Github);
        body["displayName"] = "Dream11 Mobile App 日本 🚀".into();
        body["createdByAccountId"] = "acc_123".into();

        let created = app.post("", &body).await.expect(201);
        assert_eq!(created.json["success"], true);
        assert_eq!(created.json["message"], "SCM integration created successfully");
        assert!(created.header("etag").is_some());
        let row = created.data();
        for column in COLUMNS {
            assert!(row.get(column).is_some(), "{column} is missing");
        }
        assert_eq!(row.as_object().unwrap().len(), COLUMNS.len(), "{row}");
        assert_eq!(row["displayName"], "Dream11 Mobile App 日本 🚀");
        assert_eq!(row["githubOrganization"], "octo");
        assert_eq!(row["githubRepository"], "app");
        assert_eq!(row["gitlabProjectId"], Value::Null);
        assert_eq!(row["defaultBranch"], "main");
        assert_eq!(row["isActive"], true);
        assert_eq!(row["verificationStatus"], "PENDING");
        assert_eq!(row["createdByAccountId"], "acc_123");
        assert_eq!(row["createdAt"], "2026-11-01T10:00:00.000Z");
        assert_eq!((&row["hasValidToken"], &row["isTokenExpired"]), (&json!(true), &json!(false)));

        let list = app.get("?tenantId=NJEG6wOk7e").await.expect(200);
        assert_eq!(list.json["count"], 1);
        assert_eq!(list.json["data"][0], *row);
        assert!(list.json.get("nextCursor").is_none());

        let path = format!("/{}", created.id());
        assert_eq!(app.get(&path).await.expect(200).data(), row);

        let verified = app.verify(&created.id()).await.expect(200);
        assert_eq!(verified.json["message"], "SCM connection verified successfully");
        assert_eq!(verified.json["verification"]["success"], true);
        assert_eq!(verified.data()["verificationStatus"], "VALID");
        assert_eq!(verified.data()["lastVerifiedAt"], "2026-11-01T10:00:00.000Z");

        let change = json!({"displayName": "Renamed", "defaultBranch": "develop"});
        let patched = app.patch(&path, &change).await.expect(200);
        assert_eq!(patched.json["message"], "SCM integration updated successfully");
        assert_eq!(patched.data()["displayName"], "Renamed");
        assert_eq!(patched.data()["defaultBranch"], "develop");
        assert_eq!(patched.data()["verificationStatus"], "VALID", "no new credential");

        let deleted = app.delete(&path).await.expect(200);
        assert_eq!(
            deleted.json,
            json!({"success": true, "message": "SCM integration deleted successfully"})
        );
        assert_eq!(app.get("").await.json["count"], 0);
        let inactive = app.get("?isActive=false").await;
        assert_eq!(inactive.json["data"][0]["hasValidToken"], false);

        app.delete(&format!("{path}?hard=true")).await.expect(200);
        let gone = app.get(&path).await.expect(404);
        assert_eq!(
            gone.json,
            json!({"success": false, "error": "SCM integration not found", "code": "not_found"})
        );
    }

    async fn a_new_credential_starts_over(db: TestDb) {
        let app = TestApp::open(&db).await;
        let id = app.post("", &app.body("t", Standard::Gitlab)).await.expect(201).id();
        app.verify(&id).await.expect(200);
        let path = format!("/{id}");
        let new = json!({"accessToken": format!("glpat-{MARK}2")});
        let patched = app.patch(&path, &new).await.expect(200);
        assert_eq!(patched.data()["verificationStatus"], "PENDING");
        assert_eq!(patched.data()["hasValidToken"], true);
        let erased = app.patch(&path, &json!({"accessToken": null})).await.expect(200);
        assert_eq!(erased.data()["hasValidToken"], false);
        let (code, _) = app.verify(&id).await.expect(409).failure();
        assert_eq!(code, "no_credential");
    }

    async fn paused_and_deleted_differ(db: TestDb) {
        let app = TestApp::open(&db).await;
        let body = app.body("t", Standard::Bitbucket);
        let id = app.post("", &body).await.expect(201).id();
        let path = format!("/{id}");
        app.patch(&path, &json!({"isActive": false})).await.expect(200);
        assert_eq!(app.get("").await.json["count"], 1, "a paused row is listed");
        assert_eq!(app.post("", &body).await.expect(409).failure().0, "already_exists");
        app.patch(&path, &json!({"isActive": true})).await.expect(200);

        app.delete(&path).await.expect(200);
        assert_eq!(app.get("").await.json["count"], 0, "a deleted one is not");
        for change in [json!({"isActive": true}), json!({"displayName": "x"})] {
            assert_eq!(app.patch(&path, &change).await.status, 409, "{change}");
        }
        let back = app.post("", &body).await.expect(201);
        assert_eq!(back.id(), id, "the same row");
        assert_eq!(back.data()["verificationStatus"], "PENDING");
        assert_eq!(back.data()["isActive"], true);
    }

    async fn another_spelling_is_the_same_repository(db: TestDb) {
        let app = TestApp::open(&db).await;
        let mut body = app.body("t", Standard::Github);
        app.post("", &body).await.expect(201);
        let authority = app.github.authority();
        for url in [
            format!("http://{authority}/octo/app.git"),
            format!("http://{authority}/Octo/APP/"),
            format!("{authority}/octo/app/tree/main?tab=readme#top"),
        ] {
            body["repositoryUrl"] = url.clone().into();
            let answer = app.post("", &body).await.expect(409);
            assert_eq!(
                answer.json["error"], "SCM integration already exists for this repository",
                "{url}"
            );
        }
        body["tenantId"] = "another".into();
        app.post("", &body).await.expect(201);
    }

    async fn lists_are_walked_by_key(db: TestDb) {
        let app = TestApp::open(&db).await;
        let mut body = app.body("t", Standard::Github);
        let mut made = Vec::new();
        for number in 0..7 {
            body["repositoryUrl"] = app.github.repository_url(&format!("octo/app-{number}")).into();
            made.push(app.post("", &body).await.expect(201).id());
            if number % 3 == 0 {
                app.clock.advance(std::time::Duration::from_millis(1));
            }
        }
        let mut seen = Vec::new();
        let mut query = "?tenantId=t&limit=3".to_owned();
        loop {
            let page = app.get(&query).await.expect(200);
            let rows = page.json["data"].as_array().unwrap();
            assert_eq!(page.json["count"], rows.len());
            seen.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            match page.json["nextCursor"].as_str() {
                Some(cursor) => query = format!("?tenantId=t&limit=3&cursor={cursor}"),
                None => break,
            }
        }
        // Rows 4 to 6 were made in the same, last millisecond; in which order is theirs.
        let newest: BTreeSet<_> = seen[..3].iter().collect();
        assert_eq!(newest, made[4..].iter().collect(), "newest first");
        assert_eq!(seen.last(), made.first());
        seen.sort();
        made.sort();
        assert_eq!(seen, made, "each row once");
        assert_eq!(app.get("?scmType=GITLAB").await.json["count"], 0);
        assert_eq!(app.get("?scmType=GITHUB&verificationStatus=PENDING").await.json["count"], 7);
    }

    async fn a_list_of_what_ends_soon(db: TestDb) {
        let app = TestApp::open(&db).await;
        let mut body = app.body("t", Standard::Gitlab);
        body["tokenExpiresAt"] = "2027-01-31T00:00:00Z".into();
        body["autoRotate"] = true.into();
        let created = app.post("", &body).await.expect(201);
        assert_eq!(created.data()["autoRotate"], true);
        // One without a known end.
        let other = app.post("", &app.body("t", Standard::Github)).await.expect(201);
        assert_eq!(other.data()["autoRotate"], false);
        let count = async |query: &str| app.get(query).await.expect(200).json["count"].clone();
        assert_eq!(count("?expiringBefore=2027-01-31T00:00:00Z").await, 0);
        assert_eq!(count("?expiringBefore=2027-01-31T01:00:00.001%2B01:00").await, 1);
        assert_eq!(count("?expiringBefore=2028-01-01T00:00:00Z&scmType=GITHUB").await, 0);
        let path = format!("/{}", created.id());
        // A refresh token is for another kind of credential, whichever of the two comes first.
        let both = app.patch(&path, &json!({"refreshToken": "r"})).await.expect(400);
        assert_eq!(both.failure().1, ["autoRotate"]);
        let changed = app.patch(&path, &json!({"autoRotate": false})).await.expect(200);
        assert_eq!(changed.data()["autoRotate"], false);
        assert_eq!(app.get(&path).await.data()["autoRotate"], false);
    }
}

on_every_database! {
    async fn head_has_no_body_and_providers_lists_the_hosts(db: TestDb) {
        let app = TestApp::open(&db).await;
        let answer = app.send(app.request(Method::HEAD, "", None)).await.expect(200);
        assert!(answer.header("x-request-id").is_some());
        let providers = app.get("/providers").await.expect(200);
        assert_eq!(providers.json["count"], 3);
        assert_eq!(providers.json["data"][0]["scmType"], "GITHUB");
        assert!(!providers.json["data"][2]["credentials"].as_array().unwrap().is_empty());
    }
}
