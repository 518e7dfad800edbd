//! What each route answers, on GitHub; what differs elsewhere is in the suite of the clients.

use actix_web::http::Method;
use scm_testkit::git_host::{Dialect, GitHost};
use serde_json::{Value, json};

use super::Bench;

/// Two commits behind the tag `v1.0.0`, and a branch beside them.
async fn seeded() -> Bench {
    let git = GitHost::start(Dialect::Github).await;
    git.repo().annotated_tag("v1.0.0", "main", "One\n");
    git.repo().commit("main", "Second (#12)");
    git.repo().commit("main", "Third @dev");
    git.repo().branch("release/1", "main");
    Bench::with(git).await
}

impl Bench {
    /// The commit that git finds under a name.
    fn commit(&self, rev: &str) -> String {
        self.git.repo().peel(rev).unwrap()
    }
}

#[tokio::test]
async fn reading() {
    let bench = seeded().await;
    let (old, new) = (bench.commit("v1.0.0"), bench.commit("main"));
    let middle = bench.commit("main~1");
    let web = bench.git.repository_url();
    let main = json!({"name": "main", "commitSha": new, "protected": false, "default": true});
    let listed = json!({"name": "v1.0.0", "commitSha": old, "annotated": null, "date": null});
    let branch =
        |name: &str| json!({"name": name, "commitSha": new, "protected": false, "default": false});
    let commit = |sha: &str, subject: &str, minute: u8, pull: Value| {
        json!({
            "sha": sha,
            "subject": subject,
            "author": "Dev Eloper",
            "date": format!("2026-01-01T00:0{minute}:00.000Z"),
            "pullRequest": pull,
            "url": format!("{web}/commit/{sha}"),
        })
    };
    let pull = json!({"number": 12, "url": format!("{web}/pull/12")});
    for (path, want) in [
        (
            "/branches",
            json!({"success": true, "data": [main, branch("release/1")], "count": 2}),
        ),
        (
            "/branches?search=REL",
            json!({"success": true, "data": [branch("release/1")], "count": 1}),
        ),
        (
            "/branches?search=none",
            json!({"success": true, "data": [], "count": 0}),
        ),
        ("/branches/main", json!({"success": true, "data": main})),
        (
            "/branches/release/1",
            json!({"success": true, "data": branch("release/1")}),
        ),
        (
            "/tags",
            json!({
                "success": true, "data": [listed], "count": 1, "truncated": false, "exact": true,
            }),
        ),
        (
            "/tags?prefix=v&search=1.0",
            json!({
                "success": true, "data": [listed], "count": 1, "truncated": false, "exact": true,
            }),
        ),
        (
            "/tags?prefix=w",
            json!({"success": true, "data": [], "count": 0, "truncated": false, "exact": true}),
        ),
        (
            "/tags/latest",
            json!({"success": true, "data": listed, "truncated": false, "exact": true}),
        ),
        (
            "/tags/latest?prefix=w",
            json!({"success": true, "data": null, "truncated": false, "exact": true}),
        ),
        (
            "/tags/v1.0.0",
            json!({
                "success": true,
                "data": {
                    "name": "v1.0.0",
                    "commitSha": old,
                    "annotated": true,
                    "date": null,
                    "message": "One\n",
                },
            }),
        ),
        (
            "/compare?base=v1.0.0&head=refs/heads/main",
            json!({
                "success": true,
                "data": {
                    "baseSha": old,
                    "headSha": new,
                    "count": 2,
                    "exact": true,
                    "commits": [
                        commit(&new, "Third @dev", 2, Value::Null),
                        commit(&middle, "Second (#12)", 1, pull),
                    ],
                    "truncated": false,
                    "url": format!("{web}/compare/v1.0.0...main"),
                },
            }),
        ),
        (
            "/cherry-picks?branch=main&tag=v1.0.0",
            json!({
                "success": true,
                "data": {
                    "hasCherryPicks": true,
                    "branchHead": new,
                    "tagCommit": old,
                    "url": format!("{web}/compare/v1.0.0...main"),
                },
            }),
        ),
        (
            "/urls",
            json!({"success": true, "data": {"repository": web}}),
        ),
        (
            "/urls?branch=a/b%23c&tag=v1&commit=0123456789012345678901234567890123456789",
            json!({
                "success": true,
                "data": {
                    "repository": web,
                    "branch": format!("{web}/tree/a/b%23c"),
                    "tag": format!("{web}/releases/tag/v1"),
                    "release": format!("{web}/releases/tag/v1"),
                    "commit": format!("{web}/commit/0123456789012345678901234567890123456789"),
                },
            }),
        ),
        (
            "/urls?base=refs/tags/v1.0.0&head=main",
            json!({
                "success": true,
                "data": {
                    "repository": web,
                    "compare": format!("{web}/compare/v1.0.0...main"),
                },
            }),
        ),
    ] {
        let answer = bench.get(path).await.expect(200);
        assert_eq!(answer.json, want, "{path}");
    }
    for (path, code) in [
        ("/branches/none", "branch_not_found"),
        ("/tags/none", "tag_not_found"),
        ("/tags/latest/x", "tag_not_found"),
        ("/compare?base=none&head=main", "ref_not_found"),
        (
            "/compare?base=main&head=refs/heads/none",
            "branch_not_found",
        ),
        ("/compare?base=main&head=refs/tags/none", "tag_not_found"),
        (
            "/compare?base=main&head=0123456789012345678901234567890123456789",
            "commit_not_found",
        ),
        ("/cherry-picks?branch=none&tag=v1.0.0", "branch_not_found"),
        ("/cherry-picks?branch=main&tag=none", "tag_not_found"),
    ] {
        let answer = bench.get(path).await.expect(404);
        assert_eq!(answer.failure().0, code, "{path}");
    }
    assert!(bench.git.writes().is_empty());
}

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
    for (more, previous) in [
        (json!({"previousTag": "v1.0.0"}), "v1.0.0"),
        (
            json!({"parentTargets": ["WEB"], "baseVersion": "1.1.0"}),
            "w_1.1.0",
        ),
    ] {
        let mut body = json!({"currentTag": "w_1.1.0"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let notes = bench.post("/release-notes", &body).await.expect(200);
        assert_eq!(notes.data()["previousTag"], previous);
    }
    let first = bench
        .post("/release-notes", &json!({"currentTag": "v1.0.0"}))
        .await
        .expect(200);
    assert_eq!(
        first.data()["previousTag"],
        Value::Null,
        "the first release"
    );
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
    assert_eq!(again.data(), data);
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
async fn each_path_has_its_methods() {
    let bench = seeded().await;
    let read = "GET, HEAD";
    for (path, allow) in [
        ("/branches", "GET, HEAD, POST"),
        ("/branches/main", read),
        ("/tags", "GET, HEAD, POST"),
        ("/tags/latest", read),
        ("/tags/v1.0.0", read),
        ("/compare?base=v1.0.0&head=main", read),
        ("/cherry-picks?branch=main&tag=v1.0.0", read),
        ("/release-notes", "POST"),
        ("/releases", "POST"),
        ("/urls", read),
    ] {
        let path = bench.path(path);
        let request = |method| bench.app.request(method, &path, None);
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = bench.app.send(request(method)).await.expect(405);
            assert_eq!(answer.header("allow"), Some(allow), "{path}");
        }
        let head = bench.app.send(request(Method::HEAD)).await;
        let get = bench.app.send(request(Method::GET)).await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(
            get.status,
            if allow == "POST" { 405 } else { 200 },
            "{path}"
        );
        assert_eq!(get.header("cache-control"), Some("no-store"));
    }
    for path in ["/branch", "/releases/v1", "/compare/x", "/urls/"] {
        assert_eq!(
            bench.get(path).await.expect(404).failure().0,
            "unknown_route",
            "{path}"
        );
    }
}

#[tokio::test]
async fn lists_are_walked_to_the_end() {
    let git = GitHost::start(Dialect::Github).await;
    git.repo()
        .branches((0..230).map(|number| format!("b/{number:03}")), "main");
    git.repo()
        .tags((0..40).map(|number| format!("v1.{number}.0")), "main");
    let want = git.repo().branch_names();
    let bench = Bench::with(git).await;
    for (path, limit, want) in [
        ("/branches", 60, want.clone()),
        ("/branches", 1000, want),
        (
            "/branches?search=b/1",
            30,
            (100..200).map(|number| format!("b/{number}")).collect(),
        ),
        (
            "/tags",
            7,
            (0..40)
                .rev()
                .map(|number| format!("v1.{number}.0"))
                .collect(),
        ),
    ] {
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut query = format!("{path}{mark}limit={limit}");
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = bench.get(&query).await.expect(200);
            let items = page.data().as_array().unwrap();
            assert_eq!(page.json["count"], items.len());
            assert!(items.len() <= limit, "{path}");
            seen.extend(
                items
                    .iter()
                    .map(|item| item["name"].as_str().unwrap().to_owned()),
            );
            pages += 1;
            let Some(cursor) = page.json["nextCursor"].as_str() else {
                break;
            };
            query = format!("{path}{mark}limit={limit}&cursor={cursor}");
        }
        assert_eq!(seen, want, "{path}");
        assert!(pages >= want.len().div_ceil(limit), "{path}");
    }
}
