//! What each reading route answers, on GitHub; what differs elsewhere is in the suite of the
//! clients.

use actix_web::http::Method;
use scm_testkit::git_host::{Dialect, GitHost};
use serde_json::{Value, json};

use super::Bench;

/// Two commits behind the tag `v1.0.0`, and a branch beside them.
pub(super) async fn seeded() -> Bench {
    let git = GitHost::start(Dialect::Github).await;
    git.repo().annotated_tag("v1.0.0", "main", "One\n");
    git.repo().commit("main", "Second (#12)");
    git.repo().commit("main", "Third @dev");
    git.repo().branch("release/1", "main");
    Bench::with(git).await
}

impl Bench {
    /// The commit that git finds under a name.
    pub(super) fn commit(&self, rev: &str) -> String {
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
