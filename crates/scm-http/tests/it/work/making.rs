//! What each writing route answers, and what git has afterwards.

use scm_testkit::git_host::Dialect;
use serde_json::{Value, json};

use super::{Bench, contract::seeded};

#[tokio::test]
async fn making_a_branch() {
    let bench = seeded().await;
    let (old, new) = (bench.commit("v1.0.0"), bench.commit("main"));
    let zeros = "0".repeat(40);
    let data = json!({"name": "release/2", "commitSha": new, "protected": false, "default": false});
    for (body, want) in [
        (
            json!({"name": "release/2", "from": "main", "expectedSha": new}),
            json!({"success": true, "data": data, "message": "Branch created", "existing": false}),
        ),
        (
            json!({"name": "release/2", "from": new}),
            json!({
                "success": true,
                "data": data,
                "message": "Branch exists already",
                "existing": true,
            }),
        ),
        (
            json!({"name": "release/2", "from": "refs/tags/v1.0.0"}),
            json!({
                "success": false,
                "error": format!(
                    "The branch release/2 exists already, at {new} instead of {old}"
                ),
                "code": "ref_conflict",
                "conflict": {
                    "ref": "refs/heads/release/2", "existingSha": new, "wantedSha": old,
                },
            }),
        ),
        (
            json!({"name": "release/3", "from": "main", "expectedSha": zeros}),
            json!({
                "success": false,
                "error": format!(
                    "refs/heads/main is at {new}, not at the expected {zeros}; nothing was made"
                ),
                "code": "unexpected_commit",
                "conflict": {"ref": "refs/heads/main", "existingSha": new, "wantedSha": zeros},
            }),
        ),
    ] {
        let answer = bench.post("/branches", &body).await;
        assert_eq!(answer.json, want, "{body}");
        let status = match want["existing"].as_bool() {
            Some(existing) => 201 - u16::from(existing),
            None => 409,
        };
        assert_eq!(answer.status.as_u16(), status, "{body}");
    }
    assert_eq!(
        bench.git.repo().branch_names(),
        ["main", "release/1", "release/2"]
    );
    assert_eq!(bench.commit("refs/heads/release/2"), new);
    assert_eq!(bench.git.writes().len(), 1, "one effect, one write");
}

#[tokio::test]
async fn making_a_tag() {
    let bench = seeded().await;
    let (old, new) = (bench.commit("v1.0.0"), bench.commit("main"));
    bench.git.repo().tag("light", "main");
    for (body, status, name, message) in [
        (
            json!({"branch": "main", "targets": ["WEB", "PLAY_STORE"], "version": "1.1.0"}),
            201,
            "wps_1.1.0",
            "wps_1.1.0",
        ),
        (
            json!({"branch": "main", "name": "wps_1.1.0", "message": "Another"}),
            200,
            "wps_1.1.0",
            "wps_1.1.0",
        ),
        (
            json!({"expectedSha": old, "name": "v0.9.0", "message": "Two\n\nlines"}),
            201,
            "v0.9.0",
            "Two\n\nlines",
        ),
        (
            json!({"branch": "main", "name": "light", "expectedSha": new}),
            200,
            "light",
            "",
        ),
    ] {
        let answer = bench.post("/tags", &body).await.expect(status);
        assert_eq!(answer.json["existing"], status == 200, "{body}");
        assert_eq!(answer.data()["name"], name, "{body}");
        assert_eq!(
            answer.data()["commitSha"],
            bench.commit(&format!("refs/tags/{name}"))
        );
        let text = if status == 201 {
            "Tag created"
        } else {
            "Tag exists already"
        };
        assert_eq!(answer.json["message"], text, "{body}");
        let kind = bench
            .git
            .repo()
            .object_type(&format!("refs/tags/{name}"))
            .unwrap();
        if name == "light" {
            assert_eq!(
                (kind.as_str(), &answer.data()["annotated"]),
                ("commit", &json!(false))
            );
        } else {
            assert_eq!(
                (kind.as_str(), &answer.data()["annotated"]),
                ("tag", &json!(true))
            );
            let told = bench.git.repo().tag_message(name).unwrap();
            assert_eq!(told.trim_end(), message, "{body}");
        }
    }
    let moved = json!({"branch": "main", "name": "v1.0.0"});
    let conflict = bench.post("/tags", &moved).await.expect(409);
    assert_eq!(conflict.failure().0, "ref_conflict");
    assert_eq!(
        conflict.json["conflict"],
        json!({"ref": "refs/tags/v1.0.0", "existingSha": old, "wantedSha": new})
    );
    let unexpected = json!({"branch": "main", "name": "v3", "expectedSha": old});
    let unexpected = bench.post("/tags", &unexpected).await.expect(409);
    assert_eq!(unexpected.failure().0, "unexpected_commit");
    let none = json!({"branch": "none", "name": "v3"});
    assert_eq!(
        bench.post("/tags", &none).await.expect(404).failure().0,
        "branch_not_found"
    );
    let none = json!({"expectedSha": "0".repeat(40), "name": "v3"});
    assert_eq!(
        bench.post("/tags", &none).await.expect(404).failure().0,
        "commit_not_found"
    );
    assert_eq!(
        bench.git.repo().tag_names(),
        ["light", "v0.9.0", "v1.0.0", "wps_1.1.0"]
    );
}

#[tokio::test]
async fn notes_and_releases() {
    let bench = seeded().await;
    let new = bench.commit("main");
    let web = bench.git.repository_url();
    bench.git.repo().tag("w_1.1.0", "main");
    let asked = json!({"currentTag": "w_1.1.0", "releaseDate": "2026-11-23T23:00:00+02:00"});
    let notes = bench.post("/release-notes", &asked).await.expect(200);
    let text = notes.data()["notes"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Released on 2026-11-23\n\n## Changes from `v1.0.0` to `w_1.1.0`"));
    assert!(
        text.contains("`Third @dev` by `Dev Eloper`") && text.contains("[#12]"),
        "{text}"
    );
    assert_eq!(
        notes.json,
        json!({
            "success": true,
            "data": {
                "currentTag": "w_1.1.0",
                "previousTag": "v1.0.0",
                "notes": text,
                "count": 2,
                "exact": true,
                "truncated": false,
                "url": format!("{web}/compare/v1.0.0...w_1.1.0"),
            },
        })
    );
    let first = bench
        .post("/release-notes", &json!({"currentTag": "v1.0.0"}))
        .await
        .expect(200);
    assert_eq!(
        first.data()["previousTag"],
        Value::Null,
        "the first release"
    );
    bench.git.repo().tag("w_1.0.5", "v1.0.0");
    for (more, previous) in [
        (json!({"previousTag": "v1.0.0"}), "v1.0.0"),
        (
            json!({"parentTargets": ["WEB"], "baseVersion": "1.0.5"}),
            "w_1.0.5",
        ),
    ] {
        let mut body = json!({"currentTag": "w_1.1.0"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let notes = bench.post("/release-notes", &body).await.expect(200);
        assert_eq!(notes.data()["previousTag"], previous);
    }
    assert!(bench.git.writes().is_empty(), "notes make nothing");

    let wanted = json!({"targets": ["APP_STORE"], "version": "2.0.0", "branch": "main"});
    let made = bench.post("/releases", &wanted).await.expect(201);
    assert_eq!(made.json["message"], "Release created");
    assert_eq!(made.json["existing"], false);
    let data = made.data();
    let page = format!("{web}/releases/tag/as_2.0.0");
    assert_eq!(data["tag"]["commitSha"], new);
    assert_eq!(data["release"]["url"], page);
    assert_eq!(data["url"], page);
    assert_eq!(data["release"]["notes"], data["notes"]);
    assert_eq!(data["release"]["prerelease"], false);
    assert!(data.get("remark").is_none());
    assert_eq!(
        bench.git.repo().object_type("refs/tags/as_2.0.0").unwrap(),
        "tag"
    );
    let again = bench.post("/releases", &wanted).await.expect(200);
    assert_eq!(again.json["message"], "Release exists already");
    let mut found = data.clone();
    // Its notes are not made again, so nothing says which tag they begin at.
    found["previousTag"] = Value::Null;
    assert_eq!(again.data(), &found);
    let other = json!({"tag": "as_2.0.0", "name": "N", "notes": "Other", "prerelease": true});
    let conflict = bench.post("/releases", &other).await.expect(409);
    assert_eq!(conflict.failure().0, "release_conflict");
    assert_eq!(
        conflict.json["differs"],
        json!(["name", "notes", "prerelease"])
    );
    let given = json!({"tag": "v1.0.0", "name": "One", "notes": "Given *notes*\r\n"});
    let given = bench.post("/releases", &given).await.expect(201);
    assert_eq!(given.data()["release"]["name"], "One");
    assert_eq!(given.data()["notes"], "Given *notes*\r\n");
    assert_eq!(given.data()["previousTag"], Value::Null);
    let missing = bench
        .post("/releases", &json!({"tag": "none"}))
        .await
        .expect(404);
    assert_eq!(missing.failure().0, "tag_not_found");
}

#[tokio::test]
async fn where_there_are_no_releases_the_message_speaks_of_the_tag() {
    let bench = Bench::new(Dialect::Bitbucket).await;
    let body = json!({"tag": "v1", "branch": "main", "notes": "Notes"});
    let made = bench.post("/releases", &body).await.expect(201);
    assert_eq!(made.data()["release"], Value::Null);
    assert_eq!(made.json["message"], "Tag created");
    let again = bench.post("/releases", &body).await.expect(200);
    assert_eq!(again.json["message"], "Tag exists already");
}
